/* SPDX-License-Identifier: Apache-2.0 */
/* Semaphores: counts and limits, who is served when, reset, cancelled threads, handlers, forks. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include <zephyr/kernel/sem.h>
#include "../support/death.h"
#include "../support/heap_client.h"
#include "../support/race_detector.h"
#include "../support/sanitizers.h"
#include "kernel/guard.h"
#include "kernel/lock.h"
#include "kernel/wait_queue.h"

#define CLIENTS      4u
#define ROUNDS       2000u
#define SHORT_WAIT   K_MSEC(20)
#define HANG_SECONDS 60u

static K_SEM_DEFINE(defined, 2, 3);
static struct k_sem sem;
static bool under_race_detector;

/* --- One thread --- */

static void a_definition_has_what_it_says(void **state)
{
    assert_int_equal(k_sem_count_get(&defined), 2);
    assert_int_equal(k_sem_take(&defined, K_NO_WAIT), 0);
    assert_int_equal(k_sem_take(&defined, K_FOREVER), 0);
    assert_int_equal(k_sem_take(&defined, K_NO_WAIT), -EBUSY);
    assert_int_equal(k_sem_count_get(&defined), 0);
}

static void giving_ends_at_the_limit(void **state)
{
    assert_int_equal(k_sem_init(&sem, 0, 2), 0);
    for (int i = 0; i < 5; i++) {
        k_sem_give(&sem);
    }
    assert_int_equal(k_sem_count_get(&sem), 2);
    assert_int_equal(k_sem_init(&sem, K_SEM_MAX_LIMIT, K_SEM_MAX_LIMIT), 0);
    k_sem_give(&sem);
    assert_int_equal(k_sem_count_get(&sem), K_SEM_MAX_LIMIT);
}

static void nonsense_is_refused(void **state)
{
    assert_int_equal(k_sem_init(&sem, 0, 0), -EINVAL);
    assert_int_equal(k_sem_init(&sem, 3, 2), -EINVAL);
    assert_int_equal(k_sem_init(&sem, 2, 2), 0);
}

static void a_timeout_lasts_as_long_as_it_says(void **state)
{
    int64_t before = k_uptime_ticks();

    k_sem_init(&sem, 0, 1);
    assert_int_equal(k_sem_take(&sem, SHORT_WAIT), -EAGAIN);
    assert_true(k_uptime_ticks() - before >= SHORT_WAIT.ticks);
    k_sem_give(&sem);
    assert_int_equal(k_sem_take(&sem, SHORT_WAIT), 0);
}

static void reset_takes_all(void **state)
{
    k_sem_init(&sem, 5, 9);
    k_sem_reset(&sem);
    assert_int_equal(k_sem_count_get(&sem), 0);
    assert_int_equal(k_sem_take(&sem, K_NO_WAIT), -EBUSY);
}

/* --- Threads that wait --- */

struct client {
    struct k_thread thread;
    int result;
    unsigned int place; /* in the order of being served; guarded by turn_lock */
};

static struct client clients[CLIENTS];
static pthread_mutex_t turn_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int next_place;

static void wait_for_it(void *arg, void *p2, void *p3)
{
    struct client *client = arg;

    client->result = k_sem_take(&sem, K_FOREVER);
    pthread_mutex_lock(&turn_lock);
    client->place = next_place++;
    pthread_mutex_unlock(&turn_lock);
}

static bool is_waiting(const struct client *client)
{
    struct lock *lock = lock_of(&sem.wait_q.lock);
    bool waits = false;

    lock_acquire(lock);
    if (sem.wait_q.first != 0) {
        const struct waiter *first =
            (const struct waiter *)(uintptr_t)((uintptr_t)&sem.wait_q +
                                               (uintptr_t)sem.wait_q.first);
        const struct waiter *waiter = first;

        do {
            waits = waits || waiter->thread == &client->thread;
            waiter = (const struct waiter *)((uintptr_t)&sem.wait_q + (uintptr_t)waiter->next);
        } while (waiter != first);
    }
    lock_release(lock);
    return waits;
}

static void begin(size_t number, int priority)
{
    k_thread_create(&clients[number].thread, NULL, 0, wait_for_it, &clients[number], NULL, NULL,
                    priority, 0, K_NO_WAIT);
}

static void queue_up(size_t number, int priority)
{
    begin(number, priority);
    while (!is_waiting(&clients[number])) {
        k_yield();
    }
}

static void end(size_t number)
{
    assert_int_equal(k_thread_join(&clients[number].thread, K_FOREVER), 0);
}

static void threads_are_served_by_priority_and_arrival(void **state)
{
    static const size_t order[CLIENTS] = {2, 0, 3, 1};

    next_place = 0;
    k_sem_init(&sem, 0, 10);
    queue_up(0, 5);
    queue_up(1, 7);
    queue_up(2, 3);
    queue_up(3, 5);
    for (unsigned int i = 0; i < CLIENTS; i++) {
        k_sem_give(&sem);
        end(order[i]);
        assert_int_equal(clients[order[i]].result, 0);
        assert_int_equal(clients[order[i]].place, i);
        assert_int_equal(k_sem_count_get(&sem), 0);
    }
}

static void reset_ends_all_waiting(void **state)
{
    k_sem_init(&sem, 0, 10);
    for (size_t i = 0; i < CLIENTS; i++) {
        queue_up(i, (int)i);
    }
    k_sem_reset(&sem);
    for (size_t i = 0; i < CLIENTS; i++) {
        end(i);
        assert_int_equal(clients[i].result, -EAGAIN);
    }
    assert_int_equal(k_sem_count_get(&sem), 0);
}

