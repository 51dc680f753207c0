/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that k_thread_create makes: how they begin, that their memory is free afterwards, and
 * names. How they end: test_thread_end.c. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/kernel/thread.h>
#include "os/os.h"
#include "../support/thread_fixture.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

struct findings {
    void *arguments[3];
    k_tid_t tid;
    int priority;
    const void *identity;
};

static void find_out(void *p1, void *p2, void *p3)
{
    struct findings *findings = (struct findings *)p1;

    findings->arguments[0] = p1;
    findings->arguments[1] = p2;
    findings->arguments[2] = p3;
    findings->tid = k_current_get();
    findings->priority = k_thread_priority_get(findings->tid);
    findings->identity = os_thread_id();
}

static void a_thread_gets_its_arguments_and_priority(void **state)
{
    struct findings found = {.tid = NULL};
    k_tid_t tid = k_thread_create(&thread, stack, STACK_BYTES, find_out, &found, &thread, stack,
                                  K_PRIO_COOP(1), K_ESSENTIAL | K_USER, K_NO_WAIT);

    assert_ptr_equal(tid, &thread);
    assert_int_equal(k_thread_priority_get(tid), -15);
    assert_int_equal(k_thread_join(tid, K_FOREVER), 0);
    assert_ptr_equal(found.arguments[0], &found);
    assert_ptr_equal(found.arguments[1], &thread);
    assert_ptr_equal(found.arguments[2], stack);
    assert_ptr_equal(found.tid, &thread);
    assert_ptr_equal(found.identity, &thread);
    assert_int_equal(found.priority, -15);
}

static void a_thread_may_have_no_priority_of_its_own(void **state)
{
    struct findings found = {.tid = NULL};

    k_thread_create(&thread, NULL, 0, find_out, &found, NULL, NULL, INT_MIN, 0, K_FOREVER);
    assert_int_equal(k_thread_priority_get(&thread), 20);
    k_thread_start(&thread);
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
    assert_int_equal(found.priority, k_thread_priority_get(k_current_get()));
}

static void use_stack(void *p1, void *p2, void *p3)
{
    volatile char bytes[100 * 1024];

    bytes[0] = 1;
    bytes[sizeof(bytes) - 1] = 2;
    *(int *)p1 = bytes[0] + bytes[sizeof(bytes) - 1];
}

static void the_stack_suffices_for_linux(void **state)
{
    int sum = 0;

    create(&thread, use_stack, &sum, K_NO_WAIT);
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
    assert_int_equal(sum, 3);
}

static void expect_no_room(size_t stack_bytes)
{
    assert_null(
        k_thread_create(&thread, stack, stack_bytes, find_out, NULL, NULL, NULL, 0, 0, K_NO_WAIT));
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
}

static void a_thread_that_finds_no_room_is_not_there(void **state)
{
    expect_no_room(SIZE_MAX);
    if (!RUNNING_ON_VALGRIND) { /* which reports it */
        expect_no_room(SIZE_MAX / 8 * 7);
    }
}

static void note_time(void *p1, void *p2, void *p3)
{
    *(uint64_t *)p1 = os_now_ns();
}

static void a_delay_is_waited_for(void **state)
{
    uint64_t began_ns = 0;
    uint64_t before_ns = os_now_ns();

    create(&thread, note_time, &began_ns, K_MSEC(30));
    assert_int_equal(k_thread_join(&thread, K_NO_WAIT), -EBUSY);
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
    assert_true(began_ns >= before_ns + 30 * 1000 * 1000);
}

static void a_delay_can_be_ended(void **state)
{
    uint64_t began_ns = 0;

    create(&thread, note_time, &began_ns, K_FOREVER);
    assert_int_equal(k_thread_join(&thread, K_MSEC(10)), -EAGAIN);
    assert_true(began_ns == 0);
    k_thread_start(&thread);
    k_thread_start(&thread);
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
    assert_true(began_ns != 0);
    k_thread_start(&thread); /* which does nothing */
    create(&thread, note_time, &began_ns, K_SECONDS(LONG_S));
    k_thread_start(&thread);
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
}

static void do_nothing(void *p1, void *p2, void *p3)
{
}

