/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of an object that threads wait for, as it is entered and left. guard.c says how signal
 * handlers and the children of forks meet a lock; here it is what they do about the queue.
 *
 * Signal handlers. A handler that must not wait for the lock, and cannot have it, is refused. What
 * it frees goes onto `deferred`, and then it tries once more: it, or whoever has the lock now,
 * finds the block there, for each looks after the other has acted. So
 *
 *   1. no block stays in `deferred` for longer than the lock is held.
 *
 * Fork. The child has the memory but not the threads: its first stay in an object empties the
 * queue, and if the lock was held, the object must be looked after.
 *
 * Shared between processes: the lock is robust, and who finds that its holder has died puts the
 * queue and the object in order before he goes on. */
#include "kernel/wait_queue.h"

#include "core/check.h"
#include "core/note.h"
#include "kernel/lock.h"
#include "os/checkers.h"
#include "os/os.h"

static struct lock *lock_of_queue(const struct wait_queue *queue)
{
    return lock_of(&queue->waiters->lock);
}

bool wait_queue_init(_wait_q_t *waiters, unsigned int abilities, uint32_t shared_places)
{
    waiters->first = 0;
    waiters->deferred = NULL;
    waiters->abilities = abilities;
    waiters->shared_places = shared_places;
    guard_begin(&waiters->lock);
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

/* A queue that the child of a fork inherits, and the stay in which it is the first to see it. */
struct inheritance {
    const struct wait_queue *queue;
    struct stay *stay;
};

/* The threads that waited, and the one that held the lock, are not here. */
static void inherit(void *context, bool was_held)
{
    const struct inheritance *inheritance = context;
    const struct wait_queue *queue = inheritance->queue;

    queue->waiters->first = 0;
    if (was_held) {
        queue->rules->mend(queue, inheritance->stay);
    }
    queue->rules->idle(queue);
}

/* In a process that was forked since, makes the queue good first. False iff somebody is at it. */
static bool is_good(const struct wait_queue *queue, struct stay *stay)
{
    struct inheritance inheritance = {queue, stay};

    if (guard_is_good(&queue->waiters->lock) || wait_queue_is_shared(queue)) {
        return true;
    }
    return guard_make_good(&queue->waiters->lock, queue->waiters->abilities, inherit, &inheritance);
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

bool wait_queue_enter(const struct wait_queue *queue, struct stay *stay)
{
    stay->served = stay->last = NULL;
    visit_begin(&stay->visit);
    if (!visit_may_not_wait(&stay->visit)) {
        acquire(queue, stay);
        return true;
    }
    REQUIRE(!wait_queue_is_shared(queue),
            "signal handler uses a shared object while its thread is inside of one", queue->object,
            NULL);
    if (!is_good(queue, stay) || !lock_try(lock_of_queue(queue))) {
        visit_end(&stay->visit);
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
        lock_release_then_read(lock_of_queue(queue)); /* rule 1 */
        wake(queue, stay);
    } while (has_deferred(queue) && lock_try(lock_of_queue(queue)));
    visit_end(&stay->visit);
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
