/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: identities and logical priorities. What k_thread_create makes lives in thread_life.c.
 *
 * A thread is known by the address of its struct k_thread. One that k_thread_create made has the
 * memory that the user gave; every other one has `own`, in its thread-local memory, which costs
 * nothing until it is asked for:
 *
 *    k_thread_create(&t)      self --> t (the user's) --- when t has ended ---> own
 *    anybody else             self --> own (thread-local)
 *
 *   1. A priority is stored first, and then the thread's lock is taken to see whether it waits; the
 *      lock of what it waits for is taken inside. So who reads a priority after thread_wait_begin,
 *      under the latter lock, has the new one, or is reordered after that.
 *   2. Of two threads that set a priority at once, the one that is last to reorder finds the
 *      priority that stays.
 *
 * Priorities and numbers are atomic variables, because they are read under the locks of objects,
 * which come after those of threads. Race detectors that do not know atomic variables report them.
 * The priority that the system's scheduling stands for is not kept, for the system may change it
 * without telling.
 *
 * Fork. The child has one thread: its number is another one, and its lock is made good.
 *
 * Not promised: anything about a thread that has ended and whose memory is not its creator's. */
#include "kernel/thread.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <quarry/thread.h>

#include "kernel/lock.h"
#include "os/os.h"
#include "os/sync.h"

#define FIRST_CONSTRUCTOR 101 /* the first priority that programs may use */
#define PRIORITY_NOT_SET  INT_MIN

_Static_assert(sizeof(struct k_thread) <= 208, "room for it is made in every thread");

static _Thread_local struct k_thread own = {
    .lock = {.rank = LOCK_RANK_THREAD},
    .priority = PRIORITY_NOT_SET,
    .number = THREAD_NO_NUMBER,
    .state = THREAD_FOREIGN,
};
/* NULL: `own`, not asked for yet. */
static _Thread_local struct k_thread *self;

/* --- Identity --- */

void thread_set_number(struct k_thread *thread, int number)
{
    __atomic_store_n(&thread->number, number, __ATOMIC_RELAXED);
}

void thread_become(struct k_thread *thread)
{
    self = thread;
}

/* A signal handler may do the same in between. */
static struct k_thread *begin_own(void)
{
    own.handle = os_thread_handle();
    thread_set_number(&own, os_thread_number());
    self = &own;
    return self;
}

struct k_thread *thread_self(void)
{
    return __builtin_expect(self != NULL, 1) ? self : begin_own();
}

k_tid_t k_current_get(void)
{
    return thread_self();
}

static const void *identity(void)
{
    return thread_self();
}

static void make_good_after_fork(void)
{
    if (self != NULL) {
        lock_inherit(lock_of(&self->lock));
        lock_release(lock_of(&self->lock));
        thread_set_number(self, os_thread_number());
    }
}

__attribute__((constructor(FIRST_CONSTRUCTOR))) static void begin(void)
{
    os_thread_identify_by(identity);
    os_at_fork(NULL, NULL, make_good_after_fork); /* if refused: children go without priorities */
}

/* --- Priority --- */

int thread_priority(const struct k_thread *thread)
{
    int priority = __atomic_load_n(&thread->priority, __ATOMIC_RELAXED);

    if (priority != PRIORITY_NOT_SET) {
        return priority;
    }
    return os_thread_priority(
        thread == thread_self() ? 0 : __atomic_load_n(&thread->number, __ATOMIC_RELAXED));
}

int k_thread_priority_get(k_tid_t thread)
{
    return thread_priority(thread);
}

void k_thread_priority_set(k_tid_t thread, int priority)
{
    struct lock *lock = lock_of(&thread->lock);

    __atomic_store_n(&thread->priority, priority, __ATOMIC_RELAXED); /* invariant 1 */
    lock_acquire(lock);
    if (thread->reorder != NULL) {
        thread->reorder(thread->waiter, thread_priority(thread));
    }
    lock_release(lock);
}

static void set_waiter(struct k_thread *thread, void *waiter, void (*reorder)(void *, int))
{
    struct lock *lock = lock_of(&thread->lock);

    lock_acquire(lock);
    thread->waiter = waiter;
    thread->reorder = reorder;
    lock_release(lock);
}

void thread_wait_begin(struct k_thread *thread, void *waiter, void (*reorder)(void *, int))
{
    set_waiter(thread, waiter, reorder);
}

void thread_wait_end(struct k_thread *thread)
{
    set_waiter(thread, NULL, NULL);
}

/* --- Inheritance --- */

/* What a thread made by quarry_thread_create begins with. */
struct heritage {
    void *(*start)(void *arg);
    void *arg;
    int priority;
    struct k_heap *pool;
};

static void *inherit(void *arg)
{
    struct heritage heritage = *(struct heritage *)arg;

    free(arg);
    __atomic_store_n(&thread_self()->priority, heritage.priority, __ATOMIC_RELAXED);
    __atomic_store_n(&thread_self()->resource_pool, heritage.pool, __ATOMIC_RELAXED);
    return heritage.start(heritage.arg);
}

int quarry_thread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                         void *arg)
{
    struct heritage *heritage = (struct heritage *)malloc(sizeof(*heritage));

    if (heritage == NULL) {
        return EAGAIN;
    }
    *heritage =
        (struct heritage){start, arg, __atomic_load_n(&thread_self()->priority, __ATOMIC_RELAXED),
                          thread_pool(thread_self())};
    int error = os_thread_create(thread, attr, inherit, heritage);
    if (error != 0) {
        free(heritage);
    }
    return error;
}