static void memory_need_not_be_initialised(void **state)
{
    struct k_thread local;

    for (int garbage = 0; garbage < 256; garbage += 85) {
        memset(&local, garbage, sizeof(local));
        assert_ptr_equal(create(&local, do_nothing, NULL, K_NO_WAIT), &local);
        assert_int_equal(k_thread_join(&local, K_FOREVER), 0);
    }
}

static void many_threads_come_and_go(void **state)
{
    static struct k_thread threads[MANY];
    static struct findings found[MANY];

    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < MANY; i++) {
            assert_non_null(create(&threads[i], find_out, &found[i], K_NO_WAIT));
        }
        for (size_t i = 0; i < MANY; i++) {
            assert_int_equal(k_thread_join(&threads[i], K_FOREVER), 0);
            assert_ptr_equal(found[i].tid, &threads[i]);
        }
    }
}

static pthread_key_t key;
static k_tid_t identity_in_destructor;

static void note_identity(void *value)
{
    identity_in_destructor = k_current_get();
}

static void set_key(void *p1, void *p2, void *p3)
{
    pthread_setspecific(key, &key);
}

/* Its memory may be used for another thread by then. */
static void a_thread_that_has_ended_is_another_one(void **state)
{
    identity_in_destructor = NULL;
    assert_int_equal(pthread_key_create(&key, note_identity), 0);
    create(&thread, set_key, NULL, K_NO_WAIT);
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
    pthread_key_delete(key);
    assert_non_null(identity_in_destructor);
    assert_ptr_not_equal(identity_in_destructor, &thread);
    assert_ptr_not_equal(identity_in_destructor, k_current_get());
}

/* --- Names --- */

static void tell_name(void *p1, void *p2, void *p3)
{
    os_thread_name((char *)p1, OS_THREAD_NAME_BYTES);
}

static void a_name_given_early_is_the_systems_too(void **state)
{
    char name[OS_THREAD_NAME_BYTES] = "";

    create(&thread, tell_name, name, K_FOREVER);
    assert_string_equal(k_thread_name_get(&thread), "");
    assert_int_equal(k_thread_name_set(&thread, "sixteen letters!"), 0);
    assert_string_equal(k_thread_name_get(&thread), "sixteen letters");
    k_thread_start(&thread);
    k_thread_join(&thread, K_FOREVER);
    assert_string_equal(name, "sixteen letters");
    assert_int_equal(k_thread_name_set(&thread, "gone"), 0);
    assert_string_equal(k_thread_name_get(&thread), "gone");
}

static void the_caller_can_be_named(void **state)
{
    char before[OS_THREAD_NAME_BYTES];
    char now[OS_THREAD_NAME_BYTES];

    os_thread_name(before, sizeof(before));
    k_thread_name_set(NULL, "caller");
    os_thread_name(now, sizeof(now));
    assert_string_equal(now, "caller");
    assert_string_equal(k_thread_name_get(k_current_get()), "caller");
    k_thread_name_set(k_current_get(), before);
}

static void wait_for_go(void *p1, void *p2, void *p3)
{
    sem_post(&ready);
    sem_wait((sem_t *)p1);
}

static void tell_name_after_go(void *p1, void *p2, void *p3)
{
    wait_for_go(&go, NULL, NULL);
    tell_name(p1, NULL, NULL);
}

static void a_running_thread_can_be_named(void **state)
{
    char name[OS_THREAD_NAME_BYTES] = "";

    create(&thread, tell_name_after_go, name, K_NO_WAIT);
    sem_wait(&ready);
    k_thread_name_set(&thread, "runner");
    sem_post(&go);
    k_thread_join(&thread, K_FOREVER);
    assert_string_equal(name, "runner");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_thread_gets_its_arguments_and_priority, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(a_thread_may_have_no_priority_of_its_own, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(the_stack_suffices_for_linux, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(a_thread_that_finds_no_room_is_not_there, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(a_delay_is_waited_for, fresh_semaphores, end_of_semaphores),
        cmocka_unit_test_setup_teardown(a_delay_can_be_ended, fresh_semaphores, end_of_semaphores),
        cmocka_unit_test_setup_teardown(memory_need_not_be_initialised, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(many_threads_come_and_go, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(a_name_given_early_is_the_systems_too, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(the_caller_can_be_named, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(a_running_thread_can_be_named, fresh_semaphores,
                                        end_of_semaphores),
        cmocka_unit_test_setup_teardown(a_thread_that_has_ended_is_another_one, fresh_semaphores,
                                        end_of_semaphores),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
