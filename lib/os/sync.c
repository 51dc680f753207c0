/* SPDX-License-Identifier: Apache-2.0 */
/* Locks are default pthread mutexes: a zeroed one is unlocked, locking takes no memory, and race
 * detectors know them. Ranks are tracked per thread, only in builds with internal checks. */
#include "os/sync.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#include "core/check.h"

#define NS_PER_MS     1000000L
#define NS_PER_SECOND 1000000000

/* Ranks of the locks that this thread holds, in the order taken: each is higher than the one
 * before, or the second of a pair, so there are never more of them than twice the ranks. Behind
 * them are zeros: a signal handler that comes while one is added finds none that forbids anything,
 * and adds its own behind it. */
struct held_ranks {
    volatile unsigned int rank[2 * LOCK_RANK_LAST];
    volatile unsigned int count;
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

/* For the second of a pair, the last lock that was taken being the first. */
static void check_pair(const struct lock *lock, const struct lock *first)
{
    bool same = lock->rank == first->rank || lock->rank == LOCK_RANK_NONE ||
                first->rank == LOCK_RANK_NONE; /* of an object that its user has zeroed */

    CHECK(held.count > 0 && held.rank[held.count - 1] == first->rank && same && lock > first,
          "locks of a pair are taken against their order", NULL, lock);
}

static void remember(const struct lock *lock)
{
    unsigned int place = held.count;

    held.count = place + 1;
    held.rank[place] = lock->rank;
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
    held.rank[i - 1] = 0;
    held.count = i - 1;
}
#else
static void check_order(const struct lock *lock)
{
    (void)lock;
}

static void check_pair(const struct lock *lock, const struct lock *first)
{
    (void)lock;
    (void)first;
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

void lock_acquire_second(struct lock *lock, const struct lock *first)
{
    check_pair(lock, first);
    pthread_mutex_lock(&lock->mutex);
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

void lock_acquire_any(struct lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
}

bool lock_try_any(struct lock *lock)
{
    return pthread_mutex_trylock(&lock->mutex) == 0;
}

void lock_release_any(struct lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}

void lock_release_then_read(struct lock *lock)
{
    lock_release(lock);
#if defined(__x86_64__) || defined(__i386__)
    /* A mutex whose waiters sleep in the kernel cannot be released without reading whether there
     * are any, at once: by an instruction that is a barrier. */
    atomic_signal_fence(memory_order_seq_cst);
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

void lock_renew(struct lock *lock)
{
    lock->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

/* --- Locks with abilities --- */

static bool set_abilities(pthread_mutexattr_t *attributes, unsigned int abilities)
{
    bool done = true;

    if ((abilities & LOCK_SHARED) != 0) {
        done = pthread_mutexattr_setpshared(attributes, PTHREAD_PROCESS_SHARED) == 0 &&
               pthread_mutexattr_setrobust(attributes, PTHREAD_MUTEX_ROBUST) == 0;
    }
    if ((abilities & LOCK_INHERIT) != 0) {
        done = done && pthread_mutexattr_setprotocol(attributes, PTHREAD_PRIO_INHERIT) == 0;
    }
    return done;
}

bool lock_init(struct lock *lock, unsigned int rank, unsigned int abilities)
{
    pthread_mutexattr_t attributes;

    lock->rank = rank;
    if (abilities == 0) {
        lock->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
        return true;
    }
    pthread_mutexattr_init(&attributes); /* cannot fail on Linux: it allocates nothing */
    bool done =
        set_abilities(&attributes, abilities) && pthread_mutex_init(&lock->mutex, &attributes) == 0;
    pthread_mutexattr_destroy(&attributes);
    return done;
}

void lock_end(struct lock *lock)
{
    pthread_mutex_destroy(&lock->mutex); /* cannot fail: it is free */
}

enum lock_state lock_acquire_shared(struct lock *lock)
{
    check_order(lock);
    int error = pthread_mutex_lock(&lock->mutex);
    REQUIRE(error == 0 || error == EOWNERDEAD, "shared lock is damaged", NULL, lock);
    remember(lock);
    return error == 0 ? LOCK_TAKEN : LOCK_OWNER_DIED;
}

void lock_mend(struct lock *lock)
{
    pthread_mutex_consistent(&lock->mutex);
}

bool lock_try_shared(struct lock *lock)
{
    int error = pthread_mutex_trylock(&lock->mutex);

    if (error == EOWNERDEAD) {
        pthread_mutex_consistent(&lock->mutex);
    }
    if (error != 0 && error != EOWNERDEAD) {
        return false;
    }
    remember(lock);
    return true;
}

/* --- To sleep and to be woken up --- */

void wakeup_init(struct wakeup *wakeup, bool shared)
{
    sem_init(&wakeup->semaphore, shared, 0); /* cannot fail: 0 is a valid count */
}

void wakeup_end(struct wakeup *wakeup)
{
    sem_destroy(&wakeup->semaphore); /* cannot fail: it was made by sem_init */
}

void wakeup_post(struct wakeup *wakeup)
{
    int saved_errno = errno;

    sem_post(&wakeup->semaphore); /* cannot fail: nobody posts 2^31 times */
    errno = saved_errno;
}

/* 0, or an error number. Where time_t has 32 bits, the end of its time is the end of waiting. */
static int sleep_once(struct wakeup *wakeup, uint64_t deadline_ns)
{
    const uint64_t last_second = sizeof(time_t) < sizeof(uint64_t) ? INT32_MAX : INT64_MAX;
    uint64_t seconds = deadline_ns / NS_PER_SECOND;
    struct timespec deadline = {.tv_sec = (time_t)(seconds < last_second ? seconds : last_second),
                                .tv_nsec = (long)(deadline_ns % NS_PER_SECOND)};
    int result = deadline_ns == UINT64_MAX
                     ? sem_wait(&wakeup->semaphore)
                     : sem_clockwait(&wakeup->semaphore, CLOCK_MONOTONIC, &deadline);

    return result == 0 ? 0 : errno;
}

bool wakeup_wait(struct wakeup *wakeup, uint64_t deadline_ns)
{
    int saved_errno = errno;
    int error;

    do {
        error = sleep_once(wakeup, deadline_ns);
    } while (error == EINTR);
    REQUIRE(error == 0 || error == ETIMEDOUT, "semaphore of a waiting thread is damaged", NULL,
            wakeup);
    errno = saved_errno;
    return error == 0;
}

void sync_cancellable(void (*body)(void *arg), void (*cancelled)(void *arg), void *arg)
{
    pthread_cleanup_push(cancelled, arg);
    body(arg);
    pthread_cleanup_pop(0);
}

void sync_uncancellable(void (*body)(void *arg), void *arg)
{
    int before;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before); /* cannot fail */
    body(arg);
    pthread_setcancelstate(before, NULL);
}
