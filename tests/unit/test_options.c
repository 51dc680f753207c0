/* SPDX-License-Identifier: Apache-2.0 */
/* Options: what each text in QUARRY_OPTIONS sets, and the complaint about what it cannot (its
 * hints: test_option_text.c). */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "process/arena.h"
#include "process/options.h"
#include "../support/complaints.h"
#include "../support/fake_os.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define MS  ((uint64_t)1000000)

#define USUAL_THRESHOLD (512 * KIB)
#define USUAL_DELAY_NS  (1000 * MS)
#define CPUS            3u

#define UNKNOWN(name) "quarry: unknown option in QUARRY_OPTIONS, skipped: " name "\n"
#define BAD(name)     "quarry: bad value of option in QUARRY_OPTIONS, skipped: " name "\n"

static int usual_options(void **state)
{
    fake_os_reset();
    fake_os_set_cpu_count(CPUS);
    fake_os_set_options("foreign=ignore");
    assert_true(options_read());
    assert_true(options_set_large_threshold(USUAL_THRESHOLD));
    assert_true(options_set_purge_delay_ms(1000));
    return 0;
}

static void read_text(const char *text)
{
    fake_os_set_options(text);
    assert_true(options_read());
}

/* One text, and what it leaves. 0 stands for the usual value. */
struct row {
    const char *text;
    size_t threshold;
    unsigned int arenas;
    uint64_t delay_ms;
    const char *complaint;
};

static void expect_row(const struct row *row)
{
    fake_os_reset();
    usual_options(NULL);
    read_text(row->text);
    size_t threshold = row->threshold != 0 ? row->threshold : USUAL_THRESHOLD;
    unsigned int arenas = row->arenas != 0 ? row->arenas : 2 * CPUS;
    uint64_t delay_ns = row->delay_ms != 0 ? row->delay_ms * MS : USUAL_DELAY_NS;

    if (options_large_threshold() != threshold || options_arenas() != arenas ||
        options_purge_delay_ns() != delay_ns ||
        !are_complaints(fake_os_appended(), row->complaint)) {
        fail_msg("\"%s\" gives threshold %zu, arenas %u, delay %llu ns, complaint \"%s\"",
                 row->text != NULL ? row->text : "(unset)", options_large_threshold(),
                 options_arenas(), (unsigned long long)options_purge_delay_ns(),
                 fake_os_appended());
    }
}

static void expect_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        expect_row(&rows[i]);
    }
}

#define EXPECT_ROWS(rows) expect_rows((rows), sizeof(rows) / sizeof((rows)[0]))

static void texts_without_options_set_nothing(void **state)
{
    const struct row rows[] = {
        {.text = NULL, .complaint = ""},
        {.text = "", .complaint = ""},
        {.text = ",", .complaint = ""},
        {.text = ",,,", .complaint = ""},
    };

    EXPECT_ROWS(rows);
}

static void numbers_have_bounds(void **state)
{
    const struct row rows[] = {
        {.text = "arenas=1", .arenas = 1, .complaint = ""},
        {.text = "arenas=32", .arenas = 32, .complaint = ""},
        {.text = "arenas=0", .complaint = BAD("arenas")},
        {.text = "arenas=33", .complaint = BAD("arenas")},
        {.text = "large_threshold=32768", .threshold = 32 * KIB, .complaint = ""},
        {.text = "large_threshold=32767", .complaint = BAD("large_threshold")},
        {.text = "large_threshold=33554432", .threshold = 32 * MIB, .complaint = ""},
        {.text = "large_threshold=33554433", .complaint = BAD("large_threshold")},
        {.text = "purge_delay_ms=3600000", .delay_ms = 3600000, .complaint = ""},
        {.text = "purge_delay_ms=3600001", .complaint = BAD("purge_delay_ms")},
    };

    EXPECT_ROWS(rows);
    read_text("purge_delay_ms=0");
    assert_int_equal(options_purge_delay_ns(), 0);
}

static void sizes_have_suffixes(void **state)
{
    const struct row rows[] = {
        {.text = "large_threshold=32k", .threshold = 32 * KIB, .complaint = ""},
        {.text = "large_threshold=31k", .complaint = BAD("large_threshold")},
        {.text = "large_threshold=1m", .threshold = MIB, .complaint = ""},
        {.text = "large_threshold=32m", .threshold = 32 * MIB, .complaint = ""},
        {.text = "large_threshold=33m", .complaint = BAD("large_threshold")},
        {.text = "large_threshold=1g", .complaint = BAD("large_threshold")},
        {.text = "large_threshold=0000128k", .threshold = 128 * KIB, .complaint = ""},
        {.text = "arenas=1k", .complaint = BAD("arenas")},
        {.text = "purge_delay_ms=2k", .delay_ms = 2048, .complaint = ""},
    };

    EXPECT_ROWS(rows);
}

