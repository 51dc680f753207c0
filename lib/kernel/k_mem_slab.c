/* SPDX-License-Identifier: Apache-2.0 */
/* Memory slabs: core/slab.h with threads that wait.
 *
 *    k_mem_slab_alloc ---- slab_take --------------------- a block: done, without a lock
 *                             |
 *                            none --> lock, say that somebody waits, queue up, unlock, sleep
 *
 *    k_mem_slab_free ----- slab_give --------------------- done, without a lock
 *                             |
 *                       somebody waits --> lock, hand the block over, unlock, wake
 *
 * That somebody waits is said in the same word that the fast paths swap, so neither can miss the
 * other: while it is said, no block is free, and all who give one back come for the lock.
 *
 * Where the processor lacks the instruction, in slabs that processes share, and where a memory
 * checker or a race detector runs, the lock is held around slab_take and slab_give too. Then a
 * handler that interrupts a call gets no block, and what it gives back is put off. */
#include <quarry/mem_slab.h>
#include <quarry/priority.h>
#include <zephyr/kernel/mem_slab.h>

#include <errno.h>

#include "core/bits.h"
#include "core/note.h"
#include "core/slab.h"
#include "kernel/obj_core.h"
#include "kernel/shared_slab.h"
#include "kernel/timeout.h"
#include "kernel/wait_queue.h"
#include "os/checkers.h"

#define UNUSUAL __attribute__((cold, noinline))

static inline bool is_lock_free(const struct k_mem_slab *slab)
{
    return SLAB_LOCK_FREE && __builtin_expect((slab->shared | checkers_present) == 0, 1);
}

static char *buffer_of(struct k_mem_slab *slab)
{
    return slab->shared == 0 ? slab->buffer : shared_slab_buffer(slab);
}

/* A memory checker in one process knows nothing of what others do with shared blocks. */
static void tell_checkers(const struct k_mem_slab *slab, void (*tell)(void *, size_t), void *start,
                          size_t bytes)
{
    if (checkers_present != 0 && slab->shared == 0) {
        tell(start, bytes);
    }
}

static size_t bytes_of(const struct k_mem_slab *slab)
{
    return slab->info.num_blocks * slab->info.block_size;
}

/* --- With the lock held --- */

static void give(const struct wait_queue *queue, struct stay *stay, void *mem)
{
    struct k_mem_slab *slab = queue->object;
    struct waiter *waiter = wait_queue_first(queue);
    uint32_t block = slab_block_of(&slab->info, (size_t)((char *)mem - buffer_of(slab)));

    if (waiter != NULL) {
        tell_checkers(slab, checkers_allow, mem, slab->info.block_size);
        shared_slab_begin_handing(slab, block);
        shared_slab_note_owner(slab, block, waiter->process_id);
        wait_queue_serve(queue, stay, waiter, mem);
        shared_slab_end_handing(slab);
    } else {
        slab_give(&slab->info, mem, block); /* nobody waits, so it is not refused */
        shared_slab_note_owner(slab, block, 0);
        tell_checkers(slab, checkers_forbid, mem, slab->info.block_size);
    }
}

static void idle(const struct wait_queue *queue)
{
    struct k_mem_slab *slab = queue->object;

    slab_end_wait(&slab->info);
}

/* Where one instruction changes all of a slab's state, it is good at any moment. */
static void mend(const struct wait_queue *queue, struct stay *stay)
{
    struct k_mem_slab *slab = queue->object;

    if (slab->shared != 0) {
        shared_slab_mend(slab, queue, stay);
    } else if (!SLAB_LOCK_FREE) {
        slab_recount(&slab->info, slab->buffer);
    }
}

static const struct wait_rules rules = {.give = give, .idle = idle, .mend = mend};

struct wait_queue k_mem_slab_queue(struct k_mem_slab *slab)
{
    return (struct wait_queue){&slab->wait_q, &rules, slab, shared_slab_places(slab)};
}

/* A block, or NULL. */
static void *take(struct k_mem_slab *slab)
{
    if (slab->info.touched == 0) {
        tell_checkers(slab, checkers_forbid, slab->buffer, bytes_of(slab));
    }
    note_enter();
    uint32_t block = slab_take(&slab->info, buffer_of(slab));
    note_leave();
    if (block == SLAB_NO_BLOCK) {
        return NULL;
    }
    void *mem = slab_block_at(&slab->info, buffer_of(slab), block);
    shared_slab_note_owner(slab, block, shared_slab_process(slab));
    tell_checkers(slab, checkers_allow, mem, slab->info.block_size);
    return mem;
}

