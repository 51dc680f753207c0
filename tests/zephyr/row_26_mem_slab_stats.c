/* SPDX-License-Identifier: Apache-2.0 */
/* Row 26: the statistics of a slab, in bytes of whole blocks.
 *
 * With no block in use, with three, with one and with two; what was used at most is kept until it
 * is reset, which lowers it to what is in use now. NULL is -EINVAL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/kernel.h>

#define BLOCK_BYTES 40u
#define BLOCKS      5u

K_MEM_SLAB_DEFINE_STATIC(slab, BLOCK_BYTES, BLOCKS, 8);

static void *take(void)
{
    void *mem = NULL;

    assert_int_equal(k_mem_slab_alloc(&slab, &mem, K_NO_WAIT), 0);
    return mem;
}

static void expect_stats(size_t used, size_t most)
{
    struct sys_memory_stats stats;

    assert_int_equal(k_mem_slab_runtime_stats_get(&slab, &stats), 0);
    assert_int_equal(stats.allocated_bytes, used * BLOCK_BYTES);
    assert_int_equal(stats.free_bytes, (BLOCKS - used) * BLOCK_BYTES);
    assert_int_equal(stats.max_allocated_bytes, most * BLOCK_BYTES);
    assert_int_equal(k_mem_slab_max_used_get(&slab), most);
}

static void null_is_refused(void **state)
{
    struct sys_memory_stats stats;

    assert_int_equal(k_mem_slab_runtime_stats_get(NULL, &stats), -EINVAL);
    assert_int_equal(k_mem_slab_runtime_stats_get(&slab, NULL), -EINVAL);
    assert_int_equal(k_mem_slab_runtime_stats_get(NULL, NULL), -EINVAL);
    assert_int_equal(k_mem_slab_runtime_stats_reset_max(NULL), -EINVAL);
}

static void blocks_are_counted_in_bytes(void **state)
{
    expect_stats(0, 0);
    void *first = take();
    void *second = take();
    void *third = take();
    expect_stats(3, 3);
    k_mem_slab_free(&slab, first);
    k_mem_slab_free(&slab, second);
    expect_stats(1, 3);
    first = take();
    expect_stats(2, 3);
    assert_int_equal(k_mem_slab_runtime_stats_reset_max(&slab), 0);
    expect_stats(2, 2);
    k_mem_slab_free(&slab, first);
    k_mem_slab_free(&slab, third);
    expect_stats(0, 2);
    assert_int_equal(k_mem_slab_runtime_stats_reset_max(&slab), 0);
    expect_stats(0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_refused),
        cmocka_unit_test(blocks_are_counted_in_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
