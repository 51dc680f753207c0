/* SPDX-License-Identifier: Apache-2.0 */
/* Locks are default pthread mutexes: a zeroed one is unlocked, locking takes no memory, and race
 * detectors know them. Ranks are tracked per thread, only in builds with internal checks. */
#include "os/sync.h"

#include <time.h>

#include "core/check.h"

#define NS_PER_MS     1000000L
#define NS_PER_SECOND 1000000000L

/* Ranks of the locks that this thread holds, in the order taken: each is higher than the one
 * before, so there are never more of them than ranks. */
struct held_ranks {
    unsigned int rank[LOCK_RANK_LAST];
    unsigned int count;
};

#if QUARRY_CHECKS >= 1
static _Thread_local struct held_ranks held;

/* For a lock that will be waited for. */
static void check_order(const struct lock *lock)
{
    for (unsigned int i = 0; i < held.count; i++) {
        CHECK(lock->rank > held.rank[i], "locks are taken against their order", NULL, lock);
    }
}

static void remember(const struct lock *lock)
{
    held.rank[held.count++] = lock->rank;
}

/* Locks may be released in any order. */
static void forget(const struct lock *lock)
{
    unsigned int i = held.count;

    while (i > 0 && held.rank[i - 1] != lock->rank) {
        i--;
    }
    CHECK(i > 0, "lock is released by a thread that does not hold it", NULL, lock);
    for (; i < held.count; i++) {
        held.rank[i - 1] = held.rank[i];
    }
    held.count--;
}
#else
static void check_order(const struct lock *lock)
{
    (void)lock;
}

static void remember(const struct lock *lock)
{
    (void)lock;
}

static void forget(const struct lock *lock)
{
    (void)lock;
}
#endif

void lock_acquire(struct lock *lock)
{
    check_order(lock);
    pthread_mutex_lock(&lock->mutex); /* a default mutex that is not destroyed cannot fail */
    remember(lock);
}

bool lock_try(struct lock *lock)
{
    if (pthread_mutex_trylock(&lock->mutex) != 0) {
        return false;
    }
    remember(lock);
    return true;
}

bool lock_acquire_within(struct lock *lock, unsigned int ms)
{
    struct timespec deadline;

    check_order(lock);
    /* The realtime clock, because race detectors do not know waiting by the monotonic one. If it is
     * set back meanwhile, this waits longer. */
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_nsec += (long)ms * NS_PER_MS;
    if (deadline.tv_nsec >= NS_PER_SECOND) {
        deadline.tv_nsec -= NS_PER_SECOND;
        deadline.tv_sec++;
    }
    if (pthread_mutex_timedlock(&lock->mutex, &deadline) != 0) {
        return false;
    }
    remember(lock);
    return true;
}

void lock_release(struct lock *lock)
{
    forget(lock);
    pthread_mutex_unlock(&lock->mutex);
}

void lock_renew(struct lock *lock)
{
    lock->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}
