/* SPDX-License-Identifier: Apache-2.0 */
/* Looks into a slab's queue under its lock. */
#include "slab_queue.h"

#include "core/slab.h"
#include "kernel/shared_slab.h"
#include "queue_look.h"

size_t slab_waiters(struct k_mem_slab *slab)
{
    struct wait_queue queue = k_mem_slab_queue(slab);

    return queue_waiters(&queue);
}

void await_slab_waiters(struct k_mem_slab *slab, size_t count)
{
    struct wait_queue queue = k_mem_slab_queue(slab);

    await_queue_waiters(&queue, count);
}

bool slab_is_at_rest(struct k_mem_slab *slab, uint32_t num_used)
{
    return slab_waiters(slab) == 0 && slab->wait_q.deferred == NULL &&
           slab->info.first_free != SLAB_WAITED_FOR && k_mem_slab_num_used_get(slab) == num_used &&
           slab_validate(&slab->info, slab->buffer);
}
