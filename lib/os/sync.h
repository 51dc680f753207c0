/* SPDX-License-Identifier: Apache-2.0 */
/* Locks, and the one order in which they are taken.
 *
 * A thread may wait for a lock only if its rank is higher than that of every lock which the thread
 * holds already; fork takes all of them in this order. Builds with internal checks enforce it.
 * Trying is allowed in any order, since it does not wait. */
#ifndef QUARRY_OS_SYNC_H
#define QUARRY_OS_SYNC_H

#include <pthread.h>
#include <stdbool.h>

enum lock_rank {
    LOCK_RANK_NONE,
    LOCK_RANK_ARENA, /* lock of arena i has this rank + i */
    /* Event lock i of lib/debug has this rank + i. They are taken inside of heap calls, hence
     * inside of whatever lock a heap has. */
    LOCK_RANK_EVENTS = LOCK_RANK_ARENA + 64,
    LOCK_RANK_LAST = LOCK_RANK_EVENTS + 4,
};

/* Ready for use when zero, except for its rank. */
struct lock {
    pthread_mutex_t mutex;
    unsigned int rank; /* enum lock_rank, constant */
};

void lock_acquire(struct lock *lock);
/* False if another thread holds it. */
bool lock_try(struct lock *lock);
/* False if another thread holds it all the time for about `ms` milliseconds, less than a second. */
bool lock_acquire_within(struct lock *lock, unsigned int ms);
void lock_release(struct lock *lock);
/* In the child of a fork: makes a lock free whose holder was another thread, and is not here. */
void lock_renew(struct lock *lock);

#endif
