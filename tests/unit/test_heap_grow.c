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
#include "../support/heap_picture.h"
#include "../support/random.h"
#include "core/heap.h"

/* 511 units at most, hence 9 buckets and a header chunk of 7 units; 63 units at first, 56 free. */
#define MOST_BYTES  4096u
#define FIRST_BYTES 512u

static _Alignas(1024) uint8_t buffer[MOST_BYTES];
static struct sys_heap heap;

static int fresh_heap(void **state)
{
    heap_init_growable(&heap, buffer, FIRST_BYTES, MOST_BYTES);
    return 0;
}

static void begins_with_buckets_for_the_largest_size(void **state)
{
    expect_heap(&heap, "F56");
    assert_ptr_equal(heap_first_block(&heap), buffer + 64);
    assert_ptr_equal(sys_heap_alloc(&heap, 8), buffer + 64);
}

static void equal_sizes_make_an_ordinary_heap(void **state)
{
    heap_init_growable(&heap, buffer, FIRST_BYTES, FIRST_BYTES);
    void *growable = sys_heap_alloc(&heap, 8);
    sys_heap_init(&heap, buffer, FIRST_BYTES);
    assert_ptr_equal(sys_heap_alloc(&heap, 8), growable);
}

static void refuses_a_largest_size_below_the_first(void **state)
{
    heap_init_growable(&heap, buffer, FIRST_BYTES, FIRST_BYTES - 8);
    assert_null(heap.heap);
    heap_init_growable(&heap, buffer, FIRST_BYTES, SIZE_MAX);
    assert_null(heap.heap);
    heap_init_growable(&heap, buffer, 64, MOST_BYTES); /* the buckets alone take 56 */
    assert_null(heap.heap);
}

static void extending_lengthens_a_free_tail(void **state)
{
    sys_heap_alloc(&heap, 8);
    heap_extend(&heap, 64);
    expect_heap(&heap, "U2 F62");
    assert_true(sys_heap_validate(&heap));
}

static void extending_behind_a_used_chunk_adds_one(void **state)
{
    assert_non_null(sys_heap_alloc(&heap, 56 * 8 - 8));
    heap_extend(&heap, 64);
    expect_heap(&heap, "U56 F8");
    assert_true(sys_heap_validate(&heap));
}

static void extending_by_a_unit_leaves_it_undersized_until_more_comes(void **state)
{
    assert_non_null(sys_heap_alloc(&heap, 56 * 8 - 8));
    heap_extend(&heap, 8);
    expect_heap(&heap, "U56 S1");
    heap_extend(&heap, 8);
    expect_heap(&heap, "U56 F2");
    assert_true(sys_heap_validate(&heap));
}

static void grows_to_its_largest_size(void **state)
{
    heap_extend(&heap, MOST_BYTES - FIRST_BYTES);
    expect_heap(&heap, "F504");
    uint8_t *block = sys_heap_alloc(&heap, 504 * 8 - 8);
    assert_ptr_equal(block, buffer + 64);
    assert_ptr_equal(block + sys_heap_usable_size(&heap, block), buffer + MOST_BYTES - 8);
}

static void extend_beyond(void *arg)
{
    heap_extend(&heap, 4 * MOST_BYTES);
}

static void extending_beyond_the_largest_size_dies(void **state)
{
    expect_death(extend_beyond, NULL, "heap is extended beyond what it was made for");
}

static void only_a_free_tail_is_shrinkable(void **state)
{
    assert_int_equal(heap_shrinkable_bytes(&heap), 54 * 8);
    void *low = sys_heap_alloc(&heap, 8);
    assert_int_equal(heap_shrinkable_bytes(&heap), 52 * 8);
    assert_non_null(sys_heap_alloc(&heap, 54 * 8 - 8));
    sys_heap_free(&heap, low);
    expect_heap(&heap, "F2 U54");
    assert_int_equal(heap_shrinkable_bytes(&heap), 0);
}

static void a_smallest_tail_is_not_shrinkable(void **state)
{
    sys_heap_alloc(&heap, 54 * 8 - 8);
    expect_heap(&heap, "U54 F2");
    assert_int_equal(heap_shrinkable_bytes(&heap), 0);
}

static void shrinking_leaves_what_it_cut_off_alone(void **state)
{
    sys_heap_alloc(&heap, 8);
    heap_shrink(&heap, 128);
    memset(buffer + FIRST_BYTES - 128, 0xa5, 128);
    expect_heap(&heap, "U2 F38");
    assert_true(sys_heap_validate(&heap));
    assert_non_null(sys_heap_alloc(&heap, 38 * 8 - 8));
    for (size_t i = FIRST_BYTES - 128; i < FIRST_BYTES; i++) {
        assert_int_equal(buffer[i], 0xa5);
    }
}

static void shrink_into_blocks(void *arg)
{
    sys_heap_alloc(&heap, 50 * 8 - 8);
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
    expect_heap(&heap, "U2 F2 U4 F48");
    assert_true(heap_resize_in_place(&heap, block, 24));
    assert_false(heap_resize_in_place(&heap, block, 25));
    assert_false(heap_resize_in_place(&heap, block, SIZE_MAX));
    expect_heap(&heap, "U4 U4 F48");
    sys_heap_free(&heap, fence);
    assert_true(heap_resize_in_place(&heap, block, 25));
    expect_heap(&heap, "U5 F51");
}

/* Random calls while the end moves back and forth: consistent after each, blocks intact. */
static void stays_consistent_while_its_end_moves(void **state)
{
    enum { BLOCKS = 32 };
    uint8_t *blocks[BLOCKS] = {NULL};
    struct random random = random_from(20);
    size_t bytes = FIRST_BYTES;
    size_t steps = scaled_rounds(20000);

    for (size_t step = 0; step < steps; step++) {
        size_t i = random_below(&random, BLOCKS);
        size_t room = (MOST_BYTES - bytes) / 8;

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
            size_t more = 8 * (1 + random_below(&random, room));
            heap_extend(&heap, more);
            bytes += more;
        } else if (spare != 0 && random_below(&random, 2) == 0) {
            size_t less = 8 * (1 + random_below(&random, spare));
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
        cmocka_unit_test(equal_sizes_make_an_ordinary_heap),
        cmocka_unit_test(refuses_a_largest_size_below_the_first),
        cmocka_unit_test_setup(extending_lengthens_a_free_tail, fresh_heap),
        cmocka_unit_test_setup(extending_behind_a_used_chunk_adds_one, fresh_heap),
        cmocka_unit_test_setup(extending_by_a_unit_leaves_it_undersized_until_more_comes,
                               fresh_heap),
        cmocka_unit_test_setup(grows_to_its_largest_size, fresh_heap),
        cmocka_unit_test_setup(extending_beyond_the_largest_size_dies, fresh_heap),
        cmocka_unit_test_setup(only_a_free_tail_is_shrinkable, fresh_heap),
        cmocka_unit_test_setup(a_smallest_tail_is_not_shrinkable, fresh_heap),
        cmocka_unit_test_setup(shrinking_leaves_what_it_cut_off_alone, fresh_heap),
        cmocka_unit_test_setup(shrinking_into_blocks_dies, fresh_heap),
        cmocka_unit_test_setup(resizes_in_place_or_not_at_all, fresh_heap),
        cmocka_unit_test_setup(stays_consistent_while_its_end_moves, fresh_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
