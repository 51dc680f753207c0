/* SPDX-License-Identifier: Apache-2.0 */
/* Memory blocks, taken by one thread: what each call returns, in which order it looks for what is
 * wrong, and what it leaves alone then. */
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

/* --- sys_mem_blocks_alloc --- */

static void alloc_of_none_writes_nothing(void **state)
{
    assert_int_equal(sys_mem_blocks_alloc(&blocks, 0, taken), 0);
    assert_ptr_equal(taken[0], &blocks);
    take_all();
    assert_int_equal(sys_mem_blocks_alloc(&blocks, 0, taken), 0);
    assert_ptr_equal(taken[0], &blocks);
}

static void alloc_of_more_than_there_are_is_refused(void **state)
{
    static const size_t counts[] = {BLOCKS + 1, (size_t)1 << 31, SIZE_MAX / 2 + 2, SIZE_MAX};

    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        assert_int_equal(sys_mem_blocks_alloc(&blocks, counts[i], taken), -ENOMEM);
    }
    assert_ptr_equal(taken[0], &blocks);
    expect_used(&blocks, 0, 0);
}

static void alloc_takes_the_lowest_blocks(void **state)
{
    take_all();
    give(1, 1);
    give(30, 5);
    give(69, 1);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, 4, taken), 0);
    assert_ptr_equal(taken[0], block(1));
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(taken[1 + i], block(30 + i));
    }
    assert_ptr_equal(taken[4], &blocks);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, 3, taken), 0);
    assert_ptr_equal(taken[0], block(33));
    assert_ptr_equal(taken[1], block(34));
    assert_ptr_equal(taken[2], block(69));
    expect_used(&blocks, BLOCKS, BLOCKS);
}

static void alloc_takes_all_or_none(void **state)
{
    take_all();
    give(3, 1);
    give(40, 1);
    for (size_t count = 3; count <= BLOCKS; count++) {
        assert_int_equal(sys_mem_blocks_alloc(&blocks, count, taken), -ENOMEM);
        expect_used(&blocks, BLOCKS - 2, BLOCKS);
    }
    assert_int_equal(sys_mem_blocks_is_region_free(&blocks, block(3), 1), 1);
    assert_int_equal(sys_mem_blocks_is_region_free(&blocks, block(40), 1), 1);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, 2, taken), 0);
    assert_ptr_equal(taken[0], block(3));
    assert_ptr_equal(taken[1], block(40));
}

/* Where the counter does not know better, blocks are taken in vain and released. */
static void alloc_gives_back_what_it_took_in_vain(void **state)
{
    take_all();
    give(2, 40);
    give(65, 1);
    blocks.info.used_blocks = 0;
    blocks.info.max_used_blocks = 0;
    assert_int_equal(sys_mem_blocks_alloc(&blocks, 42, taken), -ENOMEM);
    assert_int_equal(blocks.info.used_blocks, 0);
    assert_int_equal(blocks.info.max_used_blocks, 0);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, 41, taken), 0);
    assert_ptr_equal(taken[0], block(2));
    assert_ptr_equal(taken[40], block(65));
}

static void each_count_can_be_taken(void **state)
{
    for (size_t count = 1; count <= BLOCKS; count++) {
        assert_int_equal(sys_mem_blocks_alloc(&blocks, count, taken), 0);
        for (size_t i = 0; i < count; i++) {
            assert_ptr_equal(taken[i], block(i));
        }
        expect_used(&blocks, count, count);
        assert_int_equal(sys_mem_blocks_free(&blocks, count, taken), 0);
        expect_used(&blocks, 0, count);
    }
}

/* --- sys_mem_blocks_alloc_contiguous --- */

static void contiguous_alloc_of_none_is_null(void **state)
{
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, 0, taken), 0);
    assert_null(taken[0]);
    expect_used(&blocks, 0, 0);
}

static void contiguous_alloc_takes_the_first_place_that_is_large_enough(void **state)
{
    take_all();
    give(3, 2);
    give(28, 6); /* across words */
    give(50, 20);
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, 3, taken), 0);
    assert_ptr_equal(taken[0], block(28));
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, 4, taken), 0);
    assert_ptr_equal(taken[0], block(50));
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, 2, taken), 0);
    assert_ptr_equal(taken[0], block(3));
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, 1, taken), 0);
    assert_ptr_equal(taken[0], block(31));
}

static void contiguous_alloc_without_a_place_leaves_its_argument_alone(void **state)
{
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, BLOCKS + 1, taken), -ENOMEM);
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, SIZE_MAX, taken), -ENOMEM);
    take_all();
    for (size_t i = 0; i < BLOCKS; i += 2) {
        give(i, 1);
    }
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, 2, taken), -ENOMEM);
    assert_ptr_equal(taken[0], &blocks);
    expect_used(&blocks, BLOCKS / 2, BLOCKS);
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, 1, taken), 0);
}

