/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: what each form says of a census that is made by hand, and of a real one. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "process/arena_entry.h"
#include "process/report.h"
#include "../support/fake_os.h"

static char written[30000];
static size_t written_bytes;
static size_t lines;

static void keep(const char *text, size_t bytes, void *arg)
{
    assert_true(arg == &lines);
    assert_true(bytes > 0 && text[bytes - 1] == '\n' && memchr(text, '\n', bytes - 1) == NULL);
    assert_true(bytes < sizeof(written) - written_bytes);
    memcpy(written + written_bytes, text, bytes);
    written_bytes += bytes;
    written[written_bytes] = '\0';
    lines++;
}

static const struct report_sink sink = {keep, &lines};

static int begin(void **state)
{
    fake_os_reset();
    written_bytes = lines = 0;
    written[0] = '\0';
    return 0;
}

/* Two classes, an arena, one that is busy, a large block. */
static const struct census by_hand = {
    .total =
        {
            .allocations = 1000,
            .frees = 900,
            .resizes = 5,
            .large = 2,
            .foreign = 3,
            .refused = 4,
            .live_bytes = 500000,
            .large_blocks = 1,
            .large_bytes = 400000,
            .arenas = 1,
            .regions = 1,
            .reserved_bytes = 99000000,
            .committed_bytes = 800000,
            .trimmable_bytes = 70000,
            .free_chunks = 6,
        },
    .arenas = {{.allocations = 7,
                .frees = 2,
                .live_bytes = 80000,
                .arenas = 1,
                .regions = 1,
                .reserved_bytes = 1000000,
                .committed_bytes = 100000,
                .trimmable_bytes = 4464,
                .free_chunks = 6}},
    .busy_arenas = 1u << 31,
    .classes = {[1] = {.slabs = 2, .slices = 2, .used = 1000, .free = 24, .unused = 7168},
                [SIZE_CLASSES - 1] = {.slabs = 1, .slices = 4, .used = 1, .free = 2, .unused = 5}},
    .slices_known = 64,
    .slices_in_use = 6,
    .slices_kept = 1,
    .orphans = 1,
    .caches = 3,
    .caches_in_use = 2,
    .caches_mailed = 1,
    .letters = 11,
    .letter_blocks = 22,
};

#define LINE                                                                                       \
    " program=fake allocations=1000 frees=900 resizes=5 large=2 live_bytes=500000 "                \
    "committed_bytes=800000 foreign=3\n"

#define TABLE                                                                                      \
    "bytes: 500000 in use, 800000 from the kernel, 70000 that it can have back, 99000000 of "      \
    "address space\n"                                                                              \
    "calls: 1000 blocks made, 900 freed, 5 resized in place, 4 refused for lack of memory, 3 "     \
    "foreign addresses ignored\n"                                                                  \
    "   block         slabs        slices        in use          free        unused    bytes "     \
    "used\n"                                                                                       \
    "      16             2             2          1000            24          7168         "      \
    "16000\n"                                                                                      \
    "   32768             1             4             1             2             5         "      \
    "32768\n"                                                                                      \
    "     all             3             6          1001            26          7173         "      \
    "48768\n"                                                                                      \
    "slices: 6 in use, 1 free and kept, 64 usable, of 64 KiB each\n"                               \
    "   arena       regions    bytes used        usable  free at ends   free chunks   blocks "     \
    "made         freed\n"                                                                         \
    "       0             1         80000        100000          4464             6             "  \
    "7             2\n"                                                                            \
    "      31          busy\n"                                                                     \
    "large blocks: 1 in use, 400000 bytes in them, 2 made\n"                                       \
    "caches: 2 of threads, 1 of none, 1 slabs of threads that have ended\n"                        \
    "letters: 11 opened, 22 blocks in them, 1 caches have some to open\n"

static void the_line_is_one_line(void **state)
{
    report_write(&by_hand, QUARRY_MALLOC_REPORT_LINE, &sink);
    assert_int_equal(lines, 1);
    assert_memory_equal(written, "quarry pid=", 11);
    assert_string_equal(strchr(strchr(written, ' ') + 1, ' '), LINE);
}