static void what_is_no_number_is_refused(void **state)
{
    const char *const values[] = {"",
                                  "k",
                                  "kk",
                                  "1kk",
                                  "64kb",
                                  "64Kb",
                                  " 128k",
                                  "128k ",
                                  "0x20000",
                                  "-1",
                                  "+5",
                                  "1e6",
                                  "1.5",
                                  "m1",
                                  "=5",
                                  "5=",
                                  "abc",
                                  "18446744073709551615",
                                  "18446744073709551616",
                                  "99999999999999999999999999999999",
                                  "18446744073709551615k",
                                  "17592186044416m",
                                  "17179869184g",
                                  "17179869185g",
                                  "18014398509482048k"};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[100] = "large_threshold=";
        struct row row = {.text = text, .complaint = BAD("large_threshold")};

        strcat(text, values[i]);
        expect_row(&row);
    }
}

static void unknown_names_are_reported(void **state)
{
    const struct row rows[] = {
        {.text = "arena=4", .complaint = UNKNOWN("arena")},
        {.text = "arenas2=4", .complaint = UNKNOWN("arenas2")},
        {.text = "Arenas=4", .complaint = UNKNOWN("Arenas")},
        {.text = " arenas=4", .complaint = UNKNOWN(" arenas")},
        {.text = "verbose", .complaint = UNKNOWN("verbose")},
        {.text = "=4", .complaint = UNKNOWN("")},
        {.text = "=", .complaint = UNKNOWN("")},
        {.text = "arenas", .complaint = BAD("arenas")},
        {.text = "arenas:4", .complaint = UNKNOWN("arenas:4")},
        {.text = "frontend=slab", .complaint = ""},
        {.text = "frontend=pool", .complaint = BAD("frontend")},
        {.text = "frontend=", .complaint = BAD("frontend")},
        {.text = "frontend=heap", .complaint = ""},
        {.text = "foreign=", .complaint = BAD("foreign")},
        {.text = "foreign=aborts", .complaint = BAD("foreign")},
        {.text = "stats=", .complaint = BAD("stats")},
    };

    EXPECT_ROWS(rows);
}

/* 63 characters of it are shown. */
static void long_names_are_cut(void **state)
{
    static char text[600];
    char complaint[200] = "quarry: unknown option in QUARRY_OPTIONS, skipped: ";

    memset(text, 'x', sizeof(text) - 1);
    memset(complaint + strlen(complaint), 'x', 63);
    strcat(complaint, "\n");
    expect_row(&(struct row){.text = text, .complaint = complaint});
}

static void pairs_apply_in_order_and_stand_alone(void **state)
{
    const struct row rows[] = {
        {.text = "arenas=4,large_threshold=1m,purge_delay_ms=7",
         .arenas = 4,
         .threshold = MIB,
         .delay_ms = 7,
         .complaint = ""},
        {.text = "arenas=4,arenas=5", .arenas = 5, .complaint = ""},
        {.text = "arenas=4,arenas=99", .arenas = 4, .complaint = BAD("arenas")},
        {.text = ",,arenas=4,", .arenas = 4, .complaint = ""},
        {.text = "nonsense,arenas=4,large_threshold=1,purge_delay_ms=9",
         .arenas = 4,
         .delay_ms = 9,
         .complaint = UNKNOWN("nonsense") BAD("large_threshold")},
        {.text = "arenas=4 ,purge_delay_ms=9", .delay_ms = 9, .complaint = BAD("arenas")},
    };

    EXPECT_ROWS(rows);
}

static void complaints_go_to_standard_error(void **state)
{
    read_text("nonsense");
    assert_string_equal(fake_os_appended_path(), "stderr");
    assert_int_equal(fake_os_calls(FAKE_OS_APPEND), 1);
}

/* Unless it is set, which no later text can undo. */
static void front_end_follows_memory_checkers(void **state)
{
    for (int runs = 0; runs < 2; runs++) {
        fake_os_set_checkers_run(runs != 0);
        assert_int_equal(options_slabs(), runs == 0);
    }
    read_text("frontend=pool");
    assert_false(options_slabs());
}

static void front_end_that_is_set_holds_everywhere(void **state)
{
    for (int runs = 0; runs < 2; runs++) {
        fake_os_set_checkers_run(runs != 0);
        read_text("frontend=slab");
        assert_true(options_slabs());
        read_text("frontend=heap");
        assert_false(options_slabs());
        read_text("frontend=slab,frontend=pool");
        assert_true(options_slabs());
    }
}

static void foreign_policy_is_read(void **state)
{
    assert_false(options_foreign_aborts());
    read_text("foreign=abort");
    assert_true(options_foreign_aborts());
    read_text("foreign=ignore");
    assert_false(options_foreign_aborts());
}

