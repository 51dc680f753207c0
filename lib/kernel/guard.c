/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of an object, as threads, signal handlers and the children of forks meet it.
 *
 *    visits (of this thread) --> | visit, of a handler | --outer--> | visit, interrupted | --> NULL
 *
 * Signal handlers. A handler may have interrupted its own thread while that held a lock, which
 * `visits` tells. Then it does not wait, also not for the lock of another object, since the thread
 * that has it may be interrupted by a handler that waits for this one. So
 *
 *   1. no handler waits for what its own thread must do first, and no two for each other.
 *
 * A handler that has interrupted no visit may wait like a thread.
 *
 * Fork. The child has the memory but not the threads. Each lock carries the number of forks that
 * its process had gone through when it was last known to be good; the first visit in a child finds
 * another number, and makes the lock free if a thread held it that is not there. */
#include "kernel/guard.h"

#include <stdatomic.h>

#include "kernel/lock.h"
#include "os/os.h"

_Static_assert(Z_KERNEL_LOCK_RANK == LOCK_RANK_KERNEL, "static objects have the rank of others");

/* fork_count of a lock that somebody is making good. */
#define FORK_COUNT_BUSY UINT32_MAX

/* The visits of this thread, the innermost first: more than one if signal handlers interrupt each
 * other. */
static _Thread_local struct visit *volatile visits;

uint32_t guard_forks; /* relaxed: in the child there is one thread when it changes */

static void count_fork(void)
{
    __atomic_store_n(&guard_forks, guard_forks + 1, __ATOMIC_RELAXED);
}

__attribute__((constructor)) static void watch_forks(void)
{
    os_at_fork(NULL, NULL, count_fork); /* if refused: children must not use the parent's objects */
}

void visit_begin(struct visit *visit)
{
    visit->outer = visits;
    visits = visit;
    atomic_signal_fence(memory_order_seq_cst); /* handlers must know before the lock is touched */
}

void visit_end(const struct visit *visit)
{
    atomic_signal_fence(memory_order_seq_cst);
    visits = visit->outer;
}

void guard_begin(struct k_spinlock *spinlock)
{
    spinlock->fork_count = __atomic_load_n(&guard_forks, __ATOMIC_RELAXED);
}

/* In the child: the thread that held the lock is not here. */
static void inherit_lock(struct k_spinlock *spinlock, unsigned int abilities,
                         guard_inherit_fn *inherit, void *context)
{
    struct lock *lock = lock_of(spinlock);
    bool was_held = !lock_try(lock);

    if (was_held) {
        lock_init(lock, lock->rank, abilities); /* as it could before */
        lock_try(lock);
    }
    if (inherit != NULL) {
        inherit(context, was_held);
    }
    lock_release(lock);
}

bool guard_make_good(struct k_spinlock *spinlock, unsigned int abilities, guard_inherit_fn *inherit,
                     void *context)
{
    uint32_t seen = __atomic_load_n(&spinlock->fork_count, __ATOMIC_RELAXED);

    if (seen == FORK_COUNT_BUSY ||
        !__atomic_compare_exchange_n(&spinlock->fork_count, &seen, FORK_COUNT_BUSY, false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return false;
    }
    inherit_lock(spinlock, abilities, inherit, context);
    __atomic_store_n(&spinlock->fork_count, __atomic_load_n(&guard_forks, __ATOMIC_RELAXED),
                     __ATOMIC_RELEASE);
    return true;
}

/* --- Objects without a queue --- */

static bool is_or_becomes_good(struct k_spinlock *spinlock)
{
    return guard_is_good(spinlock) || guard_make_good(spinlock, 0, NULL, NULL);
}

static void wait_until_good(struct k_spinlock *spinlock)
{
    while (!is_or_becomes_good(spinlock)) {
        os_yield();
    }
}

static bool try_to_take(struct k_spinlock *spinlock)
{
    return is_or_becomes_good(spinlock) && lock_try(lock_of(spinlock));
}

void guard_enter(struct k_spinlock *spinlock, struct visit *visit)
{
    visit_begin(visit);
    if (visit_may_not_wait(visit)) {
        visit->holds = try_to_take(spinlock);
        return;
    }
    wait_until_good(spinlock);
    lock_acquire(lock_of(spinlock));
    visit->holds = true;
}

void guard_leave(struct k_spinlock *spinlock, struct visit *visit)
{
    if (visit->holds) {
        lock_release(lock_of(spinlock));
    }
    visit_end(visit);
}

static struct k_spinlock *first_of(struct k_spinlock *one, struct k_spinlock *other)
{
    return (uintptr_t)one < (uintptr_t)other ? one : other;
}

static struct k_spinlock *second_of(struct k_spinlock *one, struct k_spinlock *other)
{
    return (uintptr_t)one < (uintptr_t)other ? other : one;
}

static bool try_to_take_both(struct k_spinlock *one, struct k_spinlock *other)
{
    if (!try_to_take(one)) {
        return false;
    }
    if (!try_to_take(other)) {
        lock_release(lock_of(one));
        return false;
    }
    return true;
}

void guard_enter_both(struct k_spinlock *one, struct k_spinlock *other, struct visit *visit)
{
    if (one == other) {
        guard_enter(one, visit);
        return;
    }
    visit_begin(visit);
    if (visit_may_not_wait(visit)) {
        visit->holds = try_to_take_both(one, other);
        return;
    }
    wait_until_good(one);
    wait_until_good(other);
    lock_acquire(lock_of(first_of(one, other)));
    lock_acquire_second(lock_of(second_of(one, other)), lock_of(first_of(one, other)));
    visit->holds = true;
}

void guard_leave_both(struct k_spinlock *one, struct k_spinlock *other, struct visit *visit)
{
    if (visit->holds && one != other) {
        lock_release(lock_of(other));
    }
    guard_leave(one, visit);
}
