/* SPDX-License-Identifier: Apache-2.0 */
/* Where the system heap gets its memory: when, how much, and what if there is none. Each case has a
 * process of its own, in which nobody has used the heap. */
#define CONFIG_HEAP_MEM_POOL_SIZE 1048576 /* as a build of a program would say it */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "../support/death.h"
#include "../support/complaints.h"
#include "../support/fake_os.h"

#define KIB         ((size_t)1 << 10)
#define MIB         ((size_t)1 << 20)
#define OWNER_BYTES sizeof(struct k_heap *)
#define BUILT_BYTES ((size_t)K_HEAP_MEM_POOL_SIZE)

#define UNKNOWN(name) "quarry: unknown option in QUARRY_OPTIONS, skipped: " name "\n"
#define BAD           "quarry: bad value of option in QUARRY_OPTIONS, skipped: system_heap\n"

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void expect_good_child(crime_fn deed, const void *arg)
{
    struct death death = death_of(deed, (void *)(uintptr_t)arg);

    if (death.signal != 0 || death.exit_code != 0) {
        fail_msg("signal %d, exit code %d: %s", death.signal, death.exit_code, death.message);
    }
}

/* --- How much --- */

/* Its capacity is `bytes`, to the byte. */
static void expect_capacity(size_t bytes)
{
    void *block = k_malloc(bytes - OWNER_BYTES);

    EXPECT(block != NULL);
    EXPECT(k_malloc(0) == NULL);
    k_free(block);
    EXPECT(k_malloc(bytes - OWNER_BYTES + 8) == NULL);
    EXPECT(k_malloc(bytes) == NULL);
    EXPECT(k_aligned_alloc(16, bytes - 8) == NULL);
    block = k_calloc(bytes < MIB ? bytes - OWNER_BYTES : 1, 1);
    EXPECT(block != NULL);
    k_free(block);
    EXPECT(sys_heap_validate(&_system_heap.heap));
}

static void use_pool(void *bytes)
{
    char options[60];

    snprintf(options, sizeof(options), "system_heap=%zu", *(const size_t *)bytes);
    fake_os_set_options(options);
    expect_capacity(*(const size_t *)bytes);
    EXPECT(fake_os_appended()[0] == '\0');
}

static void its_size_is_what_can_be_had(void **state)
{
    const size_t least[] = {8,  15, 16, 17, 24, 31, 32,  33,  40,
                            47, 48, 49, 63, 64, 65, 100, 127, 128};
    const size_t powers[] = {256, 512, KIB, 4 * KIB, 8 * KIB, 64 * KIB, MIB, 16 * MIB, 128 * MIB};

    for (size_t i = 0; i < sizeof(least) / sizeof(least[0]); i++) {
        expect_good_child(use_pool, &least[i]);
    }
    for (size_t i = 0; i < sizeof(powers) / sizeof(powers[0]); i++) {
        for (size_t bytes = powers[i] - 1; bytes <= powers[i] + 1; bytes++) {
            expect_good_child(use_pool, &bytes);
        }
    }
}

struct row {
    const char *options;
    size_t bytes;
    const char *complaint;
};

static void use_row(void *arg)
{
    const struct row *row = arg;

    fake_os_set_options(row->options);
    expect_capacity(row->bytes);
    EXPECT(are_complaints(fake_os_appended(), row->complaint));
}

static void options_set_its_size(void **state)
{
    const struct row rows[] = {
        {NULL, BUILT_BYTES, ""},
        {"", BUILT_BYTES, ""},
        {"system_heap=64k", 64 * KIB, ""},
        {"system_heap=3m", 3 * MIB, ""},
        {"arenas=2,system_heap=9999,stats=stderr", 9999, ""},
        {"system_heap=64k,system_heap=32k", 32 * KIB, ""},
        {"system_heap=64k,system_heap=many", 64 * KIB, BAD},
        {"system_heap=", BUILT_BYTES, BAD},
        {"system_heap", BUILT_BYTES, BAD},
        {"system_heap=-1", BUILT_BYTES, BAD},
        {"system_heap=16g", BUILT_BYTES, BAD},
        {"system_heap=16106127361", BUILT_BYTES, BAD}, /* 15g and a byte */
        {"system_heap=18446744073709551615", BUILT_BYTES, BAD},
        {"system_heap=18446744073709551616", BUILT_BYTES, BAD},
        {"system_heaps=64k", BUILT_BYTES, UNKNOWN("system_heaps")},
        {"colour=red,system_heap=64k", 64 * KIB, UNKNOWN("colour")},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect_good_child(use_row, &rows[i]);
    }
}