/* --- sys_mem_blocks_get --- */

static void get_takes_what_is_asked_for(void **state)
{
    assert_int_equal(sys_mem_blocks_get(&blocks, block(31), 2), 0);
    assert_int_equal(sys_mem_blocks_is_region_free(&blocks, block(31), 1), 0);
    assert_int_equal(sys_mem_blocks_is_region_free(&blocks, block(32), 1), 0);
    assert_int_equal(sys_mem_blocks_get(&blocks, (char *)block(33) + BLOCK_BYTES - 1, 1), 0);
    expect_used(&blocks, 3, 3);
    assert_int_equal(sys_mem_blocks_get(&blocks, block(69), 1), 0);
    assert_int_equal(sys_mem_blocks_get(&blocks, block(0), 31), 0);
    expect_used(&blocks, 35, 35);
}

static void get_of_none_succeeds_anywhere(void **state)
{
    assert_int_equal(sys_mem_blocks_get(&blocks, block(3), 0), 0);
    assert_int_equal(sys_mem_blocks_get(&blocks, NULL, 0), 0);
    assert_int_equal(sys_mem_blocks_get(&blocks, block(BLOCKS), 0), 0);
    expect_used(&blocks, 0, 0);
}

static void get_of_what_is_not_there_or_taken_is_refused(void **state)
{
    assert_int_equal(sys_mem_blocks_get(&blocks, block(0), BLOCKS + 1), -ENOMEM);
    assert_int_equal(sys_mem_blocks_get(&blocks, block(1), BLOCKS), -ENOMEM);
    assert_int_equal(sys_mem_blocks_get(&blocks, block(1), SIZE_MAX), -ENOMEM);
    assert_int_equal(sys_mem_blocks_get(&blocks, block(BLOCKS), 1), -ENOMEM);
    assert_int_equal(sys_mem_blocks_get(&blocks, (void *)((uintptr_t)blocks_buffer - 1), 1),
                     -ENOMEM);
    assert_int_equal(sys_mem_blocks_get(&blocks, NULL, 1), -ENOMEM);
    assert_int_equal(sys_mem_blocks_get(&blocks, block(10), 1), 0);
    assert_int_equal(sys_mem_blocks_get(&blocks, block(10), 1), -ENOMEM);
    assert_int_equal(sys_mem_blocks_get(&blocks, block(8), 3), -ENOMEM);
    assert_int_equal(sys_mem_blocks_get(&blocks, block(0), BLOCKS), -ENOMEM);
    expect_used(&blocks, 1, 1);
}

/* --- sys_mem_blocks_is_region_free --- */

static void regions_are_free_or_not(void **state)
{
    assert_int_equal(sys_mem_blocks_is_region_free(&blocks, block(0), BLOCKS), 1);
    assert_int_equal(sys_mem_blocks_get(&blocks, block(40), 2), 0);
    assert_int_equal(sys_mem_blocks_is_region_free(&blocks, block(0), BLOCKS), 0);
    assert_int_equal(sys_mem_blocks_is_region_free(&blocks, block(0), 40), 1);
    assert_int_equal(sys_mem_blocks_is_region_free(&blocks, block(0), 41), 0);
    assert_int_equal(sys_mem_blocks_is_region_free(&blocks, block(41), 1), 0);
    assert_int_equal(sys_mem_blocks_is_region_free(&blocks, (char *)block(41) + 31, 1), 0);
    assert_int_equal(sys_mem_blocks_is_region_free(&blocks, block(42), BLOCKS - 42), 1);
    assert_int_equal(sys_mem_blocks_is_region_free(&blocks, block(0), 0), 0);
    assert_int_equal(sys_mem_blocks_is_region_free(&blocks, NULL, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, blocks_are_untouched)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(alloc_of_none_writes_nothing),
        TEST(alloc_of_more_than_there_are_is_refused),
        TEST(alloc_takes_the_lowest_blocks),
        TEST(alloc_takes_all_or_none),
        TEST(alloc_gives_back_what_it_took_in_vain),
        TEST(each_count_can_be_taken),
        TEST(contiguous_alloc_of_none_is_null),
        TEST(contiguous_alloc_takes_the_first_place_that_is_large_enough),
        TEST(contiguous_alloc_without_a_place_leaves_its_argument_alone),
        TEST(get_takes_what_is_asked_for),
        TEST(get_of_none_succeeds_anywhere),
        TEST(get_of_what_is_not_there_or_taken_is_refused),
        TEST(regions_are_free_or_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