static void who_is_cancelled_leaves_no_trace(void **state)
{
    if (UNDER_ASAN || UNDER_TSAN || race_detector_is_drd()) {
        skip();
    }
    k_sem_init(&sem, 0, 10);
    queue_up(0, 1);
    queue_up(1, 2);
    k_thread_abort(&clients[0].thread);
    k_sem_give(&sem);
    end(1);
    assert_int_equal(clients[1].result, 0);
    assert_int_equal(k_sem_count_get(&sem), 0);
}

static void give_and_take(void *p1, void *p2, void *p3)
{
    for (unsigned int i = 0; i < ROUNDS; i++) {
        k_sem_take(&sem, K_FOREVER);
        ++*(unsigned int *)p1;
        k_sem_give(&sem);
    }
}

static void one_unit_is_a_lock(void **state)
{
    unsigned int counter = 0;

    k_sem_init(&sem, 1, 1);
    for (size_t i = 0; i < CLIENTS; i++) {
        k_thread_create(&clients[i].thread, NULL, 0, give_and_take, &counter, NULL, NULL, 0, 0,
                        K_NO_WAIT);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        end(i);
    }
    assert_int_equal(counter, CLIENTS * ROUNDS);
    assert_int_equal(k_sem_count_get(&sem), 1);
}

/* --- Handlers --- */

/* As a handler that has interrupted its own thread inside of a call. */
static void in_interrupted_call(void (*handler)(void))
{
    struct visit interrupted;
    struct visit visit;

    guard_enter(&sem.wait_q.lock, &interrupted);
    visit_begin(&visit);
    handler();
    visit_end(&visit);
    guard_leave(&sem.wait_q.lock, &interrupted);
}

static void give_three(void)
{
    assert_int_equal(k_sem_take(&sem, K_NO_WAIT), -EBUSY);
    for (int i = 0; i < 3; i++) {
        k_sem_give(&sem);
    }
}

static void what_handlers_give_is_given_later(void **state)
{
    k_sem_init(&sem, 0, 10);
    in_interrupted_call(give_three);
    k_sem_give(&sem); /* leaves, and finds it */
    assert_int_equal(k_sem_count_get(&sem), 4);
    k_sem_reset(&sem);
    in_interrupted_call(give_three);
    begin(0, 1); /* finds nothing, and as it goes to sleep it finds them */
    end(0);
    assert_int_equal(clients[0].result, 0);
    assert_int_equal(k_sem_count_get(&sem), 2);
}

static void more_than_the_limit_is_not_given_later(void **state)
{
    k_sem_init(&sem, 1, 2);
    in_interrupted_call(give_three);
    k_sem_take(&sem, K_NO_WAIT);
    assert_int_equal(k_sem_count_get(&sem), 2);
}

static void reset_it(void)
{
    k_sem_reset(&sem);
}

static void reset_in_handler(void *arg)
{
    k_sem_init(&sem, 0, 10);
    in_interrupted_call(reset_it);
}

static void a_handler_may_not_reset(void **state)
{
    expect_death(reset_in_handler, NULL,
                 "signal handler resets a semaphore while its lock is taken");
}

/* --- Forks --- */

static pthread_barrier_t meeting;

/* A thread that is inside of a call, and interrupted by a handler that gives, while another one
 * forks. */
static void *hold_and_give(void *arg)
{
    struct visit visit;
    struct visit handler;

    lock_acquire(lock_of(&sem.wait_q.lock));
    visit_begin(&visit);
    visit_begin(&handler);
    k_sem_give(&sem);
    visit_end(&handler);
    visit_end(&visit);
    pthread_barrier_wait(&meeting);
    pthread_barrier_wait(&meeting);
    lock_release(lock_of(&sem.wait_q.lock));
    return NULL;
}

static void a_child_gets_what_was_put_off(void **state)
{
    pthread_t holder;
    int status;

    if (UNDER_TSAN || under_race_detector) {
        skip(); /* for these, the child's lock is another thread's for ever */
    }
    k_sem_init(&sem, 1, 10);
    pthread_barrier_init(&meeting, NULL, 2);
    pthread_create(&holder, NULL, hold_and_give, NULL);
    pthread_barrier_wait(&meeting);
    pid_t child = fork();
    if (child == 0) {
        alarm(HANG_SECONDS);
        k_sem_give(&sem);
        _exit((int)k_sem_count_get(&sem));
    }
    pthread_barrier_wait(&meeting);
    pthread_join(holder, NULL);
    pthread_barrier_destroy(&meeting);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_definition_has_what_it_says),
        cmocka_unit_test(giving_ends_at_the_limit),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(a_timeout_lasts_as_long_as_it_says),
        cmocka_unit_test(reset_takes_all),
        cmocka_unit_test(threads_are_served_by_priority_and_arrival),
        cmocka_unit_test(reset_ends_all_waiting),
        cmocka_unit_test(who_is_cancelled_leaves_no_trace),
        cmocka_unit_test(one_unit_is_a_lock),
        cmocka_unit_test(what_handlers_give_is_given_later),
        cmocka_unit_test(more_than_the_limit_is_not_given_later),
        cmocka_unit_test(a_handler_may_not_reset),
        cmocka_unit_test(a_child_gets_what_was_put_off),
    };

    under_race_detector = race_detector_announce();
    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
