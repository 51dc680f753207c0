/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing the allocator up: once, whoever comes first, and with a system that calls back. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/malloc.h>
#include "process/options.h"
#include "process/setup.h"
#include "../support/fake_os.h"

#define THREADS 8
#define ROUNDS  50

static size_t calls_at_load; /* of os_at_fork, before main */

/* The allocator as it is before the first call. */
static int not_set_up(void **state)
{
    fake_os_reset();
    setup_state = SETUP_NOT_BEGUN;
    return 0;
}

static void loading_the_library_sets_it_up(void **state)
{
    assert_int_equal(calls_at_load, 1);
}

static void first_call_sets_up(void **state)
{
    fake_os_set_cpu_count(5);
    void *block = quarry_malloc(1);

    assert_non_null(block);
    assert_int_equal(setup_state, SETUP_DONE);
    assert_int_equal(fake_os_calls(FAKE_OS_AT_FORK), 1);
    assert_int_equal(options_arenas(), 10);
    quarry_free(block);
    quarry_free(quarry_calloc(1, 1));
    assert_int_equal(fake_os_calls(FAKE_OS_AT_FORK), 1);
}

static void call_malloc(void)
{
    quarry_free(quarry_malloc(1));
}

static void call_calloc(void)
{
    quarry_free(quarry_calloc(1, 1));
}

static void call_realloc(void)
{
    quarry_free(quarry_realloc(NULL, 1));
}

static void call_aligned_alloc(void)
{
    quarry_free(quarry_aligned_alloc(64, 1));
}

static void call_posix_memalign(void)
{
    void *block = NULL;

    quarry_posix_memalign(&block, 64, 1);
    quarry_free(block);
}

static void call_trim(void)
{
    quarry_malloc_trim(0);
}

static void call_option(void)
{
    quarry_malloc_option_set(QUARRY_MALLOC_ARENAS, 1);
}

static void every_function_may_come_first(void **state)
{
    void (*const first[])(void) = {call_malloc, call_calloc, call_realloc,       call_aligned_alloc,
                                   call_trim,   call_option, call_posix_memalign};

    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        not_set_up(NULL);
        first[i]();
        assert_int_equal(setup_state, SETUP_DONE);
    }
}

static void *first_call(void *start_line)
{
    pthread_barrier_wait(start_line);
    return quarry_malloc(100);
}

static void concurrent_first_calls_set_up_once(void **state)
{
    pthread_barrier_t start_line;

    pthread_barrier_init(&start_line, NULL, THREADS);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[THREADS];

        not_set_up(NULL);
        for (size_t i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, first_call, &start_line), 0);
        }
        for (size_t i = 0; i < THREADS; i++) {
            void *block;

            pthread_join(threads[i], &block);
            assert_non_null(block);
            quarry_free(block);
        }
        assert_int_equal(fake_os_calls(FAKE_OS_AT_FORK), 1);
    }
    pthread_barrier_destroy(&start_line);
}

/* As the C library does when its list of fork handlers grows. */
static void allocate_in_at_fork(void *arg)
{
    void **block = arg;

    *block = quarry_realloc(quarry_malloc(10), 1000);
}

static void registering_fork_handlers_may_allocate(void **state)
{
    void *within = NULL;

    fake_os_watch(FAKE_OS_AT_FORK, allocate_in_at_fork, &within);
    void *block = quarry_malloc(10);
    assert_non_null(within);
    assert_non_null(block);
    assert_int_equal(fake_os_calls(FAKE_OS_AT_FORK), 1);
    quarry_free(within);
    quarry_free(block);
}

static void registered_handlers_hold_and_release_the_allocator(void **state)
{
    void *block = quarry_malloc(10);

    fake_os_call_prepare();
    void *between = quarry_malloc(10);
    quarry_free(block);
    fake_os_call_parent();
    quarry_free(between);
    fake_os_call_prepare();
    fake_os_call_child();
    block = quarry_malloc(10);
    assert_non_null(block);
    quarry_free(block);
}

static void options_come_from_the_environment(void **state)
{
    fake_os_set_options("arenas=3,large_threshold=64k");
    quarry_free(quarry_malloc(1));
    assert_int_equal(options_arenas(), 3);
    assert_int_equal(options_large_threshold(), 64 << 10);
}

#define TEST(name) cmocka_unit_test_setup(name, not_set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loading_the_library_sets_it_up),
        TEST(first_call_sets_up),
        TEST(every_function_may_come_first),
        TEST(concurrent_first_calls_set_up_once),
        TEST(registering_fork_handlers_may_allocate),
        TEST(registered_handlers_hold_and_release_the_allocator),
        TEST(options_come_from_the_environment),
    };

    calls_at_load = fake_os_calls(FAKE_OS_AT_FORK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
