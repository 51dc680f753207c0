/* SPDX-License-Identifier: Apache-2.0 */
/* How memory blocks begin and end: static definitions, at run time, and filled in by hand. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <quarry/mem_blocks.h>
#include <zephyr/sys/mem_blocks.h>
#include "../support/some_blocks.h"

#define WORD sizeof(void *)

static uint8_t external_buffer[64 * 5];

SYS_MEM_BLOCKS_DEFINE(public_blocks, 16, 33, 64);
SYS_MEM_BLOCKS_DEFINE_STATIC(private_blocks, 1, 7, 1);
SYS_MEM_BLOCKS_DEFINE_WITH_EXT_BUF(public_with_buffer, 64, 5, external_buffer);
SYS_MEM_BLOCKS_DEFINE_STATIC_WITH_EXT_BUF(private_with_buffer, 64, 5, external_buffer);
SYS_MEM_BLOCKS_DEFINE_STATIC(odd_blocks, 24, 4, 8);
SYS_MEM_BLOCKS_DEFINE_STATIC(early_blocks, 8, 3, 8);
extern struct sys_mem_blocks public_blocks;

static void *taken[BLOCKS + 1];

static int begin(void **state)
{
    for (size_t i = 0; i <= BLOCKS; i++) {
        taken[i] = &blocks; /* whoever writes here is noticed */
    }
    return blocks_begin(state);
}

/* --- Definitions --- */

static void expect_definition(sys_mem_blocks_t *defined, uint8_t *defined_buffer, size_t bytes,
                              uint32_t num_blocks, size_t align)
{
    void *all[40] = {NULL};

    assert_int_equal(defined->info.num_blocks, num_blocks);
    assert_int_equal((size_t)1 << defined->info.blk_sz_shift, bytes);
    assert_ptr_equal(defined->buffer, defined_buffer);
    assert_int_equal(defined->bitmap->num_bits, num_blocks);
    assert_int_equal((uintptr_t)defined_buffer % align, 0);
    expect_used(defined, 0, 0);
    assert_int_equal(sys_mem_blocks_alloc(defined, num_blocks, all), 0);
    for (uint32_t i = 0; i < num_blocks; i++) {
        assert_ptr_equal(all[i], defined_buffer + i * bytes);
    }
    assert_int_equal(sys_mem_blocks_alloc(defined, 1, all + num_blocks), -ENOMEM);
    expect_used(defined, num_blocks, num_blocks);
    assert_int_equal(sys_mem_blocks_free(defined, num_blocks, all), 0);
    expect_used(defined, 0, num_blocks);
}

static void each_macro_defines_blocks(void **state)
{
    expect_definition(&public_blocks, _sys_mem_blocks_buf_public_blocks, 16, 33, 64);
    expect_definition(&private_blocks, _sys_mem_blocks_buf_private_blocks, 1, 7, WORD);
    expect_definition(&public_with_buffer, external_buffer, 64, 5, 1);
    expect_definition(&private_with_buffer, external_buffer, 64, 5, 1);
    assert_int_equal(sizeof(_sys_mem_blocks_buf_public_blocks), 16 * 33);
    assert_int_equal(sizeof(_sys_mem_blocks_buf_private_blocks), WORD * 7);
    assert_ptr_equal(public_blocks.bitmap, &_sys_mem_blocks_bitmap_public_blocks);
}

/* As in Zephyr, in a buffer of the size that was asked for. */
static void a_size_between_powers_of_two_counts_as_the_lower_one(void **state)
{
    expect_definition(&odd_blocks, _sys_mem_blocks_buf_odd_blocks, 16, 4, WORD);
    assert_int_equal(sizeof(_sys_mem_blocks_buf_odd_blocks), 24 * 4);
}

static void blocks_can_be_defined_in_a_function(void **state)
{
    SYS_MEM_BLOCKS_DEFINE_STATIC(local_blocks, 128, 3, 128);

    expect_definition(&local_blocks, _sys_mem_blocks_buf_local_blocks, 128, 3, 128);
}

static int early_result = 1;
static void *early_block;

__attribute__((constructor(101))) static void take_early(void)
{
    early_result = sys_mem_blocks_alloc(&early_blocks, 1, &early_block);
}

static void static_blocks_are_ready_before_constructors(void **state)
{
    assert_int_equal(early_result, 0);
    assert_ptr_equal(early_block, _sys_mem_blocks_buf_early_blocks);
    expect_used(&early_blocks, 1, 1);
}

/* --- Beginning and end at run time --- */

static void refuse(sys_mem_blocks_t *of, void *at, size_t block_size, sys_bitarray_t *bits)
{
    struct sys_mem_blocks before = blocks;

    assert_int_equal(quarry_mem_blocks_init(of, at, block_size, bits), -EINVAL);
    assert_memory_equal(&blocks, &before, sizeof(blocks));
}

static void what_cannot_be_blocks_is_refused(void **state)
{
    sys_bitarray_t no_bits = {.num_bits = 0};

    refuse(NULL, blocks_buffer, BLOCK_BYTES, &blocks_bitmap);
    refuse(&blocks, NULL, BLOCK_BYTES, &blocks_bitmap);
    refuse(&blocks, blocks_buffer, BLOCK_BYTES, NULL);
    refuse(&blocks, blocks_buffer, BLOCK_BYTES, &no_bits);
    for (size_t bytes = 0; bytes <= 200; bytes++) {
        if (!IS_POWER_OF_TWO(bytes)) {
            refuse(&blocks, blocks_buffer, bytes, &blocks_bitmap);
        }
    }
    for (size_t off = 1; off < WORD; off++) {
        refuse(&blocks, blocks_buffer + off, BLOCK_BYTES, &blocks_bitmap);
    }
    refuse(&blocks, blocks_buffer + 1, 2, &blocks_bitmap);
    for (size_t bytes = SIZE_MAX / 2 + 1; bytes > SIZE_MAX / BLOCKS; bytes /= 2) {
        refuse(&blocks, blocks_buffer, bytes, &blocks_bitmap);
        refuse(&blocks, blocks_buffer, bytes - 1, &blocks_bitmap);
    }
    refuse(&blocks, (void *)(UINTPTR_MAX / 64 * 64), 64, &blocks_bitmap);
}

