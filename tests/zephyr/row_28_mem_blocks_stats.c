/* SPDX-License-Identifier: Apache-2.0 */
/* Row 28: statistics of sys_mem_blocks.
 *
 * Pinned down: NULL is an error code here; bytes are those of whole blocks, free ones the rest; the
 * high-water mark stays when blocks go back, and is lowered to what is taken by a reset; calls that
 * fail move nothing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/sys/mem_blocks.h>
#include <zephyr/sys/mem_stats.h>

#define BLOCK_BYTES 32
#define BLOCKS      8

SYS_MEM_BLOCKS_DEFINE_STATIC(blocks, BLOCK_BYTES, BLOCKS, 32);

static void *mem[BLOCKS + 1];

static void expect_stats(size_t taken, size_t most)
{
    struct sys_memory_stats stats = {77, 77, 77};

    assert_int_equal(sys_mem_blocks_runtime_stats_get(&blocks, &stats), 0);
    assert_int_equal(stats.free_bytes, (BLOCKS - taken) * BLOCK_BYTES);
    assert_int_equal(stats.allocated_bytes, taken * BLOCK_BYTES);
    assert_int_equal(stats.max_allocated_bytes, most * BLOCK_BYTES);
}

static void null_is_refused(void **state)
{
    struct sys_memory_stats stats;

    assert_int_equal(sys_mem_blocks_runtime_stats_get(NULL, &stats), -EINVAL);
    assert_int_equal(sys_mem_blocks_runtime_stats_get(&blocks, NULL), -EINVAL);
    assert_int_equal(sys_mem_blocks_runtime_stats_reset_max(NULL), -EINVAL);
}

static void taken_and_most(void **state)
{
    expect_stats(0, 0);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, 1, mem), 0);
    expect_stats(1, 1);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, 3, mem + 1), 0);
    expect_stats(4, 4);
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, 2, mem + 4), 0);
    expect_stats(6, 6);
    assert_int_equal(sys_mem_blocks_get(&blocks, blocks.buffer + 7 * BLOCK_BYTES, 1), 0);
    expect_stats(7, 7);
    assert_int_equal(sys_mem_blocks_free(&blocks, 4, mem), 0);
    expect_stats(3, 7);
    assert_int_equal(sys_mem_blocks_free_contiguous(&blocks, mem[4], 2), 0);
    expect_stats(1, 7);
    assert_int_equal(sys_mem_blocks_runtime_stats_reset_max(&blocks), 0);
    expect_stats(1, 1);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, 1, mem), 0);
    expect_stats(2, 2);
    assert_int_equal(sys_mem_blocks_free(&blocks, 1, mem), 0);
    mem[0] = blocks.buffer + 7 * BLOCK_BYTES;
    assert_int_equal(sys_mem_blocks_free(&blocks, 1, mem), 0);
    expect_stats(0, 2);
}

static void what_fails_moves_nothing(void **state)
{
    assert_int_equal(sys_mem_blocks_runtime_stats_reset_max(&blocks), 0);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, 5, mem), 0);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, 4, mem + 5), -ENOMEM);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, BLOCKS + 1, mem), -ENOMEM);
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, 4, mem + 5), -ENOMEM);
    assert_int_equal(sys_mem_blocks_get(&blocks, mem[0], 2), -ENOMEM);
    expect_stats(5, 5);
    assert_int_equal(sys_mem_blocks_free_contiguous(&blocks, mem[0], 6), -EFAULT);
    assert_int_equal(sys_mem_blocks_free(&blocks, BLOCKS + 1, mem), -EINVAL);
    expect_stats(5, 5);
    assert_int_equal(sys_mem_blocks_free(&blocks, 5, mem), 0);
    expect_stats(0, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_refused),
        cmocka_unit_test(taken_and_most),
        cmocka_unit_test(what_fails_moves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
