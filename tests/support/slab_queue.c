/* SPDX-License-Identifier: Apache-2.0 */
/* Looks into a slab's queue under its lock. */
#include "slab_queue.h"

#include "core/slab.h"
#include "kernel/shared_slab.h"
#include "kernel/wait_queue.h"
#include "os/os.h"

size_t slab_waiters(struct k_mem_slab *slab)
{
    struct wait_queue queue = k_mem_slab_queue(slab);
    struct stay stay;
    size_t count = 0;

    if (wait_queue_enter(&queue, &stay)) {
        for (struct waiter *waiter = wait_queue_first(&queue); waiter != NULL;
             waiter = wait_queue_after(&queue, waiter)) {
            count++;
        }
        wait_queue_leave(&queue, &stay);
    }
    return count;
}

void await_slab_waiters(struct k_mem_slab *slab, size_t count)
{
    while (slab_waiters(slab) != count) {
        os_yield();
    }
}

bool slab_is_at_rest(struct k_mem_slab *slab, uint32_t num_used)
{
    return slab_waiters(slab) == 0 && slab->wait_q.deferred == NULL &&
           slab->info.first_free != SLAB_WAITED_FOR && k_mem_slab_num_used_get(slab) == num_used &&
           slab_validate(&slab->info, slab->buffer);
}
