/* SPDX-License-Identifier: Apache-2.0 */
/* Semaphores: a number under a lock, and threads that wait for it to be more than 0.
 *
 *    give --> lock -- somebody waits --> hand it over -- unlock, wake
 *               |
 *               +---- nobody does -----> count + 1, up to the limit -- unlock
 *
 * What is handed over is nothing but a word which says that it was: an address inside of the
 * semaphore.
 *
 * Signal handlers. What one gives while it cannot have the lock is counted in `put_off`, and then
 * announced: a link in the semaphore goes where slabs and heaps put blocks that handlers give back
 * (kernel/stay.c), so that who has the lock finds it before he leaves, or comes back for it.
 *
 * Invariants, with the lock free:
 *   1. If somebody waits, count is 0. So whoever comes later takes nothing that is waited for.
 *   2. If put_off is not 0, the link is announced, or the handler that counted is about to announce
 *      it. For it is counted first, and whoever reads the count says first that nothing is
 *      announced any more. */
#include <zephyr/kernel/sem.h>

#include <errno.h>

#include "core/check.h"
#include "kernel/timeout.h"
#include "kernel/wait_queue.h"

/* What a waiter gets: a unit, or the news that there is none to come. */
static void *unit_of(struct k_sem *sem)
{
    return sem;
}

static void *reset_of(struct k_sem *sem)
{
    return &sem->limit;
}

/* --- With the lock held --- */

static void set_count(struct k_sem *sem, unsigned int count)
{
    __atomic_store_n(&sem->count, count, __ATOMIC_RELAXED);
}

static void give_units(const struct wait_queue *queue, struct stay *stay, uint32_t units)
{
    struct k_sem *sem = queue->object;
    struct waiter *waiter;

    while (units > 0 && (waiter = wait_queue_first(queue)) != NULL) {
        wait_queue_serve(queue, stay, waiter, unit_of(sem));
        units--;
    }
    unsigned int room = sem->limit - sem->count;
    set_count(sem, sem->count + (units < room ? units : room));
}

/* Invariant 2. */
static void give_put_off(const struct wait_queue *queue, struct stay *stay)
{
    struct k_sem *sem = queue->object;

    __atomic_store_n(&sem->is_announced, 0, __ATOMIC_SEQ_CST);
    give_units(queue, stay, __atomic_exchange_n(&sem->put_off, 0, __ATOMIC_SEQ_CST));
}

/* What a handler has put off; or what a thread was given that was cancelled. */
static void give(const struct wait_queue *queue, struct stay *stay, void *mem)
{
    struct k_sem *sem = queue->object;

    if (mem == &sem->announcement) {
        give_put_off(queue, stay);
    } else if (mem == unit_of(sem)) {
        give_units(queue, stay, 1);
    }
}

static void idle(const struct wait_queue *queue)
{
    (void)queue; /* nobody needs to know */
}

/* The count is changed by one store. But the link may have been on its way to be looked after. */
static void mend(const struct wait_queue *queue, struct stay *stay)
{
    queue->waiters->deferred = NULL;
    give_put_off(queue, stay);
}

static const struct wait_rules rules = {.give = give, .idle = idle, .mend = mend};

static struct wait_queue queue_of(struct k_sem *sem)
{
    return (struct wait_queue){&sem->wait_q, &rules, sem, NULL};
}

static bool take_unit(struct k_sem *sem)
{
    if (sem->count == 0) {
        return false;
    }
    set_count(sem, sem->count - 1);
    return true;
}

/* --- The public calls --- */

int k_sem_init(struct k_sem *sem, unsigned int initial_count, unsigned int limit)
{
    if (limit == 0 || initial_count > limit) {
        return -EINVAL;
    }
    *sem = (struct k_sem){.count = initial_count, .limit = limit};
    wait_queue_init(&sem->wait_q, 0, 0); /* cannot fail: it asks for nothing special */
    return 0;
}

static int take_at_once(struct k_sem *sem)
{
    struct wait_queue queue = queue_of(sem);
    struct stay stay;

    if (!wait_queue_enter(&queue, &stay)) {
        return -EBUSY; /* a signal handler */
    }
    bool taken = take_unit(sem);
    wait_queue_leave(&queue, &stay);
    return taken ? 0 : -EBUSY;
}

static int take_waiting(struct k_sem *sem, struct sleeper *sleeper)
{
    static const struct wait_request nothing_special;
    void *got = unit_of(sem);
    struct stay stay;

    if (!wait_queue_enter(&sleeper->queue, &stay)) {
        return -EAGAIN; /* a signal handler, which must not wait */
    }
    if (take_unit(sem)) {
        wait_queue_leave(&sleeper->queue, &stay);
    } else if (!wait_queue_sleep(sleeper, &nothing_special, &stay, &got)) {
        wait_queue_leave(&sleeper->queue, &stay);
        return -EAGAIN;
    }
    return got == unit_of(sem) ? 0 : -EAGAIN;
}

int k_sem_take(struct k_sem *sem, k_timeout_t timeout)
{
    int result = take_at_once(sem);

    if (result == 0 || K_TIMEOUT_EQ(timeout, K_NO_WAIT)) {
        return result;
    }
    struct wait_queue queue = queue_of(sem);
    struct sleeper sleeper;

    wait_queue_prepare(&queue, &sleeper, timeout_deadline_ns(timeout));
    result = take_waiting(sem, &sleeper);
    wait_queue_finish(&sleeper);
    return result;
}

/* In a handler that cannot have the lock. */
static void put_off(struct k_sem *sem, const struct wait_queue *queue)
{
    __atomic_fetch_add(&sem->put_off, 1, __ATOMIC_SEQ_CST);
    if (__atomic_exchange_n(&sem->is_announced, 1, __ATOMIC_SEQ_CST) == 0) {
        wait_queue_defer(queue, &sem->announcement);
    }
}

void k_sem_give(struct k_sem *sem)
{
    struct wait_queue queue = queue_of(sem);
    struct stay stay;

    if (!wait_queue_enter(&queue, &stay)) {
        put_off(sem, &queue);
        return;
    }
    give_units(&queue, &stay, 1);
    wait_queue_leave(&queue, &stay);
}

void k_sem_reset(struct k_sem *sem)
{
    struct wait_queue queue = queue_of(sem);
    struct waiter *waiter;
    struct stay stay;

    bool entered = wait_queue_enter(&queue, &stay);
    REQUIRE(entered, "signal handler resets a semaphore while its lock is taken", sem, NULL);
    while ((waiter = wait_queue_first(&queue)) != NULL) {
        wait_queue_serve(&queue, &stay, waiter, reset_of(sem));
    }
    set_count(sem, 0);
    wait_queue_leave(&queue, &stay);
}
