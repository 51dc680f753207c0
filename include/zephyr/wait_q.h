/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The part of kernel objects that threads wait in: the library's own, here because users declare
 * such objects.
 */
#ifndef ZEPHYR_INCLUDE_WAIT_Q_H_
#define ZEPHYR_INCLUDE_WAIT_Q_H_

#include <stddef.h>
#include <stdint.h>
#include <zephyr/spinlock.h>

/** Threads that wait for an object, and the lock around what they wait for. */
typedef struct {
    struct k_spinlock lock;
    intptr_t first;      /**< distance from here to the first waiter, 0: there is none */
    void *deferred;      /**< blocks that signal handlers gave back while the lock was taken */
    uint32_t fork_count; /**< forks that the process had gone through when this was made good */
    uint32_t abilities;  /**< of the lock */
    uint32_t
        shared_places; /**< 0, or waiters that the memory behind a shared object has room for */
} _wait_q_t;

/** @cond internal */
#define Z_KERNEL_LOCK_RANK 67
#define Z_WAIT_Q_INIT                                                                              \
    {                                                                                              \
        {PTHREAD_MUTEX_INITIALIZER, Z_KERNEL_LOCK_RANK}, 0, NULL, 0, 0, 0                          \
    }
/** @endcond */

#endif
