/* SPDX-License-Identifier: Apache-2.0 */
/* Event locks: exclusion, signals, use from inside, and forks while another thread is inside. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "debug/event_lock.h"
#include "../support/insider.h"
#include "../support/sanitizers.h"

#define ROUNDS 5000

static unsigned int mended;

static void count_mending(void)
{
    mended++;
}

static int prepare(void **state)
{
    event_lock_prepare(EVENT_LOCK_LISTENERS, count_mending);
    event_lock_prepare(EVENT_LOCK_TRACE, count_mending);
    return 0;
}

static void holder_is_told_that_it_is_inside(void **state)
{
    struct event_hold outer;
    struct event_hold inner;

    assert_false(event_lock_is_mine(EVENT_LOCK_TRACE));
    assert_true(event_lock_enter(EVENT_LOCK_TRACE, &outer));
    assert_true(event_lock_is_mine(EVENT_LOCK_TRACE));
    assert_false(event_lock_enter(EVENT_LOCK_TRACE, &inner));
    event_lock_leave(EVENT_LOCK_TRACE, &outer);
    assert_false(event_lock_is_mine(EVENT_LOCK_TRACE));
    assert_true(event_lock_enter(EVENT_LOCK_TRACE, &outer));
    event_lock_leave(EVENT_LOCK_TRACE, &outer);
}

static void a_listener_may_use_the_locks_behind(void **state)
{
    struct event_hold listeners;
    struct event_hold trace;

    assert_true(event_lock_enter(EVENT_LOCK_LISTENERS, &listeners));
    assert_true(event_lock_enter(EVENT_LOCK_TRACE, &trace));
    event_lock_leave(EVENT_LOCK_TRACE, &trace);
    event_lock_leave(EVENT_LOCK_LISTENERS, &listeners);
}

static size_t shared_count;

static void *count_up(void *arg)
{
    struct event_hold hold;

    for (int i = 0; i < ROUNDS; i++) {
        event_lock_enter(EVENT_LOCK_TRACE, &hold);
        shared_count++;
        event_lock_leave(EVENT_LOCK_TRACE, &hold);
    }
    return arg;
}

static void threads_are_serialised(void **state)
{
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, NULL), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(shared_count, 4 * ROUNDS);
}

static volatile sig_atomic_t handled;
static volatile sig_atomic_t entered_in_handler;

static void enter_in_handler(int number)
{
    struct event_hold hold;

    (void)number;
    handled = 1;
    if (event_lock_enter(EVENT_LOCK_TRACE, &hold)) {
        entered_in_handler = 1;
        event_lock_leave(EVENT_LOCK_TRACE, &hold);
    }
}

static void handlers_wait_until_the_holder_leaves(void **state)
{
    struct event_hold hold;

    signal(SIGUSR1, enter_in_handler);
    handled = 0;
    event_lock_enter(EVENT_LOCK_TRACE, &hold);
    raise(SIGUSR1);
    assert_int_equal(handled, 0);
    event_lock_leave(EVENT_LOCK_TRACE, &hold);
    assert_int_equal(handled, 1);
    assert_int_equal(entered_in_handler, 1);
    signal(SIGUSR1, SIG_DFL);
}

static void handlers_of_faults_come_through_and_are_refused(void **state)
{
    struct event_hold hold;

    signal(SIGSEGV, enter_in_handler);
    handled = 0;
    entered_in_handler = 0;
    event_lock_enter(EVENT_LOCK_TRACE, &hold);
    raise(SIGSEGV);
    assert_int_equal(handled, 1);
    assert_int_equal(entered_in_handler, 0);
    event_lock_leave(EVENT_LOCK_TRACE, &hold);
    signal(SIGSEGV, SIG_DFL);
}

/* A thread that stays in the lock at `arg` until it is let out. */
static void *stay_inside(void *arg)
{
    struct event_hold hold;

    event_lock_enter(*(enum event_lock *)arg, &hold);
    insider_stay();
    event_lock_leave(*(enum event_lock *)arg, &hold);
    return arg;
}

