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
    intptr_t first;     /**< distance from here to the first waiter, 0: there is none */
    void *deferred;     /**< blocks that signal handlers gave back while the lock was taken */
    uint32_t abilities; /**< of the lock */
    /** 0, or waiters that the memory behind a shared object has room for. */
    uint32_t shared_places;
} _wait_q_t;

/** @cond internal */
#define Z_WAIT_Q_INIT                                                                              \
    {                                                                                              \
        Z_SPINLOCK_INIT, 0, NULL, 0, 0                                                             \
    }
/** @endcond */

#endif
