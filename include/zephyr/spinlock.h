/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Locks that are held for a short time, also against signal handlers of the thread that has them.
 *
 *     static struct k_spinlock lock;
 *
 *     k_spinlock_key_t key = k_spin_lock(&lock);
 *     ...
 *     k_spin_unlock(&lock, key);
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    O(1): a mutex, and a system call, as signals are blocked while a thread has such a lock.
 *
 * Blocks:  k_spin_lock, until the lock is free. Who waits sleeps.
 *
 * Threads: any. Who has a lock may take others, and may use the library's objects, with K_NO_WAIT;
 *          locks are given back in any order, by the thread that took them.
 *
 * Signals: also from a handler. One that interrupted a thread which has the lock cannot be: it runs
 *          once the thread has no such lock any more.
 *
 * Fork:    a lock that another thread has while the process forks is taken in the child, for ever.
 *
 * Owner:   the caller owns the lock. A zeroed one is free; there is no destroy function.
 *
 * Misuse:  taking a lock twice hangs; giving one back that is not taken is not noticed.
 *
 * Source:  Zephyr's <zephyr/spinlock.h>. Differs from Zephyr: not the processor's interrupts are
 *          held back, but the calling thread's signals; other threads go on.
 */
#ifndef ZEPHYR_INCLUDE_SPINLOCK_H_
#define ZEPHYR_INCLUDE_SPINLOCK_H_

#include <pthread.h>
#include <stdint.h>
#include <zephyr/sys/util_macro.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** A lock, and part of the library's own objects; not to be looked into. */
struct k_spinlock {
    pthread_mutex_t mutex; /**< free when zero */
    unsigned int rank;     /**< its place in the order in which the library takes locks; constant */
    uint32_t fork_count;   /**< forks that the process had gone through when this was known good */
};

/** What k_spin_lock returns, for k_spin_unlock. */
typedef struct {
    int key; /**< the library's own */
} k_spinlock_key_t;

/** @cond internal */
#define Z_KERNEL_LOCK_RANK 69
#define Z_SPINLOCK_INIT                                                                            \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, Z_KERNEL_LOCK_RANK, 0                                           \
    }
/** @endcond */

/** Takes a lock. */
k_spinlock_key_t k_spin_lock(struct k_spinlock *l);

/**
 * Takes a lock, if it is free.
 *
 * @param l the lock
 * @param k where what k_spin_unlock wants goes
 * @return 0; -EBUSY iff it is taken: then @p k is as it was
 */
int k_spin_trylock(struct k_spinlock *l, k_spinlock_key_t *k);

/** Gives a lock back. */
void k_spin_unlock(struct k_spinlock *l, k_spinlock_key_t key);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

/** Has the lock @p lck for the following block, which "continue" leaves early, and nothing else
 *  may. */
#define K_SPINLOCK(lck)                                                                            \
    Z_SPINLOCK_(lck, UTIL_CAT(z_spin_done_, __LINE__), UTIL_CAT(z_spin_key_, __LINE__))
/** @cond internal */
#define Z_SPINLOCK_(lck, done, spin_key)                                                           \
    for (k_spinlock_key_t done = {0}, spin_key = k_spin_lock(lck); done.key == 0;                  \
         k_spin_unlock((lck), spin_key), done.key = 1)
/** @endcond */

/** Leaves the block of K_SPINLOCK. */
#define K_SPINLOCK_BREAK continue

#endif
