/* SPDX-License-Identifier: Apache-2.0 */
/* Memory blocks, given back by one thread: what each call returns, in which order it looks for what
 * is wrong, and what it leaves alone then; and counters. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/sys/mem_blocks.h>
#include "../support/some_blocks.h"

static void *taken[BLOCKS + 1];

static int begin(void **state)
{
    for (size_t i = 0; i <= BLOCKS; i++) {
        taken[i] = &blocks; /* whoever writes here is noticed */
    }
    return blocks_begin(state);
}

/* --- sys_mem_blocks_free --- */

static void free_of_none_or_too_many(void **state)
{
    take_all();
    assert_int_equal(sys_mem_blocks_free(&blocks, 0, taken), 0);
    for (size_t i = 0; i < BLOCKS; i++) {
        taken[i] = block(i);
    }
    taken[BLOCKS] = block(0);
    assert_int_equal(sys_mem_blocks_free(&blocks, BLOCKS + 1, taken), -EINVAL);
    assert_int_equal(sys_mem_blocks_free(&blocks, SIZE_MAX, taken), -EINVAL);
    expect_used(&blocks, BLOCKS, BLOCKS);
    assert_int_equal(sys_mem_blocks_free(&blocks, BLOCKS, taken), 0);
    expect_used(&blocks, 0, BLOCKS);
}

static void free_takes_any_order(void **state)
{
    static const size_t order[] = {5, 3, 4, 6, 66, 65, 64, 0, 31, 32, 33, 1};

    take_all();
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        taken[i] = (char *)block(order[i]) + i; /* anywhere in the block */
    }
    assert_int_equal(sys_mem_blocks_free(&blocks, ARRAY_SIZE(order), taken), 0);
    expect_used(&blocks, BLOCKS - ARRAY_SIZE(order), BLOCKS);
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        assert_int_equal(sys_mem_blocks_is_region_free(&blocks, block(order[i]), 1), 1);
    }
}

/* What is wrong with one pointer keeps no other from being given back, wherever it is listed. */
static void expect_bad(void *bad)
{
    for (size_t place = 0; place < 5; place++) {
        for (size_t i = 0; i < 5; i++) {
            taken[i] = i == place ? bad : block(30 + i);
        }
        assert_int_equal(sys_mem_blocks_free(&blocks, 5, taken), -EFAULT);
        expect_used(&blocks, BLOCKS - 5, BLOCKS);
        for (size_t i = 0; i < 5; i++) {
            if (i != place) {
                assert_int_equal(sys_mem_blocks_get(&blocks, block(30 + i), 1), 0);
            }
        }
    }
}

static void free_goes_on_after_what_is_wrong(void **state)
{
    take_all();
    give(10, 1);
    expect_bad(block(10));
    expect_bad(NULL);
    expect_bad(block(BLOCKS));
    expect_bad((void *)((uintptr_t)blocks_buffer - 1));
    expect_bad((void *)UINTPTR_MAX);
    expect_bad(&blocks);
}

static void expect_hole(size_t number)
{
    for (size_t i = 0; i < 40; i++) {
        taken[i] = block(20 + i);
    }
    give(number, 1);
    assert_int_equal(sys_mem_blocks_free(&blocks, 40, taken), -EFAULT);
    expect_used(&blocks, BLOCKS - 40, BLOCKS);
    assert_int_equal(sys_mem_blocks_is_region_free(&blocks, block(20), 40), 1);
    assert_int_equal(sys_mem_blocks_get(&blocks, block(20), 40), 0);
}

static void free_of_neighbours_of_which_one_is_free_frees_the_others(void **state)
{
    take_all();
    for (size_t number = 20; number < 60; number++) {
        expect_hole(number);
    }
}

static void a_block_listed_twice_is_freed_once(void **state)
{
    take_all();
    taken[0] = block(7);
    taken[1] = block(7);
    taken[2] = block(8);
    assert_int_equal(sys_mem_blocks_free(&blocks, 3, taken), -EFAULT);
    expect_used(&blocks, BLOCKS - 2, BLOCKS);
    assert_int_equal(sys_mem_blocks_free(&blocks, 1, taken), -EFAULT);
    expect_used(&blocks, BLOCKS - 2, BLOCKS);
}

/* --- sys_mem_blocks_free_contiguous --- */

static int free_contiguous(const void *at, size_t count)
{
    return sys_mem_blocks_free_contiguous(&blocks, (void *)(uintptr_t)at, count);
}

