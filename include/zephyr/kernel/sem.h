/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Counting semaphores.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    O(1), and a lock; with w threads that wait, one that joins them looks at those of lower
 *          priority.
 *
 * Blocks:  for the lock, which is held for one such call; and as said.
 *
 * Threads: any at the same time. Who takes sees all that was written before what it takes was
 * given.
 *
 * Signals: k_sem_give and k_sem_count_get may be called from a handler, whatever it interrupted; so
 *          may k_sem_take with K_NO_WAIT, which returns -EBUSY as well if the handler interrupted a
 *          call on this semaphore, or one on another object while this one's lock is taken. What a
 *          handler gives while it cannot have the lock is given when that is free.
 *
 * Fork:    a child has a copy of the semaphore, and nobody waits in it. A call that another thread
 *          is in while the process forks has happened for the child, or has not;
 *          what handlers have put off, and that call was about to make good, may be missing there.
 *
 * Owner:   the caller owns the semaphore, and must keep it in place. There is no destroy function:
 *          one that nobody uses any more holds nothing that must be given back.
 *
 * Misuse:  is not noticed: NULL, or a semaphore that was not initialised.
 *
 * Source:  Zephyr's <zephyr/kernel.h>, section "Semaphore APIs".
 */
#ifndef ZEPHYR_INCLUDE_KERNEL_SEM_H_
#define ZEPHYR_INCLUDE_KERNEL_SEM_H_

#include <limits.h>
#include <stdint.h>
#include <zephyr/sys/util.h>
#include <zephyr/sys_clock.h>
#include <zephyr/wait_q.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** A semaphore; all in it is the library's own. */
struct k_sem {
    _wait_q_t wait_q;
    unsigned int count; /**< guarded by the lock; atomic, for k_sem_count_get */
    unsigned int limit; /**< constant */
    /* What signal handlers gave while the lock was taken: */
    uint32_t put_off;      /**< how many; atomic */
    uint32_t is_announced; /**< `announcement` is among what wait_q puts off; atomic */
    void *announcement;    /**< a link there */
};

/** The highest limit there is. */
#define K_SEM_MAX_LIMIT UINT_MAX

/** @cond internal */
#define Z_SEM_INITIALIZER(obj, initial_count, count_limit)                                         \
    {                                                                                              \
        Z_WAIT_Q_INIT, (initial_count), (count_limit), 0, 0, NULL                                  \
    }
/** @endcond */

/**
 * Defines a semaphore, ready for use before any code of the program runs; "static" may go before
 * it.
 *
 * @param name          of the semaphore
 * @param initial_count how many it has, at most @p count_limit
 * @param count_limit   how many it can have, at least 1
 */
#define K_SEM_DEFINE(name, initial_count, count_limit)                                             \
    struct k_sem name = Z_SEM_INITIALIZER(name, initial_count, count_limit);                       \
    BUILD_ASSERT((count_limit) != 0 && (initial_count) <= (count_limit),                           \
                 "a semaphore has more than it can have")

/**
 * Makes a semaphore.
 *
 * @param sem           the semaphore; what it was before is lost
 * @param initial_count how many it has
 * @param limit         how many it can have
 * @return 0; -EINVAL iff @p limit is 0, or @p initial_count above it
 *
 * Blocks:  never.
 *
 * Threads: nobody may use the semaphore meanwhile.
 */
int k_sem_init(struct k_sem *sem, unsigned int initial_count, unsigned int limit);

/**
 * Takes one, or waits for it.
 *
 * @param sem     the semaphore
 * @param timeout how long to wait; counts from the call
 * @return 0; -EBUSY iff there is none and @p timeout is K_NO_WAIT; -EAGAIN iff @p timeout went by,
 *         or k_sem_reset was called meanwhile
 *
 * Blocks:  until one is given, or for the timeout. Threads that wait are served in the order of
 *          their priorities (k_thread_priority_set), and of arrival among equals; nobody who comes
 *          later is served earlier. A cancellation point if it waits: a thread that is cancelled
 *          leaves no trace.
 */
int k_sem_take(struct k_sem *sem, k_timeout_t timeout);

/**
 * Gives one: to the first thread that waits, if any; else the semaphore has one more, unless it has
 * as many as it can have.
 *
 * @param sem the semaphore
 */
void k_sem_give(struct k_sem *sem);

/**
 * Takes all there are, and ends the waiting of all threads: their calls return -EAGAIN.
 *
 * @param sem the semaphore
 *
 * Cost:    O(threads that wait).
 *
 * Signals: not from a handler: one that cannot have the lock is reported, and the program aborts.
 */
void k_sem_reset(struct k_sem *sem);

/** @return how many a semaphore has at this moment */
static inline unsigned int k_sem_count_get(struct k_sem *sem)
{
    return __atomic_load_n(&sem->count, __ATOMIC_RELAXED);
}

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