/* Memory checkers would take long over it, so the system refuses. */
static void ask_for_the_most(void *arg)
{
    fake_os_fail_all(FAKE_OS_MAP);
    fake_os_set_options("system_heap=15g");
    EXPECT(k_malloc(1) == NULL);
    EXPECT(fake_os_calls(FAKE_OS_MAP) == 1);
    EXPECT(fake_os_appended()[0] == '\0');
}

static void the_most_is_no_mistake(void **state)
{
    fake_os_reset();
    expect_good_child(ask_for_the_most, NULL);
    assert_true(Z_HEAP_MIN_SIZE_FOR(15 * 1024 * MIB) / 8 < INT32_MAX); /* a heap can be so large */
}

/* --- When --- */

static void use_late(void *arg)
{
    size_t maps = fake_os_calls(FAKE_OS_MAP);

    k_free(NULL);
    EXPECT(z_thread_malloc(8) == NULL);
    k_thread_system_pool_assign(k_current_get());
    EXPECT(_system_heap.heap.heap == NULL);
    EXPECT(fake_os_calls(FAKE_OS_MAP) == maps);
    EXPECT(k_malloc(8) != NULL);
    EXPECT(fake_os_calls(FAKE_OS_MAP) == maps + 1);
    EXPECT(k_malloc(8) != NULL && k_realloc(NULL, 100) != NULL && z_thread_malloc(8) != NULL);
    EXPECT(fake_os_calls(FAKE_OS_MAP) == maps + 1);
}

static void there_is_none_before_somebody_asks(void **state)
{
    expect_good_child(use_late, NULL);
}

/* First uses of other kinds. */
static void begin_with_statistics(void *arg)
{
    struct sys_memory_stats stats;
    int result = sys_heap_runtime_stats_get(&_system_heap.heap, &stats);

    EXPECT(result == (QUARRY_HEAP_RUNTIME_STATS ? 0 : -ENOTSUP));
    EXPECT(result != 0 || (stats.free_bytes >= BUILT_BYTES && stats.allocated_bytes == 0));
}

static void begin_with_reset(void *arg)
{
    EXPECT(sys_heap_runtime_stats_reset_max(&_system_heap.heap) ==
           (QUARRY_HEAP_RUNTIME_STATS ? 0 : -ENOTSUP));
}

static void begin_with_k_heap(void *arg)
{
    EXPECT(k_heap_alloc(&_system_heap, BUILT_BYTES, K_FOREVER) != NULL);
}

static void begin_with_pool(void *arg)
{
    k_thread_system_pool_assign(k_current_get());
    k_free(z_thread_aligned_alloc(64, 100));
    expect_capacity(BUILT_BYTES);
}

static void every_use_can_be_the_first(void **state)
{
    expect_good_child(begin_with_statistics, NULL);
    expect_good_child(begin_with_reset, NULL);
    expect_good_child(begin_with_k_heap, NULL);
    expect_good_child(begin_with_pool, NULL);
}

static void use_before_environment(void *arg)
{
    fake_os_set_options("system_heap=64k,colour=red");
    fake_os_set_environment_ready(false);
    void *block = k_malloc(1);
    EXPECT(block != NULL);
    k_free(block);
    fake_os_set_environment_ready(true);
    expect_capacity(BUILT_BYTES);
    EXPECT(fake_os_appended()[0] == '\0');
}

static void before_the_environment_is_known_the_build_decides(void **state)
{
    expect_good_child(use_before_environment, NULL);
}

