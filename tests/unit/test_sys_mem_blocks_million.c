/* SPDX-License-Identifier: Apache-2.0 */
/* A million memory blocks, in a buffer of which nothing is touched: every part of the bookkeeping
 * is right that far up, and finding the last free one takes no longer than finding the first. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <quarry/mem_blocks.h>
#include <zephyr/sys/mem_blocks.h>
#include "../support/random.h"

#define MILLION     (1024u * 1024u)
#define BLOCK_BYTES 64u
#define ROUNDS      3000000u

static sys_mem_blocks_t blocks;
static sys_bitarray_t bitmap;
static uint32_t words[QUARRY_BITARRAY_WORDS(MILLION)];
static char *const buffer = (char *)(uintptr_t)0x10000; /* nothing need be there */
static void **addresses;

static void *block(size_t number)
{
    return buffer + number * BLOCK_BYTES;
}

static int begin(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        words[i] = 0;
    }
    return quarry_bitarray_init(&bitmap, MILLION, words, ARRAY_SIZE(words)) != 0 ||
           quarry_mem_blocks_init(&blocks, buffer, BLOCK_BYTES, &bitmap) != 0;
}

static int bookkeeping_is_right(void **state)
{
    size_t bits = 0;

    sys_bitarray_popcount_region(&bitmap, MILLION, 0, &bits);
    return bits != blocks.info.used_blocks || !quarry_bitarray_validate(&bitmap);
}

static void all_can_be_taken_at_once(void **state)
{
    assert_int_equal(sys_mem_blocks_alloc(&blocks, MILLION + 1, addresses), -ENOMEM);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, MILLION, addresses), 0);
    for (size_t i = 0; i < MILLION; i++) {
        assert_true(addresses[i] == block(i));
    }
    assert_int_equal(sys_mem_blocks_alloc(&blocks, 1, addresses), -ENOMEM);
    assert_int_equal(sys_mem_blocks_free(&blocks, MILLION, addresses), 0);
    assert_int_equal(blocks.info.used_blocks, 0);
    assert_int_equal(blocks.info.max_used_blocks, MILLION);
}

static void all_lie_side_by_side(void **state)
{
    void *first = NULL;

    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, MILLION, &first), 0);
    assert_ptr_equal(first, block(0));
    assert_int_equal(sys_mem_blocks_free_contiguous(&blocks, block(MILLION / 2), MILLION / 4), 0);
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, MILLION / 4 + 1, &first), -ENOMEM);
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, MILLION / 4, &first), 0);
    assert_ptr_equal(first, block(MILLION / 2));
    assert_int_equal(sys_mem_blocks_free_contiguous(&blocks, first, MILLION / 4), 0);
    assert_int_equal(sys_mem_blocks_get(&blocks, first, MILLION / 4), 0);
}

static void the_last_one_is_found_and_given_back(void **state)
{
    void *mem = NULL;

    assert_int_equal(sys_mem_blocks_get(&blocks, block(0), MILLION - 1), 0);
    for (size_t i = scaled_rounds(ROUNDS); i > 0; i--) {
        assert_int_equal(sys_mem_blocks_alloc(&blocks, 1, &mem), 0);
        assert_ptr_equal(mem, block(MILLION - 1));
        assert_int_equal(sys_mem_blocks_free(&blocks, 1, &mem), 0);
    }
}

static void alloc_in_vain_is_undone_that_far_up(void **state)
{
    assert_int_equal(sys_mem_blocks_get(&blocks, block(100), MILLION / 2), 0);
    blocks.info.used_blocks = 0; /* so that it has to try */
    assert_int_equal(sys_mem_blocks_alloc(&blocks, MILLION / 2 + 1, addresses), -ENOMEM);
    blocks.info.used_blocks = MILLION / 2;
    assert_int_equal(bookkeeping_is_right(NULL), 0);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, MILLION / 2, addresses), 0);
    assert_ptr_equal(addresses[0], block(0));
    assert_ptr_equal(addresses[100], block(100 + MILLION / 2));
}

static void scattered_ones_come_in_order(void **state)
{
    struct random random = random_from(3);
    size_t given = 0;

    assert_int_equal(sys_mem_blocks_get(&blocks, block(0), MILLION), 0);
    for (size_t i = 0; i < 5000; i++) {
        void *mem = block((size_t)random_below(&random, MILLION));
        int result = sys_mem_blocks_free(&blocks, 1, &mem);

        assert_true(result == 0 || result == -EFAULT);
        given += result == 0;
    }
    assert_int_equal(sys_mem_blocks_alloc(&blocks, given + 1, addresses), -ENOMEM);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, given, addresses), 0);
    for (size_t i = 1; i < given; i++) {
        assert_true((uintptr_t)addresses[i] > (uintptr_t)addresses[i - 1]);
    }
    assert_int_equal(blocks.info.used_blocks, MILLION);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bookkeeping_is_right)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_can_be_taken_at_once),
        TEST(all_lie_side_by_side),
        TEST(the_last_one_is_found_and_given_back),
        TEST(alloc_in_vain_is_undone_that_far_up),
        TEST(scattered_ones_come_in_order),
    };

    addresses = malloc(sizeof(addresses[0]) * (MILLION + 1));
    if (addresses == NULL) {
        return 1;
    }
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    free(addresses);
    return result;
}