static void the_table_has_it_all(void **state)
{
    report_write(&by_hand, QUARRY_MALLOC_REPORT_TABLE, &sink);
    assert_memory_equal(written, "quarry pid=", 11);
    assert_string_equal(strchr(strchr(written, ' ') + 1, ' '), LINE TABLE);
}

/* Every number as long as it can be. */
static void the_longest_table_is_whole(void **state)
{
    static struct census census;

    memset(&census, 0xff, sizeof(census));
    census.busy_arenas = 0;
    report_write(&census, QUARRY_MALLOC_REPORT_TABLE, &sink);
    assert_non_null(strstr(written, "\nletters: 18446744073709551615 opened, "));
    assert_true(written_bytes < 24 * 1024); /* what report_events.c has room for */
}

static void expect_once(const char *text)
{
    const char *found = strstr(written, text);

    if (found == NULL || strstr(found + 1, text) != NULL) {
        fail_msg("not once: %s\nbut: %s", text, written);
    }
}

static void xml_has_it_all(void **state)
{
    report_write(&by_hand, QUARRY_MALLOC_REPORT_XML, &sink);
    assert_memory_equal(written, "<malloc version=\"quarry-1\">\n", 28);
    expect_once("<size from=\"1\" to=\"16\" total=\"384\" count=\"24\" used=\"1000\" "
                "unused=\"7168\" slabs=\"2\" slices=\"2\"/>");
    expect_once("<size from=\"30721\" to=\"32768\" total=\"65536\" count=\"2\"");
    expect_once("<system type=\"current\" size=\"458752\"/>"); /* 7 slices */
    expect_once("<heap nr=\"1\" kind=\"arena\" regions=\"1\" used=\"80000\">");
    expect_once("<heap nr=\"32\" kind=\"arena\" busy=\"1\"");
    expect_once("<total type=\"rest\" count=\"6\" size=\"364064\"/>"); /* of slabs 344064 */
    expect_once("<system type=\"current\" size=\"558752\"/>");
    expect_once("<total type=\"mmap\" count=\"1\" size=\"400000\"/>");
    assert_string_equal(written + written_bytes - 10, "</malloc>\n");
}

/* In a process that has done nothing yet. */
static void a_report_of_nothing_is_short(void **state)
{
    quarry_malloc_report(QUARRY_MALLOC_REPORT_TABLE, keep, &lines);
    assert_int_equal(lines, 6);
    assert_null(strstr(written, "arena"));
    assert_null(strstr(written, " slices  "));
}

static void refused_blocks_are_counted(void **state)
{
    struct quarry_malloc_stats stats;

    assert_null(quarry_malloc((size_t)PTRDIFF_MAX + 1)); /* for which no memory is asked */
    fake_os_fail_all_memory();
    assert_null(quarry_malloc(100));
    fake_os_fail_none();
    quarry_malloc_stats_get(&stats);
    assert_int_equal(stats.refused, 1);
}

static sem_t entered, leave;

static void *be_in_arena(void *arena)
{
    assert_true(arena_enter(arena));
    sem_post(&entered);
    sem_wait(&leave);
    arena_leave(arena);
    return NULL;
}

/* What is in an arena is not waited for: another thread, or what a signal handler interrupted. */
static void a_census_at_once_waits_for_nobody(void **state)
{
    static struct census census;
    pthread_t thread;

    sem_init(&entered, 0, 0);
    sem_init(&leave, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, be_in_arena, &arenas[3]), 0);
    sem_wait(&entered);
    assert_true(arena_enter(&arenas[0]));
    census_take(&census, CENSUS_AT_ONCE);
    arena_leave(&arenas[0]);
    sem_post(&leave);
    pthread_join(thread, NULL);
    assert_int_equal(census.busy_arenas, 1u << 0 | 1u << 3);
    census_take(&census, CENSUS_AT_ONCE);
    assert_int_equal(census.busy_arenas, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_report_of_nothing_is_short),
        TEST(the_line_is_one_line),
        TEST(the_table_has_it_all),
        TEST(the_longest_table_is_whole),
        TEST(xml_has_it_all),
        TEST(refused_blocks_are_counted),
        TEST(a_census_at_once_waits_for_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