/* Pages of 4 KiB of the heap that are there. */
static size_t resident_pages(size_t bytes)
{
    uintptr_t start = (uintptr_t)_system_heap.heap.heap;
    size_t pages = bytes / (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *states = malloc(pages);
    size_t resident = 0;

    EXPECT(states != NULL && mincore((void *)start, bytes, states) == 0);
    for (size_t i = 0; i < pages; i++) {
        resident += states[i] & 1u;
    }
    free(states);
    return resident;
}

/* With huge pages the two are larger. */
static void look_at_pages(void *arg)
{
    fake_os_set_options("system_heap=64m");
    EXPECT(k_malloc(100) != NULL);
    size_t resident = resident_pages(64 * MIB);
    EXPECT(resident >= 1 && resident <= 2 * 2 * MIB / 4096);
}

static void only_its_ends_are_touched(void **state)
{
    expect_good_child(look_at_pages, NULL);
}

/* --- None --- */

static void expect_nothing(void)
{
    struct sys_memory_stats stats;

    EXPECT(k_malloc(0) == NULL && k_malloc(1) == NULL);
    EXPECT(k_calloc(1, 1) == NULL && k_calloc(0, 0) == NULL);
    EXPECT(k_aligned_alloc(0, 1) == NULL && k_aligned_alloc(64, 1) == NULL);
    EXPECT(k_realloc(NULL, 1) == NULL && k_aligned_realloc(NULL, 64, 1) == NULL);
    EXPECT(z_thread_malloc(1) == NULL);
    EXPECT(k_heap_alloc(&_system_heap, 1, K_FOREVER) == NULL);
    EXPECT(k_heap_alloc(&_system_heap, 1, K_NO_WAIT) == NULL);
    EXPECT(sys_heap_runtime_stats_get(&_system_heap.heap, &stats) == -EINVAL);
    k_free(NULL);
}

static void use_no_heap(void *arg)
{
    fake_os_set_options("system_heap=0");
    k_thread_system_pool_assign(k_current_get());
    expect_nothing();
    EXPECT(fake_os_calls(FAKE_OS_MAP) == 0);
}

static void no_bytes_are_no_heap(void **state)
{
    fake_os_reset();
    expect_good_child(use_no_heap, NULL);
}

static void use_without_memory(void *arg)
{
    fake_os_set_options("system_heap=64k,system_heap=many");
    fake_os_fail_all(FAKE_OS_MAP);
    k_thread_system_pool_assign(k_current_get());
    expect_nothing();
    fake_os_fail_none();
    expect_capacity(64 * KIB);
    EXPECT(are_complaints(fake_os_appended(), BAD)); /* once */
}

static void without_memory_all_calls_fail_and_the_next_tries_again(void **state)
{
    expect_good_child(use_without_memory, NULL);
}

/* The fake's watchers run inside of the call, as a signal handler may. */
static void *got_inside[3];

static void use_inside(void *arg)
{
    got_inside[0] = k_malloc(8);
    got_inside[1] = k_aligned_alloc(64, 8);
    got_inside[2] = k_heap_alloc(&_system_heap, 8, K_NO_WAIT);
}

static void interrupt_first_use(void *arg)
{
    memset(got_inside, 0xff, sizeof(got_inside));
    fake_os_watch(FAKE_OS_MAP, use_inside, NULL);
    EXPECT(k_malloc(8) != NULL);
    fake_os_watch(FAKE_OS_MAP, NULL, NULL);
    EXPECT(got_inside[0] == NULL && got_inside[1] == NULL && got_inside[2] == NULL);
    EXPECT(k_malloc(8) != NULL);
}

static void a_handler_in_the_first_use_gets_nothing(void **state)
{
    expect_good_child(interrupt_first_use, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_size_is_what_can_be_had),
        cmocka_unit_test(options_set_its_size),
        cmocka_unit_test(the_most_is_no_mistake),
        cmocka_unit_test(there_is_none_before_somebody_asks),
        cmocka_unit_test(every_use_can_be_the_first),
        cmocka_unit_test(before_the_environment_is_known_the_build_decides),
        cmocka_unit_test(only_its_ends_are_touched),
        cmocka_unit_test(no_bytes_are_no_heap),
        cmocka_unit_test(without_memory_all_calls_fail_and_the_next_tries_again),
        cmocka_unit_test(a_handler_in_the_first_use_gets_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
