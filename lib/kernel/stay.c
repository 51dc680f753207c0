/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of an object, as it is entered and left: with signal handlers that come in between,
 * after a fork, and after the death of its holder.
 *
 *    stays (of this thread) --> | stay, of a handler | --outer--> | stay, interrupted | --> NULL
 *
 * Signal handlers. A handler may have interrupted its own thread while that held a lock, which
 * `stays` tells. Then it does not wait, also not for the lock of another object, since the thread
 * that has it may be interrupted by a handler that waits for this one. What such a handler frees
 * goes onto `deferred`, and then it tries once more: it, or whoever has the lock now, finds the
 * block there, for each looks after the other has acted. So
 *
 *   1. no handler waits for what its own thread must do first, and no two for each other;
 *   2. no block stays in `deferred` for longer than the lock is held.
 *
 * A handler that has interrupted none of this may wait like a thread.
 *
 * Fork. The child has the memory but not the threads: its first stay in an object empties the
 * queue, and makes the lock free if it was held, in which case the object must be looked after.
 *
 * Shared between processes: the lock is robust, and who finds that its holder has died puts the
 * queue and the object in order before he goes on. */
#include "kernel/wait_queue.h"

#include <stdatomic.h>

#include "core/check.h"
#include "core/note.h"
#include "kernel/lock.h"
#include "os/checkers.h"
#include "os/os.h"

_Static_assert(Z_KERNEL_LOCK_RANK == LOCK_RANK_KERNEL, "static objects have the rank of others");

/* fork_count of a queue that somebody is making good. */
#define FORK_COUNT_BUSY UINT32_MAX

/* The stays of this thread, the innermost first: more than one if signal handlers interrupt each
 * other. */
static _Thread_local struct stay *volatile stays;

static uint32_t fork_count; /* relaxed: in the child there is one thread when it changes */

static void count_fork(void)
{
    __atomic_store_n(&fork_count, fork_count + 1, __ATOMIC_RELAXED);
}

__attribute__((constructor)) static void watch_forks(void)
{
    os_at_fork(NULL, NULL, count_fork); /* if refused: children must not use the parent's objects */
}

static struct lock *lock_of_queue(const struct wait_queue *queue)
{
    return lock_of(&queue->waiters->lock);
}

bool wait_queue_init(_wait_q_t *waiters, unsigned int abilities, uint32_t shared_places)
{
    waiters->first = 0;
    waiters->deferred = NULL;
    waiters->fork_count = __atomic_load_n(&fork_count, __ATOMIC_RELAXED);
    waiters->abilities = abilities;
    waiters->shared_places = shared_places;
    return lock_init(lock_of(&waiters->lock), LOCK_RANK_KERNEL, abilities);
}

bool wait_queue_enable(_wait_q_t *waiters, unsigned int abilities)
{
    struct lock *lock = lock_of(&waiters->lock);

    lock_acquire(lock); /* a static one that nobody has used yet is not known to race detectors */
    lock_release(lock);
    lock_end(lock);
    return wait_queue_init(waiters, abilities, 0);
}

/* In the child of a fork: the threads that waited, and the one that held the lock, are not here. */
static void make_good(const struct wait_queue *queue, struct stay *stay)
{
    struct lock *lock = lock_of_queue(queue);
    bool was_held = !lock_try(lock);

    if (was_held) {
        lock_init(lock, LOCK_RANK_KERNEL, queue->waiters->abilities); /* as it could before */
        lock_try(lock);
    }
    queue->waiters->first = 0;
    if (was_held) {
        queue->rules->mend(queue, stay);
    }
    queue->rules->idle(queue);
    lock_release(lock);
}

