/* SPDX-License-Identifier: Apache-2.0 */
/* Memory goes back to the system also if the threads that are left allocate now and then, small
 * blocks only, and have these on their lists, or small runs only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "process/options.h"
#include "process/run.h"
#include "../support/fake_os.h"
#include "../support/good_child.h"
#include "../support/small_blocks.h"

#define LARGE_BYTES   4096u
#define LARGE_BLOCKS  1600u /* in 100 slices */
#define SMALL_BYTES   16u
#define SMALL_BLOCKS  4096u /* of a slab */
#define FEW_BLOCKS    (2 * SLAB_LIST_BLOCKS)
#define WINDOWS       3u
#define SLICES_OF_MIB 16u

static void *large[LARGE_BLOCKS];
static void *small[SMALL_BLOCKS];

static void take_all(void **blocks, size_t count, size_t bytes)
{
    for (size_t i = 0; i < count; i++) {
        blocks[i] = take(bytes);
        CHECK_THAT(blocks[i] != NULL);
    }
}

static void give_all(void **blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        give(blocks[i]);
    }
}

/* Slices wait to go back, and the current slab of small blocks has a long list of free ones. */
static void begin(void)
{
    fake_os_set_options("frontend=slab");
    CHECK_THAT(options_read());
    thread_cache_init();
    take_all(small, SMALL_BLOCKS - 1, SMALL_BYTES);
    take_all(large, LARGE_BLOCKS, LARGE_BYTES);
    give_all(small, SMALL_BLOCKS - 1);
    give_all(large, LARGE_BLOCKS);
    CHECK_THAT(slices_wait());
}

static void allocate_now_and_then(void *arg)
{
    begin();
    for (unsigned int window = 0; window <= WINDOWS; window++) {
        fake_os_advance_ns(options_purge_delay_ns() / WINDOWS);
        for (unsigned int i = 0; i < FEW_BLOCKS; i++) {
            give(take(SMALL_BYTES));
        }
    }
    CHECK_THAT(!slices_wait() && slices_purge() == 0);
    CHECK_THAT(fake_os_calls(FAKE_OS_DISCARD) > 0);
}

static void who_takes_blocks_off_lists_gives_memory_back(void **state)
{
    expect_good_child(allocate_now_and_then, NULL);
}

/* A slice at a time. */
static void make_and_free_runs(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *block = run_alloc(1, SLICE_BYTES, false);

        CHECK_THAT(block != NULL);
        run_free(slab_of_block(block), block);
    }
}

static void allocate_runs(void *arg)
{
    begin();
    for (unsigned int window = 0; window <= WINDOWS; window++) {
        fake_os_advance_ns(options_purge_delay_ns() / WINDOWS);
        make_and_free_runs(SLICES_OF_MIB - 1);
        CHECK_THAT(window != WINDOWS - 1 || fake_os_calls(FAKE_OS_DISCARD) == 0);
        make_and_free_runs(1);
    }
    CHECK_THAT(fake_os_calls(FAKE_OS_DISCARD) > 0);
}

static void who_makes_a_mib_of_runs_gives_memory_back(void **state)
{
    expect_good_child(allocate_runs, NULL);
}

static int in_order(const void *a, const void *b)
{
    const uintptr_t first = *(const uintptr_t *)a;
    const uintptr_t second = *(const uintptr_t *)b;

    return (first > second) - (first < second);
}

static void take_short_lists(void *arg)
{
    begin();
    size_t slices = slices_in_use();

    take_all(small, SMALL_BLOCKS, SMALL_BYTES);
    CHECK_THAT(slices_in_use() <= slices + 1);
    qsort(small, SMALL_BLOCKS, sizeof(small[0]), in_order);
    for (size_t i = 1; i < SMALL_BLOCKS; i++) {
        CHECK_THAT(small[i] != small[i - 1]);
    }
}

static void short_lists_lose_no_block(void **state)
{
    expect_good_child(take_short_lists, NULL);
}

static int reset(void **state)
{
    fake_os_reset();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_takes_blocks_off_lists_gives_memory_back, reset),
        cmocka_unit_test_setup(who_makes_a_mib_of_runs_gives_memory_back, reset),
        cmocka_unit_test_setup(short_lists_lose_no_block, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
