/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that k_thread_create makes: waiting for their end, and bringing it about. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/kernel/thread.h>
#include "os/os.h"
#include "../support/sanitizers.h"
#include "../support/thread_fixture.h"

#if __has_include(<valgrind/drd.h>)
#include <valgrind/drd.h>
#define UNDER_DRD (DRD_GET_VALGRIND_THREADID != 0)
#else
#define UNDER_DRD false
#endif

/* ThreadSanitizer and DRD do not notice that a thread leaves sem_wait by being cancelled, and miss
 * what it locks and posts then. */
#define CAN_CANCEL_JOINER (CAN_CANCEL && !UNDER_TSAN && !UNDER_DRD)

static k_tid_t tid_of_posix_thread;

static void note_time(void *p1, void *p2, void *p3)
{
    *(uint64_t *)p1 = os_now_ns();
}

static void wait_for_go(void *p1, void *p2, void *p3)
{
    sem_post(&ready);
    sem_wait((sem_t *)p1);
}

static void joining_says_why_it_does_not(void **state)
{
    static struct k_thread never_created;

    create(&thread, wait_for_go, &go, K_NO_WAIT);
    assert_int_equal(k_thread_join(&thread, K_NO_WAIT), -EBUSY);
    uint64_t before_ns = os_now_ns();
    assert_int_equal(k_thread_join(&thread, K_MSEC(20)), -EAGAIN);
    assert_true(os_now_ns() >= before_ns + 20 * 1000 * 1000);
    sem_post(&go);
    assert_int_equal(k_thread_join(&thread, K_SECONDS(LONG_S)), 0);
    assert_int_equal(k_thread_join(&thread, K_NO_WAIT), 0);
    assert_int_equal(k_thread_join(&never_created, K_FOREVER), 0);
    assert_int_equal(k_thread_join(k_current_get(), K_FOREVER), -EDEADLK);
    assert_int_equal(k_thread_join(k_current_get(), K_NO_WAIT), -EBUSY);
}

static void join_other(void *other, void *result, void *p3)
{
    sem_post(&ready);
    *(int *)result = k_thread_join((struct k_thread *)other, K_FOREVER);
}

static void threads_do_not_join_each_other(void **state)
{
    static struct k_thread second;
    int first_result = 1;
    int second_result = 1;

    k_thread_create(&thread, stack, STACK_BYTES, join_other, &second, &first_result, NULL, 0, 0,
                    K_FOREVER);
    k_thread_create(&second, stack, STACK_BYTES, join_other, &thread, &second_result, NULL, 0, 0,
                    K_FOREVER);
    k_thread_start(&thread);
    k_thread_start(&second);
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
    assert_int_equal(k_thread_join(&second, K_FOREVER), 0);
    assert_true((first_result == 0 && second_result == -EDEADLK) ||
                (first_result == -EDEADLK && second_result == 0));
}

static void *stay_until_go(void *arg)
{
    tid_of_posix_thread = k_current_get();
    sem_post(&ready);
    sem_wait(&go);
    return NULL;
}

static void threads_of_others_are_not_joined(void **state)
{
    pthread_t other;

    assert_int_equal(pthread_create(&other, NULL, stay_until_go, NULL), 0);
    sem_wait(&ready);
    assert_int_equal(k_thread_join(tid_of_posix_thread, K_NO_WAIT), -EBUSY);
    assert_int_equal(k_thread_join(tid_of_posix_thread, K_FOREVER), -EINVAL);
    sem_post(&go);
    pthread_join(other, NULL);
}

static void several_threads_may_join_one(void **state)
{
    static struct k_thread joiners[4];
    int results[4] = {1, 1, 1, 1};

    create(&thread, wait_for_go, &go, K_NO_WAIT);
    sem_wait(&ready);
    for (int i = 0; i < 4; i++) {
        k_thread_create(&joiners[i], stack, STACK_BYTES, join_other, &thread, &results[i], NULL, 0,
                        0, K_NO_WAIT);
    }
    for (int i = 0; i < 4; i++) {
        sem_wait(&ready);
    }
    sem_post(&go);
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(k_thread_join(&joiners[i], K_FOREVER), 0);
        assert_int_equal(results[i], 0);
    }
}

