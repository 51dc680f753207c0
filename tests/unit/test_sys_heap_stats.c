/* SPDX-License-Identifier: Apache-2.0 */
/* sys_heap_runtime_stats_get and _reset_max: what each call adds and takes away.
 *
 *     allocated   what all used chunks hold, without their headers and trailers
 *     free        the same of the free chunks that are on a list
 *     max         the most that was allocated after any call, or between the two halves of a
 *                 reallocation that moves, or since it was reset */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/heap.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/heap_format.h"
#include "../support/heap_picture.h"

#define SPACE 58u /* units of the fresh heap's free chunk */

static _Alignas(64) uint8_t buffer[1024];
static struct sys_heap heap;

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, buffer, heap_bytes_for(SPACE));
    return 0;
}

static void skip_unless_counted(void)
{
    if (!QUARRY_HEAP_RUNTIME_STATS) {
        skip(); /* built with -Dheap_runtime_stats=false */
    }
}

static void *alloc_units(size_t units)
{
    return sys_heap_alloc(&heap, heap_block_bytes(units));
}

static void expect_stats(size_t free_bytes, size_t allocated_bytes, size_t max_allocated_bytes)
{
    struct sys_memory_stats stats;
    assert_int_equal(sys_heap_runtime_stats_get(&heap, &stats), 0);
    assert_int_equal(stats.free_bytes, free_bytes);
    assert_int_equal(stats.allocated_bytes, allocated_bytes);
    assert_int_equal(stats.max_allocated_bytes, max_allocated_bytes);
}

/* What a free chunk of so many units counts: nothing if it is too small for a list. */
static size_t free_bytes_of(size_t units)
{
    return units < HEAP_MIN_UNITS ? 0 : heap_block_bytes(units);
}

static void build_without_counters_says_so(void **state)
{
    struct sys_memory_stats stats;
    if (QUARRY_HEAP_RUNTIME_STATS) {
        skip(); /* this build counts */
    }
    assert_int_equal(sys_heap_runtime_stats_get(&heap, &stats), -ENOTSUP);
    assert_int_equal(sys_heap_runtime_stats_reset_max(&heap), -ENOTSUP);
}

static void refuses_no_heap_and_no_place_for_the_result(void **state)
{
    struct sys_memory_stats stats;
    struct sys_heap none = {.heap = NULL};
    skip_unless_counted();
    assert_int_equal(sys_heap_runtime_stats_get(NULL, &stats), -EINVAL);
    assert_int_equal(sys_heap_runtime_stats_get(&heap, NULL), -EINVAL);
    assert_int_equal(sys_heap_runtime_stats_get(NULL, NULL), -EINVAL);
    assert_int_equal(sys_heap_runtime_stats_get(&none, &stats), -EINVAL);
    assert_int_equal(sys_heap_runtime_stats_reset_max(NULL), -EINVAL);
    assert_int_equal(sys_heap_runtime_stats_reset_max(&none), -EINVAL);
}

static void fresh_heap_is_all_free(void **state)
{
    skip_unless_counted();
    expect_stats(heap_block_bytes(SPACE), 0, 0);
    alloc_units(10);
    fresh_heap(NULL);
    expect_stats(heap_block_bytes(SPACE), 0, 0);
}

/* By hand: 512 bytes are 63 units and the end marker. A header chunk of 64 bytes leaves 55 units;
 * with canaries of random base, one of 80 bytes leaves 53. 100 bytes want 14 units, 15 with
 * canaries. */
