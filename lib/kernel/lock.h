/* SPDX-License-Identifier: Apache-2.0 */
/* The lock inside of a public object, as one of os/sync.h, which is its first part: the same words
 * under two names, because public headers know nothing of lib/. */
#ifndef QUARRY_KERNEL_LOCK_H
#define QUARRY_KERNEL_LOCK_H

#include <stddef.h>
#include <zephyr/spinlock.h>

#include "os/sync.h"

_Static_assert(sizeof(struct k_spinlock) >= sizeof(struct lock), "one is in the other");
_Static_assert(_Alignof(struct k_spinlock) == _Alignof(struct lock), "one is the other");
_Static_assert(offsetof(struct k_spinlock, mutex) == offsetof(struct lock, mutex),
               "one is the other");
_Static_assert(offsetof(struct k_spinlock, rank) == offsetof(struct lock, rank),
               "one is the other");

/* The library reads and writes its words under this name only, but for constant initialisers. */
static inline struct lock *lock_of(struct k_spinlock *spinlock)
{
    return (struct lock *)spinlock;
}

/* In the child of a fork: takes a lock, whether or not its holder was a thread that is not here. */
static inline void lock_inherit(struct lock *lock)
{
    if (!lock_try(lock)) {
        lock_renew(lock);
        lock_acquire(lock);
    }
}

#endif