static void bad_foreign_policy_changes_nothing(void **state)
{
    read_text("foreign=abort,foreign=perhaps");
    assert_true(are_complaints(fake_os_appended(), BAD("foreign")));
    assert_true(options_foreign_aborts());
}

static void stats_path_is_kept(void **state)
{
    char text[300] = "stats=";

    read_text("stats=/tmp/a b=c");
    assert_true(options_has_stats_path());
    assert_string_equal(options_stats_path(), "/tmp/a b=c");
    read_text("stats=");
    assert_string_equal(options_stats_path(), "/tmp/a b=c");
    memset(text + 6, 'p', 255);
    read_text(text);
    assert_int_equal(strlen(options_stats_path()), 255);
    text[6 + 255] = 'p';
    read_text(text);
    assert_int_equal(strlen(options_stats_path()), 255);
    assert_true(are_complaints(fake_os_appended(), BAD("stats") BAD("stats")));
    read_text("stats=stderr");
}

static void reports_have_a_form_and_a_signal(void **state)
{
    assert_int_equal(options_stats_form(), QUARRY_MALLOC_REPORT_LINE);
    assert_int_equal(options_stats_signal(), 0);
    read_text("stats_format=table,stats_signal=USR2");
    assert_int_equal(options_stats_form(), QUARRY_MALLOC_REPORT_TABLE);
    assert_int_equal(options_stats_signal(), SIGUSR2);
    read_text("stats_format=xml,stats_signal=KILL,stats_signal=");
    assert_true(are_complaints(fake_os_appended(),
                               BAD("stats_format") BAD("stats_signal") BAD("stats_signal")));
    assert_int_equal(options_stats_form(), QUARRY_MALLOC_REPORT_TABLE);
    assert_int_equal(options_stats_signal(), SIGUSR2);
    read_text("stats_format=line");
    assert_int_equal(options_stats_form(), QUARRY_MALLOC_REPORT_LINE);
}

static void arenas_follow_the_processors(void **state)
{
    const struct {
        unsigned int cpus;
        unsigned int arenas;
    } rows[] = {{1, 2}, {2, 4}, {15, 30}, {16, 32}, {17, 32}, {4096, 32}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        read_text(NULL);
        fake_os_set_cpu_count(rows[i].cpus); /* which is asked for when it is needed */
        assert_int_equal(options_arenas(), rows[i].arenas);
    }
    assert_int_equal(ARENA_MAX, 32);
}

static void too_early_means_usual_values_and_another_call(void **state)
{
    fake_os_set_options("arenas=1,large_threshold=64k");
    fake_os_set_environment_ready(false);
    assert_false(options_read());
    assert_int_equal(options_arenas(), 2 * CPUS);
    assert_int_equal(options_large_threshold(), USUAL_THRESHOLD);
    fake_os_set_environment_ready(true);
    assert_true(options_read());
    assert_int_equal(options_arenas(), 1);
    assert_int_equal(options_large_threshold(), 64 * KIB);
}

static void setters_refuse_what_is_out_of_range(void **state)
{
    assert_true(options_set_arenas(1));
    assert_true(options_set_arenas(ARENA_MAX));
    assert_false(options_set_arenas(0));
    assert_false(options_set_arenas(ARENA_MAX + 1));
    assert_false(options_set_arenas(((size_t)1 << 32) + 1));
    assert_false(options_set_arenas(SIZE_MAX));
    assert_int_equal(options_arenas(), ARENA_MAX);
    assert_true(options_set_large_threshold(64 * KIB));
    assert_false(options_set_large_threshold(0));
    assert_false(options_set_large_threshold(SIZE_MAX));
    assert_int_equal(options_large_threshold(), 64 * KIB);
    assert_true(options_set_purge_delay_ms(3600000));
    assert_false(options_set_purge_delay_ms(SIZE_MAX));
    assert_int_equal(options_purge_delay_ns(), 3600000 * MS);
}

#define TEST(name) cmocka_unit_test_setup(name, usual_options)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(front_end_follows_memory_checkers), /* the first: it is not set yet */
        TEST(texts_without_options_set_nothing),
        TEST(numbers_have_bounds),
        TEST(sizes_have_suffixes),
        TEST(what_is_no_number_is_refused),
        TEST(unknown_names_are_reported),
        TEST(long_names_are_cut),
        TEST(pairs_apply_in_order_and_stand_alone),
        TEST(complaints_go_to_standard_error),
        TEST(front_end_that_is_set_holds_everywhere),
        TEST(foreign_policy_is_read),
        TEST(bad_foreign_policy_changes_nothing),
        TEST(stats_path_is_kept),
        TEST(reports_have_a_form_and_a_signal),
        TEST(arenas_follow_the_processors),
        TEST(too_early_means_usual_values_and_another_call),
        TEST(setters_refuse_what_is_out_of_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