static void contiguous_free_looks_at_the_count_first(void **state)
{
    take_all();
    assert_int_equal(free_contiguous(block(0), 0), 0);
    assert_int_equal(free_contiguous(NULL, 0), 0);
    assert_int_equal(free_contiguous(block(BLOCKS), 0), 0);
    assert_int_equal(free_contiguous(block(0), BLOCKS + 1), -EINVAL);
    assert_int_equal(free_contiguous(NULL, BLOCKS + 1), -EINVAL);
    assert_int_equal(free_contiguous(block(0), SIZE_MAX), -EINVAL);
    expect_used(&blocks, BLOCKS, BLOCKS);
}

static void contiguous_free_looks_at_the_start_before_the_end(void **state)
{
    take_all();
    assert_int_equal(free_contiguous(NULL, 1), -EFAULT);
    assert_int_equal(free_contiguous((void *)((uintptr_t)blocks_buffer - 1), 2), -EFAULT);
    assert_int_equal(free_contiguous(block(BLOCKS), 1), -EFAULT);
    assert_int_equal(free_contiguous(block(BLOCKS), 2), -EFAULT);
    assert_int_equal(free_contiguous(block(BLOCKS - 1), 2), -EINVAL);
    assert_int_equal(free_contiguous(block(1), BLOCKS), -EINVAL);
    expect_used(&blocks, BLOCKS, BLOCKS);
}

static void contiguous_free_looks_at_the_end_before_the_blocks(void **state)
{
    assert_int_equal(free_contiguous(block(BLOCKS - 1), 2), -EINVAL);
    assert_int_equal(free_contiguous(block(BLOCKS - 1), 1), -EFAULT);
}

static void contiguous_free_is_all_or_nothing(void **state)
{
    take_all();
    give(33, 1);
    assert_int_equal(free_contiguous(block(33), 1), -EFAULT);
    for (size_t i = 20; i <= 33; i++) {
        assert_int_equal(free_contiguous(block(i), 30), -EFAULT);
    }
    expect_used(&blocks, BLOCKS - 1, BLOCKS);
    assert_int_equal(free_contiguous((char *)block(34) + 5, 30), 0);
    expect_used(&blocks, BLOCKS - 31, BLOCKS);
}

static void a_part_of_what_was_taken_can_be_freed(void **state)
{
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, 40, taken), 0);
    assert_int_equal(free_contiguous(block(10), 5), 0);
    taken[0] = block(0);
    taken[1] = block(39);
    assert_int_equal(sys_mem_blocks_free(&blocks, 2, taken), 0);
    expect_used(&blocks, 33, 40);
}

/* --- Counters --- */

static void expect_stats(size_t used, size_t most)
{
    struct sys_memory_stats stats = {1, 1, 1};

    assert_int_equal(sys_mem_blocks_runtime_stats_get(&blocks, &stats), 0);
    assert_int_equal(stats.allocated_bytes, used * BLOCK_BYTES);
    assert_int_equal(stats.free_bytes, (BLOCKS - used) * BLOCK_BYTES);
    assert_int_equal(stats.max_allocated_bytes, most * BLOCK_BYTES);
}

static void counters_follow_blocks(void **state)
{
    expect_stats(0, 0);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, 3, taken), 0);
    expect_stats(3, 3);
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, 4, taken + 3), 0);
    expect_stats(7, 7);
    assert_int_equal(sys_mem_blocks_get(&blocks, block(20), 2), 0);
    expect_stats(9, 9);
    give(3, 4);
    expect_stats(5, 9);
    assert_int_equal(sys_mem_blocks_free(&blocks, 2, taken), 0);
    expect_stats(3, 9);
    assert_int_equal(sys_mem_blocks_runtime_stats_reset_max(&blocks), 0);
    expect_stats(3, 3);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, BLOCKS, taken), -ENOMEM);
    expect_stats(3, 3);
}

static void counters_of_nothing_are_refused(void **state)
{
    struct sys_memory_stats stats;

    assert_int_equal(sys_mem_blocks_runtime_stats_get(NULL, &stats), -EINVAL);
    assert_int_equal(sys_mem_blocks_runtime_stats_get(&blocks, NULL), -EINVAL);
    assert_int_equal(sys_mem_blocks_runtime_stats_get(NULL, NULL), -EINVAL);
    assert_int_equal(sys_mem_blocks_runtime_stats_reset_max(NULL), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, blocks_are_untouched)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(free_of_none_or_too_many),
        TEST(free_takes_any_order),
        TEST(free_goes_on_after_what_is_wrong),
        TEST(free_of_neighbours_of_which_one_is_free_frees_the_others),
        TEST(a_block_listed_twice_is_freed_once),
        TEST(contiguous_free_looks_at_the_count_first),
        TEST(contiguous_free_looks_at_the_start_before_the_end),
        TEST(contiguous_free_looks_at_the_end_before_the_blocks),
        TEST(contiguous_free_is_all_or_nothing),
        TEST(a_part_of_what_was_taken_can_be_freed),
        TEST(counters_follow_blocks),
        TEST(counters_of_nothing_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