/* The same, or NULL once all who give a block back know that somebody waits. */
static void *take_or_wait(struct k_mem_slab *slab)
{
    void *mem;

    do {
        mem = take(slab);
    } while (mem == NULL && !slab_begin_wait(&slab->info));
    return mem;
}

/* --- The slow halves --- */

UNUSUAL static int alloc_at_once(struct k_mem_slab *slab, void **mem)
{
    struct wait_queue queue = k_mem_slab_queue(slab);
    struct stay stay;

    *mem = NULL;
    if (!is_lock_free(slab) && wait_queue_enter(&queue, &stay)) {
        *mem = take(slab);
        wait_queue_leave(&queue, &stay);
    }
    return *mem != NULL ? 0 : -ENOMEM;
}

static int wait_for_block(struct k_mem_slab *slab, void **mem, struct sleeper *sleeper)
{
    static const struct wait_request nothing_special;
    struct stay stay;

    if (!wait_queue_enter(&sleeper->queue, &stay)) {
        return -ENOMEM; /* a signal handler, which must not wait */
    }
    void *block = take_or_wait(slab);
    if (block != NULL) {
        wait_queue_leave(&sleeper->queue, &stay);
    } else if (!wait_queue_sleep(sleeper, &nothing_special, &stay, &block)) {
        wait_queue_leave(&sleeper->queue, &stay);
        return sleeper->waiter != NULL ? -EAGAIN : -ENOMEM;
    }
    *mem = block;
    return 0;
}

UNUSUAL static int alloc_waiting(struct k_mem_slab *slab, void **mem, k_timeout_t timeout)
{
    struct wait_queue queue = k_mem_slab_queue(slab);
    struct sleeper sleeper;

    wait_queue_prepare(&queue, &sleeper, timeout_deadline_ns(timeout));
    int result = wait_for_block(slab, mem, &sleeper);
    wait_queue_finish(&sleeper);
    return result;
}

UNUSUAL static void free_with_lock(struct k_mem_slab *slab, void *mem)
{
    struct wait_queue queue = k_mem_slab_queue(slab);
    struct stay stay;

    if (!wait_queue_enter(&queue, &stay)) {
        wait_queue_defer(&queue, mem);
        return;
    }
    give(&queue, &stay, mem);
    wait_queue_leave(&queue, &stay);
}

/* --- The public calls --- */

int k_mem_slab_set_up(struct k_mem_slab *slab, void *buffer, size_t block_size, uint32_t num_blocks)
{
    size_t bytes;

    if (slab == NULL || buffer == NULL || block_size == 0 || num_blocks == 0 ||
        num_blocks > SLAB_MAX_BLOCKS || ((uintptr_t)buffer | block_size) % sizeof(void *) != 0 ||
        !size_multiply(block_size, num_blocks, &bytes) ||
        !size_add(bytes, (uintptr_t)buffer, &bytes)) {
        return -EINVAL;
    }
    *slab = (struct k_mem_slab){
        .info = {.block_size = block_size,
                 .reciprocal = UINT64_MAX / block_size + 1,
                 .num_blocks = num_blocks},
        .buffer = buffer,
    };
    return 0;
}

int k_mem_slab_init(struct k_mem_slab *slab, void *buffer, size_t block_size, uint32_t num_blocks)
{
    int result = k_mem_slab_set_up(slab, buffer, block_size, num_blocks);

    if (result == 0) {
        wait_queue_init(&slab->wait_q, 0, 0); /* cannot fail: it asks for nothing special */
        tell_checkers(slab, checkers_forbid, buffer, bytes_of(slab));
        obj_core_begin(K_OBJ_CORE(slab), &z_obj_type_mem_slab, &slab->info);
    }
    return result;
}