/* In a process that was forked since, makes the queue good first. False iff somebody is at it. */
static bool is_good(const struct wait_queue *queue, struct stay *stay)
{
    uint32_t now = __atomic_load_n(&fork_count, __ATOMIC_RELAXED);
    uint32_t seen = __atomic_load_n(&queue->waiters->fork_count, __ATOMIC_ACQUIRE);

    if (__builtin_expect(seen == now || wait_queue_is_shared(queue), 1)) {
        return true;
    }
    if (seen == FORK_COUNT_BUSY ||
        !__atomic_compare_exchange_n(&queue->waiters->fork_count, &seen, FORK_COUNT_BUSY, false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return false;
    }
    make_good(queue, stay);
    __atomic_store_n(&queue->waiters->fork_count, now, __ATOMIC_RELEASE);
    return true;
}

/* A waiter may be gone as soon as it is posted to. */
static void wake(const struct wait_queue *queue, struct stay *stay)
{
    struct waiter *waiter = stay->served;

    while (waiter != NULL) {
        struct waiter *next = waiter->next == 0 ? NULL : wait_queue_at(queue, waiter->next);

        wakeup_post(&waiter->wakeup);
        waiter = next;
    }
    stay->served = stay->last = NULL;
}

static void acquire(const struct wait_queue *queue, struct stay *stay)
{
    while (!is_good(queue, stay)) {
        os_yield();
    }
    if (!wait_queue_is_shared(queue)) {
        lock_acquire(lock_of_queue(queue));
    } else if (lock_acquire_shared(lock_of_queue(queue)) == LOCK_OWNER_DIED) {
        wait_queue_rebuild(queue);
        queue->rules->mend(queue, stay);
        lock_mend(lock_of_queue(queue));
        wake(queue, stay); /* the caller may queue up in a place that was just served */
    }
}

static void begin_stay(struct stay *stay)
{
    *stay = (struct stay){.outer = stays};
    stays = stay;
    atomic_signal_fence(memory_order_seq_cst); /* handlers must know before the lock is touched */
}

static void end_stay(const struct stay *stay)
{
    atomic_signal_fence(memory_order_seq_cst);
    stays = stay->outer;
}

bool wait_queue_enter(const struct wait_queue *queue, struct stay *stay)
{
    bool in_handler = stays != NULL;

    REQUIRE(!in_handler || !wait_queue_is_shared(queue),
            "signal handler uses a shared object while its thread is inside of one", queue->object,
            NULL);
    begin_stay(stay);
    if (!in_handler) {
        acquire(queue, stay);
    } else if (!is_good(queue, stay) || !lock_try(lock_of_queue(queue))) {
        end_stay(stay);
        return false;
    }
    return true;
}

/* A block that waits to be given back, in its own first word. */
struct deferred {
    struct deferred *next;
};

static void give_deferred(const struct wait_queue *queue, struct stay *stay)
{
    struct deferred *block = __atomic_exchange_n(&queue->waiters->deferred, NULL, __ATOMIC_ACQUIRE);

    while (block != NULL) {
        note_enter(); /* a block may be smaller than a pointer, for a memory checker */
        struct deferred *next = block->next;
        note_leave();

        queue->rules->give(queue, stay, block);
        block = next;
    }
}

static bool has_deferred(const struct wait_queue *queue)
{
    return __atomic_load_n(&queue->waiters->deferred, __ATOMIC_SEQ_CST) != NULL;
}

void wait_queue_leave(const struct wait_queue *queue, struct stay *stay)
{
    do {
        if (has_deferred(queue)) {
            give_deferred(queue, stay);
        }
        if (wait_queue_is_shared(queue) || checkers_want_locks()) {
            wake(queue, stay); /* who wakes by itself may leave its place to another waiter */
        }
        lock_release_then_read(lock_of_queue(queue)); /* rule 2 */
        wake(queue, stay);
    } while (has_deferred(queue) && lock_try(lock_of_queue(queue)));
    end_stay(stay);
}

void wait_queue_defer(const struct wait_queue *queue, void *mem)
{
    void *first = __atomic_load_n(&queue->waiters->deferred, __ATOMIC_RELAXED);
    struct deferred *block = mem;
    struct stay stay;

    do {
        note_enter();
        block->next = first;
        note_leave();
    } while (!__atomic_compare_exchange_n(&queue->waiters->deferred, &first, block, true,
                                          __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    if (wait_queue_enter(queue, &stay)) {
        wait_queue_leave(queue, &stay);
    }
}
