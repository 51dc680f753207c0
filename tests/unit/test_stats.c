/* SPDX-License-Identifier: Apache-2.0 */
/* The sum of the counters, and the line about them at exit. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/malloc.h>
#include "process/options.h"
#include "process/report.h"
#include "process/stats.h"
#include "../support/death.h"
#include "../support/fake_os.h"

#define MIB ((size_t)1 << 20)

static int fresh_script(void **state)
{
    fake_os_reset();
    return 0;
}

static struct quarry_malloc_stats stats(void)
{
    struct quarry_malloc_stats now;

    memset(&now, 0xff, sizeof(now)); /* none of it may remain */
    quarry_malloc_stats_get(&now);
    return now;
}

static void counters_start_at_nothing(void **state)
{
    const struct quarry_malloc_stats nothing = {0};
    struct quarry_malloc_stats now = stats();

    assert_memory_equal(&now, &nothing, sizeof(now));
}

static void small_and_large_are_added_up(void **state)
{
    void *small = quarry_malloc(100);
    void *large = quarry_malloc(MIB);
    struct quarry_malloc_stats now = stats();

    assert_int_equal(now.allocations, 2);
    assert_int_equal(now.large, 1);
    assert_int_equal(now.live_bytes, quarry_malloc_usable_size(small) + MIB);
    assert_int_equal(now.large_blocks, 1);
    assert_int_equal(now.large_bytes, MIB);
    assert_true(now.committed_bytes > MIB);
    assert_int_equal(now.frees, 0);
    quarry_free(small);
    large = quarry_realloc(large, 2 * MIB);
    quarry_free(large);
    now = stats();
    assert_int_equal(now.frees, 2);
    assert_int_equal(now.resizes, 1);
    assert_int_equal(now.live_bytes, 0);
}

static void foreign_addresses_are_counted(void **state)
{
    uint64_t before = stats().foreign;

    stats_count_foreign();
    stats_count_foreign();
    assert_int_equal(stats().foreign, before + 2);
}

static void exit_with_options(void *options)
{
    fake_os_set_options(options);
    options_read();
    exit(0);
}

static void exit_without_file(void *arg)
{
    fake_os_set_options("stats=/nowhere");
    options_read();
    fake_os_fail_nth(FAKE_OS_APPEND, 1);
    exit(0);
}

static void line_is_written_at_exit(void **state)
{
    char line[300];
    struct quarry_malloc_stats now = stats();
    struct death death = death_of(exit_with_options, (void *)(uintptr_t) "stats=stderr");
    const char *rest = strstr(death.message, " program=");

    snprintf(line, sizeof(line),
             " program=fake allocations=%llu frees=%llu resizes=%llu large=%llu live_bytes=%zu "
             "committed_bytes=%zu foreign=%llu\n",
             (unsigned long long)now.allocations, (unsigned long long)now.frees,
             (unsigned long long)now.resizes, (unsigned long long)now.large, now.live_bytes,
             now.committed_bytes, (unsigned long long)now.foreign);
    assert_int_equal(death.exit_code, 0);
    assert_memory_equal(death.message, "quarry pid=", 11);
    assert_non_null(rest);
    assert_string_equal(rest, line);
}

static void nothing_is_written_unless_wished(void **state)
{
    struct death death = death_of(exit_with_options, NULL);

    assert_int_equal(death.exit_code, 0);
    assert_string_equal(death.message, "");
}

static void unwritable_file_is_reported(void **state)
{
    struct death death = death_of(exit_without_file, NULL);

    assert_int_equal(death.exit_code, 0);
    assert_string_equal(death.message, "quarry: cannot write statistics to /nowhere\n");
}

static void exit_without_memory(void *arg)
{
    fake_os_set_options("stats=stderr");
    options_read();
    fake_os_fail_all_memory();
    exit(0);
}

static void a_report_needs_no_memory(void **state)
{
    struct death death = death_of(exit_without_memory, NULL);

    assert_int_equal(death.exit_code, 0);
    assert_memory_equal(death.message, "quarry pid=", 11);
}

static void ask_for_report(void *arg)
{
    raise(SIGUSR1);
}

/* The report at exit is about to be written when the signal asks for one. */
static void ask_within_report(void *arg)
{
    fake_os_set_options("stats=stderr,stats_signal=USR1");
    options_read();
    report_begin();
    fake_os_watch(FAKE_OS_APPEND, ask_for_report, NULL);
    if (arg != NULL) {
        fake_os_fail_all_memory();
    }
    exit(0);
}

static void a_report_may_interrupt_another(void **state)
{
    struct death death = death_of(ask_within_report, NULL);
    const char *second = strchr(death.message, '\n');

    assert_int_equal(death.exit_code, 0);
    assert_memory_equal(death.message, "quarry pid=", 11);
    assert_memory_equal(second, "\nquarry pid=", 12);
}

static void without_memory_there_is_room_for_one(void **state)
{
    struct death death = death_of(ask_within_report, (void *)1);

    assert_int_equal(death.exit_code, 0);
    assert_memory_equal(death.message,
                        "quarry: no memory for statistics to stderr\nquarry pid=", 54);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh_script)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counters_start_at_nothing),
        TEST(small_and_large_are_added_up),
        TEST(foreign_addresses_are_counted),
        TEST(line_is_written_at_exit),
        TEST(nothing_is_written_unless_wished),
        TEST(unwritable_file_is_reported),
        TEST(a_report_needs_no_memory),
        TEST(a_report_may_interrupt_another),
        TEST(without_memory_there_is_room_for_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
