/* SPDX-License-Identifier: Apache-2.0 */
/* What core/heap.h adds to a sys_heap: an end that moves, and resizing in place only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/death.h"
#include "../support/heap_format.h"
#include "../support/heap_picture.h"
#include "../support/random.h"
#include "core/heap.h"

#define FIRST_SPACE 56u  /* units of the fresh heap's free chunk */
#define MOST_SPACE  504u /* and when it has grown to its largest size */

static _Alignas(1024) uint8_t buffer[5120];
static struct sys_heap heap;
static size_t most_bytes;
static size_t first_bytes; /* at first; the header chunk is that of the largest size */

static void init_growable(size_t bytes, size_t max_bytes)
{
    heap_init_growable(&heap, buffer, bytes, max_bytes, QUARRY_HEAP_ZEPHYR_BUCKETS);
}

static int fresh_heap(void **state)
{
    most_bytes = heap_bytes_for(MOST_SPACE);
    first_bytes = most_bytes - (MOST_SPACE - FIRST_SPACE) * 8;
    init_growable(first_bytes, most_bytes);
    return 0;
}

static void *alloc_units(size_t units)
{
    return sys_heap_alloc(&heap, heap_block_bytes(units));
}

static void begins_with_buckets_for_the_largest_size(void **state)
{
    uint8_t *first = buffer + heap_first_chunk(MOST_SPACE) + HEAP_HEADER;
    expect_heap(&heap, "F56");
    assert_ptr_equal(heap_first_block(&heap), first);
    assert_ptr_equal(sys_heap_alloc(&heap, 8), first);
}

static void equal_sizes_make_an_ordinary_heap(void **state)
{
    init_growable(first_bytes, first_bytes);
    void *growable = sys_heap_alloc(&heap, 8);
    sys_heap_init(&heap, buffer, first_bytes);
    assert_ptr_equal(sys_heap_alloc(&heap, 8), growable);
}

static void refuses_a_largest_size_below_the_first(void **state)
{
    size_t header_bytes = heap_first_chunk(MOST_SPACE);
    init_growable(first_bytes, first_bytes - 8);
    assert_null(heap.heap);
    init_growable(first_bytes, SIZE_MAX);
    assert_null(heap.heap);
    init_growable(header_bytes + HEAP_MIN_UNITS * 8 + HEAP_FOOTER - 1, most_bytes);
    assert_null(heap.heap);
    init_growable(header_bytes + HEAP_MIN_UNITS * 8 + HEAP_FOOTER, most_bytes);
    expect_heap(&heap, "Fm");
}

static void extending_lengthens_a_free_tail(void **state)
{
    sys_heap_alloc(&heap, 8);
    heap_extend(&heap, 64);
    expect_heap(&heap, "U[8] F64-[8]");
    assert_true(sys_heap_validate(&heap));
}

static void extending_behind_a_used_chunk_adds_one(void **state)
{
    assert_non_null(alloc_units(FIRST_SPACE));
    heap_extend(&heap, 64);
    expect_heap(&heap, "U56 F8");
    assert_true(sys_heap_validate(&heap));
}

static void extending_by_a_unit_leaves_it_undersized_until_more_comes(void **state)
{
    assert_non_null(alloc_units(FIRST_SPACE));
    heap_extend(&heap, 8);
    expect_heap(&heap, "U56 L1");
    heap_extend(&heap, 8);
    expect_heap(&heap, "U56 L2");
    heap_extend(&heap, 8);
    expect_heap(&heap, "U56 F3");
    assert_true(sys_heap_validate(&heap));
}

static void grows_to_its_largest_size(void **state)
{
    heap_extend(&heap, most_bytes - first_bytes);
    expect_heap(&heap, "F504");
    uint8_t *block = alloc_units(MOST_SPACE);
    assert_ptr_equal(block, heap_first_block(&heap));
    assert_ptr_equal(block + sys_heap_usable_size(&heap, block) + HEAP_TRAILER,
                     buffer + most_bytes - HEAP_FOOTER);
}

static void extend_beyond(void *arg)
{
    heap_extend(&heap, 4 * most_bytes);
}

static void extending_beyond_the_largest_size_dies(void **state)
{
    expect_death(extend_beyond, NULL, "heap is extended beyond what it was made for");
}

static void only_a_free_tail_is_shrinkable(void **state)
{
    size_t smallest = HEAP_MIN_UNITS;
    assert_int_equal(heap_shrinkable_bytes(&heap), (FIRST_SPACE - smallest) * 8);
    void *low = alloc_units(5);
    assert_int_equal(heap_shrinkable_bytes(&heap), (FIRST_SPACE - 5 - smallest) * 8);
    assert_non_null(alloc_units(51));
    sys_heap_free(&heap, low);
    expect_heap(&heap, "F5 U51");
    assert_int_equal(heap_shrinkable_bytes(&heap), 0);
}

static void a_smallest_tail_is_not_shrinkable(void **state)
{
    alloc_units(FIRST_SPACE - HEAP_MIN_UNITS);
    expect_heap(&heap, "U* Fm");
    assert_int_equal(heap_shrinkable_bytes(&heap), 0);
}