static void counts_512_bytes_as_worked_out(void **state)
{
    skip_unless_counted();
    if (HEAP_HEADER != 8 || sizeof(void *) != 8 || HEAP_TRAILER != HEAP_CANARY_BYTES) {
        skip(); /* worked out for 64 bits, without canaries and with random ones */
    }
    sys_heap_init(&heap, buffer, 512);
    bool canaries = HEAP_TRAILER != 0;
    expect_stats(canaries ? 53 * 8 - 16 : 55 * 8 - 8, 0, 0);
    void *block = sys_heap_alloc(&heap, 100);
    expect_stats(canaries ? 38 * 8 - 16 : 41 * 8 - 8, 104, 104);
    sys_heap_realloc(&heap, block, 20);
    expect_stats(canaries ? 48 * 8 - 16 : 51 * 8 - 8, 24, 104);
}

static void allocations_move_bytes_from_free_to_allocated(void **state)
{
    skip_unless_counted();
    size_t ten = heap_block_bytes(10);
    size_t seven = heap_block_bytes(7);
    void *first = alloc_units(10);
    expect_stats(heap_block_bytes(SPACE - 10), ten, ten);
    void *second = alloc_units(7);
    expect_stats(heap_block_bytes(SPACE - 17), ten + seven, ten + seven);
    sys_heap_free(&heap, first);
    expect_stats(ten + heap_block_bytes(SPACE - 17), seven, ten + seven);
    sys_heap_free(&heap, second);
    expect_stats(heap_block_bytes(SPACE), 0, ten + seven);
}

static void allocated_is_the_usable_size_of_plain_blocks(void **state)
{
    skip_unless_counted();
    for (size_t bytes = 1; bytes <= heap_block_bytes(SPACE); bytes += 3) {
        fresh_heap(NULL);
        void *block = sys_heap_alloc(&heap, bytes);
        size_t usable = sys_heap_usable_size(&heap, block);
        expect_stats(free_bytes_of(SPACE - heap_units_for(bytes)), usable, usable);
    }
}

static void undersized_chunks_count_nowhere(void **state)
{
    skip_unless_counted();
    void *block = alloc_units(SPACE - 1);
    expect_heap(&heap, "U57 L1");
    expect_stats(free_bytes_of(1), heap_block_bytes(SPACE - 1), heap_block_bytes(SPACE - 1));
    sys_heap_free(&heap, block);
    expect_stats(heap_block_bytes(SPACE), 0, heap_block_bytes(SPACE - 1));
}

static void what_an_alignment_skips_counts_as_allocated(void **state)
{
    skip_unless_counted();
    uint8_t *block = sys_heap_aligned_alloc(&heap, 0x20 | HEAP_HEADER / 2, 24);
    size_t units = heap_units_for(24 + HEAP_HEADER / 2);
    struct sys_memory_stats stats;
    assert_int_equal(sys_heap_runtime_stats_get(&heap, &stats), 0);
    assert_int_equal(stats.allocated_bytes, heap_block_bytes(units));
    assert_int_equal(sys_heap_usable_size(&heap, block), heap_block_bytes(units) - HEAP_HEADER / 2);
    assert_int_equal(stats.max_allocated_bytes, stats.allocated_bytes);
}

static void resizing_in_place_changes_the_difference(void **state)
{
    skip_unless_counted();
    void *block = alloc_units(10);
    block = sys_heap_realloc(&heap, block, heap_block_bytes(15));
    expect_stats(heap_block_bytes(SPACE - 15), heap_block_bytes(15), heap_block_bytes(15));
    block = sys_heap_realloc(&heap, block, heap_block_bytes(4));
    expect_stats(heap_block_bytes(SPACE - 4), heap_block_bytes(4), heap_block_bytes(15));
    assert_null(sys_heap_realloc(&heap, block, 0));
    expect_stats(heap_block_bytes(SPACE), 0, heap_block_bytes(15));
}

static void moving_counts_both_blocks_at_once(void **state)
{
    skip_unless_counted();
    void *block = alloc_units(10);
    alloc_units(5);
    size_t before = heap_block_bytes(10) + heap_block_bytes(5);
    assert_ptr_not_equal(sys_heap_realloc(&heap, block, heap_block_bytes(12)), block);
    expect_heap(&heap, "F10 U5 U12 F*");
    expect_stats(heap_block_bytes(10) + heap_block_bytes(31),
                 heap_block_bytes(5) + heap_block_bytes(12), before + heap_block_bytes(12));
}

