/* SPDX-License-Identifier: Apache-2.0 */
/* Locks, and the one order in which they are taken.
 *
 * A thread may wait for a lock only if its rank is higher than that of every lock which the thread
 * holds already (lock_acquire_second says when it may be equal); fork takes all of them in this
 * order. Builds with internal checks enforce it. Trying is allowed in any order, since it does not
 * wait. */
#ifndef QUARRY_OS_SYNC_H
#define QUARRY_OS_SYNC_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/single_threaded.h>

enum lock_rank {
    LOCK_RANK_NONE,
    LOCK_RANK_ORPHANS,                       /* slabs of threads that have ended */
    LOCK_RANK_ARENA,                         /* lock of arena i has this rank + i */
    LOCK_RANK_WAITER = LOCK_RANK_ARENA + 64, /* a place to wait in, of an object that is shared */
    LOCK_RANK_OBJECTS, /* of the lists of objects, which those who walk them may use */
    /* Locks of threads: of each, and of the lives of all. Changing a thread's priority moves it in
     * the queue of the object that it waits for, whose lock is the next. */
    LOCK_RANK_THREAD,
    LOCK_RANK_KERNEL, /* of an object of lib/kernel */
    /* Event lock i of lib/debug has this rank + i. They are taken inside of heap calls, hence
     * inside of whatever lock a heap has. */
    LOCK_RANK_EVENTS,
    /* Taken inside of whatever lock the user of a counted block has, for race detectors. */
    LOCK_RANK_COUNTS = LOCK_RANK_EVENTS + 4,
    LOCK_RANK_LAST,
};

/* Ready for use when zero, except for its rank. */
struct lock {
    pthread_mutex_t mutex;
    unsigned int rank; /* enum lock_rank, constant */
};

/* Whether this process has no thread but the calling one. */
static inline bool sync_is_alone(void)
{
    return __libc_single_threaded != 0;
}

void lock_acquire(struct lock *lock);
/* Of two locks of one rank, that with the higher address: the caller holds `first`. */
void lock_acquire_second(struct lock *lock, const struct lock *first);
/* False if another thread holds it. */
bool lock_try(struct lock *lock);
/* False if another thread holds it all the time for about `ms` milliseconds, less than a second. */
bool lock_acquire_within(struct lock *lock, unsigned int ms);
void lock_release(struct lock *lock);
/* Locks of the program's own, which have no rank: what the library may take inside of them, and
 * they inside of its callbacks, is the program's affair. Releases what lock_try_any took, too. */
void lock_acquire_any(struct lock *lock);
bool lock_try_any(struct lock *lock);
void lock_release_any(struct lock *lock);
/* The same; and what the thread reads afterwards is no older than the release. */
void lock_release_then_read(struct lock *lock);
/* In the child of a fork: makes a lock free whose holder was another thread, and is not here. */
void lock_renew(struct lock *lock);

/* For locks that a zeroed struct is not: what they can do besides. */
#define LOCK_SHARED  1u /* works between processes, and notices that its holder has died */
#define LOCK_INHERIT 2u /* its holder runs with the priority of whoever waits for it */

/* Makes a lock. False if the system does not have what `abilities` ask for. */
bool lock_init(struct lock *lock, unsigned int rank, unsigned int abilities);

/* Ends a lock that nobody holds, so that another one can be made in its place. */
void lock_end(struct lock *lock);

/* How a lock with LOCK_SHARED was acquired. */
enum lock_state {
    LOCK_TAKEN,
    LOCK_OWNER_DIED, /* taken; what it guards is as its last holder left it when it died */
};
enum lock_state lock_acquire_shared(struct lock *lock);
/* After LOCK_OWNER_DIED: what the lock guards is in order again. */
void lock_mend(struct lock *lock);
/* Whether the holder of a lock with LOCK_SHARED has died, or nobody holds it; the caller then does.
 */
bool lock_try_shared(struct lock *lock);

/* What one thread sleeps on until another one, a signal handler or another process wakes it up: a
 * POSIX semaphore. A condition variable would not do. It may not be signalled by a handler, least
 * of all one that interrupted the very thread that waits; and who dies inside of its functions
 * leaves it locked for ever. A semaphore is one word, whoever stops where. */
struct wakeup {
    sem_t semaphore;
};

void wakeup_init(struct wakeup *wakeup, bool shared);
/* Nobody sleeps on it, and who posted to it need not have returned from that. */
void wakeup_end(struct wakeup *wakeup);
/* Once for each sleep; if earlier, that sleep ends at once. Signals: from any handler. */
void wakeup_post(struct wakeup *wakeup);
/* Sleeps until a post, or until the clock of os_now_ns reaches the deadline (UINT64_MAX: never).
 * False iff it was the deadline. A cancellation point. */
bool wakeup_wait(struct wakeup *wakeup, uint64_t deadline_ns);

/* Calls body(arg). If the thread is cancelled in it, calls cancelled(arg) on the way out. */
void sync_cancellable(void (*body)(void *arg), void (*cancelled)(void *arg), void *arg);
/* Calls body(arg). If the thread is cancelled in it, that takes effect later. */
void sync_uncancellable(void (*body)(void *arg), void *arg);

#endif