static void shrinking_lowers_what_was_always_free(void **state)
{
    heap_shrink(&heap, heap_shrinkable_bytes(&heap));
    heap_extend(&heap, 64);
    expect_heap(&heap, "Fm+8");
    assert_int_equal(heap_always_allocatable_bytes(&heap),
                     QUARRY_HEAP_RUNTIME_STATS ? heap_block_bytes(HEAP_MIN_UNITS) : 0);
}

static void shrinking_leaves_what_it_cut_off_alone(void **state)
{
    alloc_units(5);
    heap_shrink(&heap, 128);
    memset(buffer + first_bytes - 128, 0xa5, 128);
    expect_heap(&heap, "U5 F35");
    assert_true(sys_heap_validate(&heap));
    assert_non_null(alloc_units(35));
    for (size_t i = first_bytes - 128; i < first_bytes; i++) {
        assert_int_equal(buffer[i], 0xa5);
    }
}

static void shrink_into_blocks(void *arg)
{
    alloc_units(50);
    heap_shrink(&heap, 8 * 8);
}

static void shrinking_into_blocks_dies(void **state)
{
    expect_death(shrink_into_blocks, NULL, "heap is shrunk into its blocks");
}

static void resizes_in_place_or_not_at_all(void **state)
{
    uint8_t *block = sys_heap_alloc(&heap, 24);
    void *fence = sys_heap_alloc(&heap, 24);

    assert_true(heap_resize_in_place(&heap, block, 8));
    expect_heap(&heap, "U[8] L2 U[24] F*");
    assert_true(heap_resize_in_place(&heap, block, 24));
    size_t usable = sys_heap_usable_size(&heap, block);
    assert_false(heap_resize_in_place(&heap, block, usable + 1));
    assert_false(heap_resize_in_place(&heap, block, SIZE_MAX));
    expect_heap(&heap, "U[24] U[24] F*");
    sys_heap_free(&heap, fence);
    assert_true(heap_resize_in_place(&heap, block, usable + 1));
    expect_heap(&heap, "U[24]+1 F*");
}

/* Random calls while the end moves back and forth: consistent after each, blocks intact. */
static void stays_consistent_while_its_end_moves(void **state)
{
    enum { BLOCKS = 32 };
    uint8_t *blocks[BLOCKS] = {NULL};
    struct random random = random_from(20);
    size_t bytes = first_bytes;
    size_t steps = scaled_rounds(20000);

    for (size_t step = 0; step < steps; step++) {
        size_t i = (size_t)random_below(&random, BLOCKS);
        size_t room = (most_bytes - bytes) / 8;

        if (blocks[i] != NULL) {
            assert_int_equal(*blocks[i], (uint8_t)i);
        }
        sys_heap_free(&heap, blocks[i]);
        blocks[i] = sys_heap_alloc(&heap, random_log_uniform(&random, 400));
        if (blocks[i] != NULL) {
            memset(blocks[i], (uint8_t)i, sys_heap_usable_size(&heap, blocks[i]));
        }
        size_t spare = heap_shrinkable_bytes(&heap) / 8;
        if (room != 0 && random_below(&random, 8) == 0) {
            size_t more = 8 * (1 + (size_t)random_below(&random, room));
            heap_extend(&heap, more);
            bytes += more;
        } else if (spare != 0 && random_below(&random, 2) == 0) {
            size_t less = 8 * (1 + (size_t)random_below(&random, spare));
            heap_shrink(&heap, less);
            bytes -= less;
        }
        assert_true(sys_heap_validate(&heap));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(begins_with_buckets_for_the_largest_size, fresh_heap),
        cmocka_unit_test_setup(equal_sizes_make_an_ordinary_heap, fresh_heap),
        cmocka_unit_test_setup(refuses_a_largest_size_below_the_first, fresh_heap),
        cmocka_unit_test_setup(extending_lengthens_a_free_tail, fresh_heap),
        cmocka_unit_test_setup(extending_behind_a_used_chunk_adds_one, fresh_heap),
        cmocka_unit_test_setup(extending_by_a_unit_leaves_it_undersized_until_more_comes,
                               fresh_heap),
        cmocka_unit_test_setup(grows_to_its_largest_size, fresh_heap),
        cmocka_unit_test_setup(extending_beyond_the_largest_size_dies, fresh_heap),
        cmocka_unit_test_setup(only_a_free_tail_is_shrinkable, fresh_heap),
        cmocka_unit_test_setup(a_smallest_tail_is_not_shrinkable, fresh_heap),
        cmocka_unit_test_setup(shrinking_lowers_what_was_always_free, fresh_heap),
        cmocka_unit_test_setup(shrinking_leaves_what_it_cut_off_alone, fresh_heap),
        cmocka_unit_test_setup(shrinking_into_blocks_dies, fresh_heap),
        cmocka_unit_test_setup(resizes_in_place_or_not_at_all, fresh_heap),
        cmocka_unit_test_setup(stays_consistent_while_its_end_moves, fresh_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
