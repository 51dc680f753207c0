/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The lock inside of kernel objects: the library's own, here because users declare such objects.
 *
 * Source: Zephyr's <zephyr/spinlock.h>, of which it has the name of the type. Differs from Zephyr:
 * there are no functions, and who waits for it sleeps.
 */
#ifndef ZEPHYR_INCLUDE_SPINLOCK_H_
#define ZEPHYR_INCLUDE_SPINLOCK_H_

#include <pthread.h>
#include <stdint.h>

/** A lock; not to be touched by users. */
struct k_spinlock {
    pthread_mutex_t mutex; /**< free when zero */
    unsigned int rank;     /**< its place in the order in which the library takes locks; constant */
    uint32_t fork_count;   /**< forks that the process had gone through when this was known good */
};

/** @cond internal */
#define Z_KERNEL_LOCK_RANK 68
#define Z_SPINLOCK_INIT                                                                            \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, Z_KERNEL_LOCK_RANK, 0                                           \
    }
/** @endcond */

#endif