static void small_blocks_need_no_word_alignment(void **state)
{
    assert_int_equal(quarry_mem_blocks_init(&blocks, blocks_buffer + 1, 1, &blocks_bitmap), 0);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, BLOCKS, taken), 0);
    assert_ptr_equal(taken[BLOCKS - 1], blocks_buffer + BLOCKS);
    assert_int_equal(quarry_mem_blocks_init(&blocks, blocks_buffer + 2, 2, &blocks_bitmap), 0);
}

/* Nothing of the buffer is touched, so it need not be there. */
static void a_buffer_may_reach_to_the_end_of_the_address_space(void **state)
{
    const size_t bytes = (size_t)64 * BLOCKS;
    char *last = (char *)(UINTPTR_MAX / 64 * 64 - bytes);

    assert_int_equal(quarry_mem_blocks_init(&blocks, last, 64, &blocks_bitmap), 0);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, BLOCKS, taken), 0);
    assert_ptr_equal(taken[BLOCKS - 1], last + bytes - 64);
    taken[0] = last - 64;
    taken[1] = last + bytes;
    taken[2] = NULL;
    taken[3] = (void *)UINTPTR_MAX;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(sys_mem_blocks_free(&blocks, 1, &taken[i]), -EFAULT);
    }
    assert_int_equal(sys_mem_blocks_free(&blocks, BLOCKS - 4, taken + 4), 0);
    expect_used(&blocks, 4, BLOCKS);
    refuse(&blocks, last + 64, 64, &blocks_bitmap);
}

static void set_bits_are_taken_blocks_from_the_start(void **state)
{
    assert_int_equal(sys_bitarray_set_region(&blocks_bitmap, 3, 1), 0);
    assert_int_equal(quarry_mem_blocks_init(&blocks, blocks_buffer, BLOCK_BYTES, &blocks_bitmap),
                     0);
    expect_used(&blocks, 3, 3);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, BLOCKS - 2, taken), -ENOMEM);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, BLOCKS - 3, taken), 0);
    assert_ptr_equal(taken[0], block(0));
    assert_ptr_equal(taken[1], block(4));
}

static void blocks_that_ended_have_none(void **state)
{
    quarry_mem_blocks_end(&blocks);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, 1, taken), -ENOMEM);
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, 1, taken), -ENOMEM);
    assert_int_equal(sys_mem_blocks_free(&blocks, 1, taken), -EINVAL);
    assert_int_equal(sys_mem_blocks_free_contiguous(&blocks, blocks_buffer, 1), -EINVAL);
    assert_int_equal(sys_mem_blocks_get(&blocks, blocks_buffer, 1), -ENOMEM);
    assert_int_equal(quarry_mem_blocks_init(&blocks, blocks_buffer, BLOCK_BYTES, &blocks_bitmap),
                     0);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, BLOCKS, taken), 0);
}

/* Some users fill it in by hand, since Zephyr has no function that does. */
static void blocks_may_be_filled_in_by_hand(void **state)
{
    struct sys_mem_blocks made = {.info = {.num_blocks = BLOCKS, .blk_sz_shift = 5},
                                  .buffer = (uint8_t *)blocks_buffer,
                                  .bitmap = &blocks_bitmap};

    assert_int_equal(sys_bitarray_set_region(&blocks_bitmap, 2, 0), 0); /* never to be handed out */
    assert_int_equal(sys_mem_blocks_alloc(&made, BLOCKS, taken), -ENOMEM);
    assert_int_equal(sys_mem_blocks_alloc(&made, BLOCKS - 1, taken), -ENOMEM);
    assert_int_equal(sys_mem_blocks_alloc(&made, BLOCKS - 2, taken), 0);
    assert_ptr_equal(taken[0], block(2));
    assert_int_equal(made.info.used_blocks, BLOCKS - 2);
}

/* More than 4 GiB where a size_t has room for it. */
static void counters_do_not_wrap_around(void **state)
{
    const size_t large = SIZE_MAX / 256 + 1;
    struct sys_memory_stats stats;

    assert_int_equal(quarry_mem_blocks_init(&blocks, (void *)large, large, &blocks_bitmap), 0);
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, BLOCKS, taken), 0);
    assert_int_equal(sys_mem_blocks_free_contiguous(&blocks, taken[0], 2), 0);
    sys_mem_blocks_runtime_stats_get(&blocks, &stats);
    assert_int_equal(stats.allocated_bytes, large * (BLOCKS - 2));
    assert_int_equal(stats.free_bytes, large * 2);
    assert_int_equal(stats.max_allocated_bytes, large * BLOCKS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, blocks_are_untouched)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_macro_defines_blocks),
        TEST(a_size_between_powers_of_two_counts_as_the_lower_one),
        TEST(blocks_can_be_defined_in_a_function),
        TEST(static_blocks_are_ready_before_constructors),
        TEST(what_cannot_be_blocks_is_refused),
        TEST(small_blocks_need_no_word_alignment),
        TEST(a_buffer_may_reach_to_the_end_of_the_address_space),
        TEST(set_bits_are_taken_blocks_from_the_start),
        TEST(blocks_that_ended_have_none),
        TEST(blocks_may_be_filled_in_by_hand),
        TEST(counters_do_not_wrap_around),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
