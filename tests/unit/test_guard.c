/* SPDX-License-Identifier: Apache-2.0 */
/* Locks of objects, as threads, signal handlers and the children of forks meet them. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>
#include "kernel/guard.h"
#include "kernel/lock.h"
#include "../support/death.h"
#include "../support/race_detector.h"

#define ROUNDS 20000

/* In one array, because a thread that holds one takes those behind it only. */
static struct k_spinlock locks[3] = {Z_SPINLOCK_INIT, Z_SPINLOCK_INIT, Z_SPINLOCK_INIT};
#define lock locks[0]

/* --- Threads --- */

static unsigned long counted; /* guarded by lock */

static void *count(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct visit visit;

        guard_enter(&lock, &visit);
        counted++;
        guard_leave(&lock, &visit);
    }
    return NULL;
}

static void one_thread_at_a_time_is_inside(void **state)
{
    pthread_t other;

    counted = 0;
    assert_int_equal(pthread_create(&other, NULL, count, NULL), 0);
    count(NULL);
    pthread_join(other, NULL);
    assert_int_equal(counted, 2 * ROUNDS);
}

static void *count_with_both(void *arg)
{
    struct k_spinlock *first = arg;
    struct k_spinlock *second = first == &locks[1] ? &locks[2] : &locks[1];

    for (int i = 0; i < ROUNDS; i++) {
        struct visit visit;

        guard_enter_both(first, second, &visit);
        counted++;
        guard_leave_both(first, second, &visit);
    }
    return NULL;
}

static void pairs_may_be_named_in_either_order(void **state)
{
    pthread_t other;

    counted = 0;
    assert_int_equal(pthread_create(&other, NULL, count_with_both, &locks[2]), 0);
    count_with_both(&locks[1]);
    pthread_join(other, NULL);
    assert_int_equal(counted, 2 * ROUNDS);
}

static void a_pair_may_be_one_lock(void **state)
{
    struct visit visit;

    guard_enter_both(&lock, &lock, &visit);
    assert_true(visit.holds);
    assert_false(lock_try(lock_of(&lock)));
    guard_leave_both(&lock, &lock, &visit);
    assert_true(lock_try(lock_of(&lock)));
    lock_release(lock_of(&lock));
}

/* A lock that a program did not initialise but by zeroes. */
static void a_zeroed_lock_is_one(void **state)
{
    struct k_spinlock zeroed = {.fork_count = 0};
    struct visit visit;

    guard_enter(&zeroed, &visit);
    assert_true(visit.holds);
    guard_leave(&zeroed, &visit);
}

/* --- Signal handlers --- */

static bool handler_held_same, handler_held_other, handler_held_both;

static void enter_in_handler(int number)
{
    struct visit visit;

    guard_enter(&lock, &visit);
    handler_held_same = visit.holds;
    guard_leave(&lock, &visit);
    guard_enter(&locks[1], &visit);
    handler_held_other = visit.holds;
    guard_leave(&locks[1], &visit);
    guard_enter_both(&locks[2], &lock, &visit);
    handler_held_both = visit.holds;
    guard_leave_both(&locks[2], &lock, &visit);
}

static void a_handler_goes_in_without_what_its_thread_holds(void **state)
{
    struct visit visit;

    signal(SIGUSR1, enter_in_handler);
    guard_enter(&lock, &visit);
    raise(SIGUSR1);
    guard_leave(&lock, &visit);
    assert_false(handler_held_same);
    assert_true(handler_held_other);
    assert_false(handler_held_both);
    guard_enter(&locks[2], &visit); /* none of the pair is held any more */
    assert_true(visit.holds);
    guard_leave(&locks[2], &visit);
}

static void a_handler_that_interrupted_no_visit_has_the_lock(void **state)
{
    signal(SIGUSR1, enter_in_handler);
    raise(SIGUSR1);
    assert_true(handler_held_same);
    assert_true(handler_held_both);
}

/* --- Forks --- */

static sem_t inside, go_on;

static void *stay_inside(void *arg)
{
    struct visit visit;

    guard_enter(&lock, &visit);
    sem_post(&inside);
    while (sem_wait(&go_on) != 0) {
    }
    guard_leave(&lock, &visit);
    return arg;
}

static void use_lock(void *arg)
{
    struct visit visit;

    for (int i = 0; i < 2; i++) {
        guard_enter(&lock, &visit);
        if (!visit.holds) {
            _exit(1);
        }
        guard_leave(&lock, &visit);
    }
    guard_enter_both(&lock, &locks[1], &visit);
    guard_leave_both(&lock, &locks[1], &visit);
}

static void a_child_gets_what_another_thread_held(void **state)
{
    pthread_t other;

    if (race_detector_announce()) {
        skip(); /* they believe that the thread of the parent holds it still */
    }
    sem_init(&inside, 0, 0);
    sem_init(&go_on, 0, 0);
    assert_int_equal(pthread_create(&other, NULL, stay_inside, NULL), 0);
    while (sem_wait(&inside) != 0) {
    }
    struct death death = death_of(use_lock, NULL);
    assert_int_equal(death.signal, 0);
    assert_int_equal(death.exit_code, 0);
    sem_post(&go_on);
    pthread_join(other, NULL);
    use_lock(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_at_a_time_is_inside),
        cmocka_unit_test(pairs_may_be_named_in_either_order),
        cmocka_unit_test(a_pair_may_be_one_lock),
        cmocka_unit_test(a_zeroed_lock_is_one),
        cmocka_unit_test(a_handler_goes_in_without_what_its_thread_holds),
        cmocka_unit_test(a_handler_that_interrupted_no_visit_has_the_lock),
        cmocka_unit_test(a_child_gets_what_another_thread_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