static void sleep_for_ever(void *p1, void *p2, void *p3)
{
    sem_post(&ready);
    k_sleep(K_FOREVER);
}

static void a_sleeping_thread_can_be_aborted(void **state)
{
    if (!CAN_CANCEL) {
        skip();
    }
    create(&thread, sleep_for_ever, NULL, K_NO_WAIT);
    sem_wait(&ready);
    k_thread_abort(&thread);
    assert_int_equal(k_thread_join(&thread, K_NO_WAIT), 0);
    k_thread_abort(&thread); /* which does nothing */
}

static void a_thread_that_has_not_begun_just_ends(void **state)
{
    uint64_t began_ns = 0;

    create(&thread, note_time, &began_ns, K_FOREVER);
    k_thread_abort(&thread);
    assert_int_equal(k_thread_join(&thread, K_NO_WAIT), 0);
    create(&thread, note_time, &began_ns, K_SECONDS(LONG_S));
    k_thread_abort(&thread);
    assert_int_equal(k_thread_join(&thread, K_NO_WAIT), 0);
    assert_true(began_ns == 0);
}

static void abort_oneself(void *p1, void *p2, void *p3)
{
    k_thread_abort(k_current_get());
    *(bool *)p1 = true;
}

static void a_thread_can_abort_itself(void **state)
{
    bool went_on = false;

    create(&thread, abort_oneself, &went_on, K_NO_WAIT);
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
    assert_false(went_on);
}

/* No cancellation point in it. */
static void work_on(void *p1, void *p2, void *p3)
{
    sem_post(&ready);
    k_busy_wait(20000);
    *(bool *)p1 = true;
}

static void aborting_waits_for_who_does_not_listen(void **state)
{
    bool finished = false;

    create(&thread, work_on, &finished, K_NO_WAIT);
    sem_wait(&ready);
    k_thread_abort(&thread);
    assert_true(finished);
}

static void *sleep_in_posix_thread(void *arg)
{
    tid_of_posix_thread = k_current_get();
    sem_post(&ready);
    k_sleep(K_FOREVER);
    return NULL;
}

static void a_thread_of_others_is_cancelled(void **state)
{
    pthread_t other;
    void *result = NULL;

    if (!CAN_CANCEL) {
        skip();
    }
    assert_int_equal(pthread_create(&other, NULL, sleep_in_posix_thread, NULL), 0);
    sem_wait(&ready);
    k_thread_abort(tid_of_posix_thread);
    pthread_join(other, &result);
    assert_ptr_equal(result, PTHREAD_CANCELED);
}

/* A joiner that is aborted leaves nothing behind that the end of the other would touch. */
static void a_joiner_can_be_aborted(void **state)
{
    static struct k_thread joiner;
    int result = 1;

    if (!CAN_CANCEL_JOINER) {
        skip();
    }
    create(&thread, wait_for_go, &go, K_NO_WAIT);
    sem_wait(&ready);
    k_thread_create(&joiner, stack, STACK_BYTES, join_other, &thread, &result, NULL, 0, 0,
                    K_NO_WAIT);
    sem_wait(&ready);
    k_thread_abort(&joiner);
    sem_post(&go);
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
    assert_int_equal(result, 1);
}

/* Starts, ends of delays and aborts that meet have one outcome. */
static void starting_and_aborting_may_meet(void **state)
{
    static struct k_thread threads[MANY];
    uint64_t began_ns[MANY] = {0};

    for (size_t i = 0; i < MANY; i++) {
        create(&threads[i], note_time, &began_ns[i], K_USEC(100));
    }
    for (size_t i = 0; i < MANY; i++) {
        k_thread_start(&threads[i]);
        k_thread_abort(&threads[i]);
        assert_int_equal(k_thread_join(&threads[i], K_NO_WAIT), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(joining_says_why_it_does_not, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(threads_do_not_join_each_other, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(threads_of_others_are_not_joined, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(several_threads_may_join_one, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(a_sleeping_thread_can_be_aborted, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(a_thread_that_has_not_begun_just_ends, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(a_thread_can_abort_itself, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(aborting_waits_for_who_does_not_listen, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(a_thread_of_others_is_cancelled, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(a_joiner_can_be_aborted, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(starting_and_aborting_may_meet, fresh_semaphores,
                                        end_of_semaphores),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