/* Where the one try of the fast path was not enough. */
UNUSUAL static int alloc_unusual(struct k_mem_slab *slab, void **mem, k_timeout_t timeout)
{
    if (is_lock_free(slab)) {
        uint32_t block = slab_take(&slab->info, slab->buffer);

        if (block != SLAB_NO_BLOCK) {
            *mem = slab_block_at(&slab->info, slab->buffer, block);
            return 0;
        }
    }
    int result = K_TIMEOUT_EQ(timeout, K_NO_WAIT) ? alloc_at_once(slab, mem)
                                                  : alloc_waiting(slab, mem, timeout);
    checkers_written(mem, sizeof(*mem)); /* or it has the value that it had before */
    return result;
}

/* What looks like a double free is looked into: other contents may look so, if hardly ever. */
static void check_is_used(struct k_mem_slab *slab, char *mem, uint32_t block)
{
    REQUIRE(block != SLAB_NO_BLOCK, "address is no block of the slab", slab, mem);
    REQUIRE(!slab_is_untouched(&slab->info, block), "block of a slab was never handed out", slab,
            mem);
    REQUIRE(!slab_looks_free(&slab->info, mem, block) ||
                !slab_is_free(&slab->info, buffer_of(slab), block),
            "block of a slab is free already: double free", slab, mem);
}

UNUSUAL static void free_unusual(struct k_mem_slab *slab, char *mem)
{
    uint32_t block = slab_block_of(&slab->info, (uintptr_t)mem - (uintptr_t)buffer_of(slab));

    note_enter(); /* it looks at what the user may not have written */
    check_is_used(slab, mem, block);
    note_leave();
    if (!is_lock_free(slab) || !slab_give(&slab->info, mem, block)) {
        free_with_lock(slab, mem);
    }
}

#if SLAB_LOCK_FREE
int k_mem_slab_alloc(struct k_mem_slab *slab, void **mem, k_timeout_t timeout)
{
    if (is_lock_free(slab)) {
        char *taken = slab_try_take(&slab->info, slab->buffer, sync_is_alone());

        if (__builtin_expect(taken != NULL, 1)) {
            *mem = taken;
            return 0;
        }
    }
    return alloc_unusual(slab, mem, timeout);
}

void k_mem_slab_free(struct k_mem_slab *slab, void *mem)
{
    if (is_lock_free(slab)) {
        uint32_t block = slab_block_of(&slab->info, (uintptr_t)mem - (uintptr_t)slab->buffer);

        if (__builtin_expect(!slab_is_untouched(&slab->info, block) &&
                                 !slab_looks_free(&slab->info, mem, block) &&
                                 slab_try_give(&slab->info, mem, block, sync_is_alone()),
                             1)) {
            return;
        }
    }
    free_unusual(slab, mem);
}
#else
int k_mem_slab_alloc(struct k_mem_slab *slab, void **mem, k_timeout_t timeout)
{
    return alloc_unusual(slab, mem, timeout);
}

void k_mem_slab_free(struct k_mem_slab *slab, void *mem)
{
    free_unusual(slab, mem);
}
#endif

int k_mem_slab_runtime_stats_get(struct k_mem_slab *slab, struct sys_memory_stats *stats)
{
    if (slab == NULL || stats == NULL) {
        return -EINVAL;
    }
    uint32_t num_used = k_mem_slab_num_used_get(slab);

    stats->allocated_bytes = num_used * slab->info.block_size;
    stats->free_bytes = (slab->info.num_blocks - num_used) * slab->info.block_size;
    stats->max_allocated_bytes = k_mem_slab_max_used_get(slab) * slab->info.block_size;
    return 0;
}

int k_mem_slab_runtime_stats_reset_max(struct k_mem_slab *slab)
{
    if (slab == NULL) {
        return -EINVAL;
    }
    __atomic_store_n(&slab->info.max_used, k_mem_slab_num_used_get(slab), __ATOMIC_RELAXED);
    return 0;
}

int quarry_mem_slab_inherit_priority(struct k_mem_slab *slab)
{
    if (slab->shared != 0) {
        return -EINVAL;
    }
    return wait_queue_enable(&slab->wait_q, LOCK_INHERIT) ? 0 : -ENOTSUP;
}

void quarry_mem_slab_end(struct k_mem_slab *slab)
{
    tell_checkers(slab, checkers_allow, slab->buffer, bytes_of(slab));
    slab->info.num_blocks = 0;
}

bool quarry_mem_slab_validate(struct k_mem_slab *slab)
{
    note_enter();
    bool good = slab_validate(&slab->info, buffer_of(slab));
    note_leave();
    return good;
}
