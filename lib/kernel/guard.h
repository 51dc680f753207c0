/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of an object, as threads, signal handlers and the children of forks meet it.
 *
 *    struct visit visit;
 *    guard_enter(&object->lock, &visit);     lock
 *        ... one call of core ...
 *    guard_leave(&object->lock, &visit);     unlock
 *
 * wait_queue.h has the same for objects that threads wait for; it stands on the lower half of this.
 */
#ifndef QUARRY_KERNEL_GUARD_H
#define QUARRY_KERNEL_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/spinlock.h>

/* A stretch of time in which a thread is inside of objects: one more if a signal handler that
 * interrupted it is inside of some, too. */
struct visit {
    struct visit *outer; /* the one that a signal handler has interrupted; else NULL */
    bool holds;          /* the lock is held; of guard_enter and guard_enter_both only */
};

/* Waits for the lock and takes it. But a signal handler that has interrupted a visit does not
 * wait: if it cannot have the lock at once, it goes in without (visit->holds is false then). So
 * what follows must be such that it may come between any two instructions of itself.
 *
 * In the child of a fork a lock is free that another thread held in the parent. */
void guard_enter(struct k_spinlock *spinlock, struct visit *visit);
void guard_leave(struct k_spinlock *spinlock, struct visit *visit);

/* The same with two locks, or with the same one twice: both or none are held. Whoever takes two
 * takes that with the lower address first. */
void guard_enter_both(struct k_spinlock *one, struct k_spinlock *other, struct visit *visit);
void guard_leave_both(struct k_spinlock *one, struct k_spinlock *other, struct visit *visit);

/* --- The lower half --- */

/* Forks that this process has gone through. */
extern uint32_t guard_forks;

/* A visit begins and ends; signal handlers know of it for as long as the lock may be held. */
void visit_begin(struct visit *visit);
void visit_end(const struct visit *visit);

/* Whether the visit is that of a handler that has interrupted another one. Then it may wait for no
 * lock, also not for that of another object: the thread that has it may be interrupted by a handler
 * that waits for the lock which is held here. */
static inline bool visit_may_not_wait(const struct visit *visit)
{
    return visit->outer != NULL;
}

/* Whether the lock is one that a thread of this process can hold: false in the child of a fork,
 * until guard_make_good. */
static inline bool guard_is_good(const struct k_spinlock *spinlock)
{
    return __builtin_expect(__atomic_load_n(&spinlock->fork_count, __ATOMIC_ACQUIRE) ==
                                __atomic_load_n(&guard_forks, __ATOMIC_RELAXED),
                            1);
}

/* Called in the child of a fork with the lock held. `was_held`: by a thread that is not here, and
 * may have been in the middle of a change. */
typedef void guard_inherit_fn(void *context, bool was_held);

/* Makes the lock good, with its LOCK_ abilities, and calls inherit, which may be NULL. False iff
 * another thread, or the one that is interrupted, is at it. */
bool guard_make_good(struct k_spinlock *spinlock, unsigned int abilities, guard_inherit_fn *inherit,
                     void *context);

/* For a lock that is made in this moment. */
void guard_begin(struct k_spinlock *spinlock);

#endif
