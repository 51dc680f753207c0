/* SPDX-License-Identifier: Apache-2.0 */
/* What os.h says about the calling thread. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "os/os.h"

#define ODD_ERRNO 9999

static int odd_errno(void **state)
{
    errno = ODD_ERRNO;
    return 0;
}

static int same_errno(void **state)
{
    assert_int_equal(errno, ODD_ERRNO);
    return 0;
}

static void *give_id(void *arg)
{
    *(const void **)arg = os_thread_id();
    return NULL;
}

static void threads_have_different_identities(void **state)
{
    const void *other = NULL;
    pthread_t thread;

    assert_non_null(os_thread_id());
    assert_ptr_equal(os_thread_id(), os_thread_id());
    assert_int_equal(pthread_create(&thread, NULL, give_id, &other), 0);
    pthread_join(thread, NULL);
    assert_non_null(other);
    assert_ptr_not_equal(other, os_thread_id());
}

static void the_name_is_cut_to_fit(void **state)
{
    char name[OS_THREAD_NAME_BYTES];
    char before[OS_THREAD_NAME_BYTES];

    os_thread_name(before, sizeof(before));
    pthread_setname_np(pthread_self(), "fifteen letters");
    os_thread_name(name, sizeof(name));
    assert_string_equal(name, "fifteen letters");
    os_thread_name(name, 8);
    assert_string_equal(name, "fifteen");
    os_thread_name(name, 1);
    assert_string_equal(name, "");
    pthread_setname_np(pthread_self(), before);
}

static void the_processor_is_one_that_exists(void **state)
{
    assert_true(os_cpu() < (unsigned int)sysconf(_SC_NPROCESSORS_CONF));
}

static __attribute__((noinline)) size_t trace_from_here(void **frames, size_t max)
{
    size_t count = os_backtrace(frames, max);

    __asm__ volatile("" ::: "memory"); /* no tail call */
    return count;
}

static void a_trace_has_this_function_in_it(void **state)
{
    void *frames[32] = {NULL};
    size_t count = trace_from_here(frames, 32);
    uintptr_t function = (uintptr_t)trace_from_here;
    size_t found = 0;

    if (count == 0) {
        skip(); /* the C library has none */
    }
    for (size_t i = 0; i < count; i++) {
        found += (uintptr_t)frames[i] > function && (uintptr_t)frames[i] < function + 1000;
    }
    assert_true(found >= 1); /* the caller may lie in that range, too */
    assert_int_equal(trace_from_here(frames, 1), 1);
    assert_int_equal(trace_from_here(frames, 0), 0);
}

static volatile sig_atomic_t handled;

static void handle(int number)
{
    handled = number;
}

static void signals_wait_until_the_mask_is_restored(void **state)
{
    struct os_signal_mask outer;
    struct os_signal_mask inner;

    signal(SIGUSR1, handle);
    os_block_signals(&outer);
    os_block_signals(&inner);
    raise(SIGUSR1);
    os_restore_signals(&inner);
    assert_int_equal(handled, 0);
    os_restore_signals(&outer);
    assert_int_equal(handled, SIGUSR1);
    signal(SIGUSR1, SIG_DFL);
}

static void signals_of_faults_do_not_wait(void **state)
{
    struct os_signal_mask before;

    signal(SIGBUS, handle);
    os_block_signals(&before);
    raise(SIGBUS);
    assert_int_equal(handled, SIGBUS);
    os_restore_signals(&before);
    signal(SIGBUS, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(threads_have_different_identities, odd_errno, same_errno),
        cmocka_unit_test_setup_teardown(the_name_is_cut_to_fit, odd_errno, same_errno),
        cmocka_unit_test_setup_teardown(the_processor_is_one_that_exists, odd_errno, same_errno),
        cmocka_unit_test(a_trace_has_this_function_in_it),
        cmocka_unit_test_setup_teardown(signals_wait_until_the_mask_is_restored, odd_errno,
                                        same_errno),
        cmocka_unit_test_setup_teardown(signals_of_faults_do_not_wait, odd_errno, same_errno),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