static void begin_to_stay_in(enum event_lock which)
{
    static enum event_lock stays_in;

    stays_in = which;
    insider_begin(stay_inside, &stays_in);
}

/* Child: whether both locks can be used, and mending was asked for `times` times. */
static _Noreturn void leave_child(unsigned int times)
{
    struct event_hold hold;

    for (int i = 0; i < 2; i++) {
        if (!event_lock_enter(EVENT_LOCK_TRACE, &hold)) {
            abort();
        }
        event_lock_leave(EVENT_LOCK_TRACE, &hold);
        event_lock_enter(EVENT_LOCK_LISTENERS, &hold);
        event_lock_leave(EVENT_LOCK_LISTENERS, &hold);
    }
    if (mended != times) {
        abort();
    }
    _exit(0);
}

static bool child_was_good(pid_t child)
{
    int status = 0;

    return waitpid(child, &status, 0) == child && WIFEXITED(status);
}

static void child_can_use_a_lock_that_was_free(void **state)
{
    pid_t child = fork();

    if (child == 0) {
        leave_child(0);
    }
    assert_true(child_was_good(child));
}

static void child_can_use_a_lock_that_another_thread_held(void **state)
{
    skip_under_thread_sanitizer();
    begin_to_stay_in(EVENT_LOCK_TRACE);
    pid_t child = fork();

    if (child == 0) {
        leave_child(1);
    }
    assert_true(child_was_good(child));
    insider_end();
    assert_int_equal(mended, 0);
}

/* As a fork handler that runs before ours in the child would. */
static void child_can_use_it_before_fork_handlers_ran(void **state)
{
    skip_under_thread_sanitizer();
    begin_to_stay_in(EVENT_LOCK_TRACE);
    pid_t child = _Fork();

    if (child == 0) {
        leave_child(1);
    }
    assert_true(child_was_good(child));
    insider_end();
}

static void child_can_use_a_lock_that_was_not_prepared(void **state)
{
    skip_under_thread_sanitizer();
    begin_to_stay_in(EVENT_LOCK_STATS);
    pid_t child = fork();

    if (child == 0) {
        struct event_hold hold;

        if (!event_lock_enter(EVENT_LOCK_STATS, &hold)) {
            abort();
        }
        event_lock_leave(EVENT_LOCK_STATS, &hold);
        leave_child(0);
    }
    assert_true(child_was_good(child));
    insider_end();
}

static void grandchildren_can_use_it(void **state)
{
    skip_under_thread_sanitizer();
    begin_to_stay_in(EVENT_LOCK_TRACE);
    pid_t child = fork();

    if (child == 0) {
        pid_t grandchild = fork();

        if (grandchild == 0) {
            leave_child(1);
        }
        _exit(child_was_good(grandchild) ? 0 : (abort(), 1));
    }
    assert_true(child_was_good(child));
    insider_end();
}

static void holder_may_fork(void **state)
{
    struct event_hold hold;

    assert_true(event_lock_enter(EVENT_LOCK_TRACE, &hold));
    pid_t child = fork();
    if (child == 0) {
        event_lock_leave(EVENT_LOCK_TRACE, &hold);
        leave_child(0);
    }
    event_lock_leave(EVENT_LOCK_TRACE, &hold);
    assert_true(child_was_good(child));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holder_is_told_that_it_is_inside),
        cmocka_unit_test(a_listener_may_use_the_locks_behind),
        cmocka_unit_test(threads_are_serialised),
        cmocka_unit_test(handlers_wait_until_the_holder_leaves),
        cmocka_unit_test(handlers_of_faults_come_through_and_are_refused),
        cmocka_unit_test(child_can_use_a_lock_that_was_free),
        cmocka_unit_test(child_can_use_a_lock_that_another_thread_held),
        cmocka_unit_test(child_can_use_it_before_fork_handlers_ran),
        cmocka_unit_test(child_can_use_a_lock_that_was_not_prepared),
        cmocka_unit_test(grandchildren_can_use_it),
        cmocka_unit_test(holder_may_fork),
    };

    return cmocka_run_group_tests(tests, prepare, NULL);
}