static void refusals_change_nothing(void **state)
{
    skip_unless_counted();
    void *block = alloc_units(10);
    alloc_units(5);
    size_t used = heap_block_bytes(10) + heap_block_bytes(5);
    assert_null(sys_heap_alloc(&heap, heap_block_bytes(SPACE)));
    assert_null(sys_heap_alloc(&heap, 0));
    assert_null(sys_heap_aligned_alloc(&heap, 4096, heap_block_bytes(40)));
    assert_null(sys_heap_realloc(&heap, block, heap_block_bytes(SPACE)));
    sys_heap_free(&heap, NULL);
    expect_stats(heap_block_bytes(SPACE - 15), used, used);
}

static void reset_lowers_the_mark_to_what_is_allocated(void **state)
{
    skip_unless_counted();
    void *first = alloc_units(20);
    alloc_units(6);
    sys_heap_free(&heap, first);
    size_t six = heap_block_bytes(6);
    expect_stats(heap_block_bytes(20) + heap_block_bytes(32), six, heap_block_bytes(20) + six);
    assert_int_equal(sys_heap_runtime_stats_reset_max(&heap), 0);
    expect_stats(heap_block_bytes(20) + heap_block_bytes(32), six, six);
    alloc_units(3);
    expect_stats(heap_block_bytes(17) + heap_block_bytes(32), six + heap_block_bytes(3),
                 six + heap_block_bytes(3));
}

static void fine_buckets_count_alike(void **state)
{
    skip_unless_counted();
    struct sys_memory_stats fresh;
    struct sys_memory_stats stats;
    quarry_heap_init(&heap, buffer, sizeof buffer, QUARRY_HEAP_FINE_BUCKETS);
    assert_int_equal(sys_heap_runtime_stats_get(&heap, &fresh), 0);
    assert_int_equal(fresh.allocated_bytes, 0);
    void *block = alloc_units(10);
    assert_int_equal(sys_heap_runtime_stats_get(&heap, &stats), 0);
    assert_int_equal(stats.free_bytes, fresh.free_bytes - 80);
    assert_int_equal(stats.allocated_bytes, heap_block_bytes(10));
    sys_heap_free(&heap, block);
    assert_int_equal(sys_heap_runtime_stats_get(&heap, &stats), 0);
    assert_int_equal(stats.free_bytes, fresh.free_bytes);
    assert_int_equal(stats.max_allocated_bytes, heap_block_bytes(10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(build_without_counters_says_so, fresh_heap),
        cmocka_unit_test_setup(refuses_no_heap_and_no_place_for_the_result, fresh_heap),
        cmocka_unit_test_setup(fresh_heap_is_all_free, fresh_heap),
        cmocka_unit_test_setup(counts_512_bytes_as_worked_out, fresh_heap),
        cmocka_unit_test_setup(allocations_move_bytes_from_free_to_allocated, fresh_heap),
        cmocka_unit_test_setup(allocated_is_the_usable_size_of_plain_blocks, fresh_heap),
        cmocka_unit_test_setup(undersized_chunks_count_nowhere, fresh_heap),
        cmocka_unit_test_setup(what_an_alignment_skips_counts_as_allocated, fresh_heap),
        cmocka_unit_test_setup(resizing_in_place_changes_the_difference, fresh_heap),
        cmocka_unit_test_setup(moving_counts_both_blocks_at_once, fresh_heap),
        cmocka_unit_test_setup(refusals_change_nothing, fresh_heap),
        cmocka_unit_test_setup(reset_lowers_the_mark_to_what_is_allocated, fresh_heap),
        cmocka_unit_test_setup(fine_buckets_count_alike, fresh_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
