/* SPDX-License-Identifier: Apache-2.0 */
/* sys_heap_alloc, _noalign_alloc, _free, _usable_size: placement, search, merging, exact sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/heap_picture.h"

/* 63 units: 5 of header chunk, 58 free; the first block is at byte 48. */
#define BUFFER_BYTES 512u
#define DATA_OFFSET  48u
#define UNIT         8u

static _Alignas(8) uint8_t buffer[BUFFER_BYTES];
static struct sys_heap heap;

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, buffer, BUFFER_BYTES);
    return 0;
}

static void *alloc_units(size_t units)
{
    return sys_heap_alloc(&heap, (units - 1) * UNIT);
}

static void places_blocks_from_low_to_high(void **state)
{
    assert_ptr_equal(sys_heap_alloc(&heap, 8), buffer + DATA_OFFSET);
    assert_ptr_equal(sys_heap_alloc(&heap, 9), buffer + DATA_OFFSET + 2 * UNIT);
    assert_ptr_equal(sys_heap_alloc(&heap, 1), buffer + DATA_OFFSET + 5 * UNIT);
    expect_heap(&heap, "U2 U3 U2 F51");
}

static void usable_size_is_exact_to_one_unit(void **state)
{
    for (size_t bytes = 1; bytes <= 57 * UNIT; bytes++) {
        void *block = sys_heap_alloc(&heap, bytes);
        assert_int_equal(sys_heap_usable_size(&heap, block), (bytes + 8 + 7) / 8 * 8 - 8);
        assert_int_equal((uintptr_t)block % 8, 0);
        sys_heap_free(&heap, block);
    }
    expect_heap(&heap, "F58");
}

static void usable_bytes_belong_to_the_caller(void **state)
{
    uint8_t *first = sys_heap_alloc(&heap, 13);
    uint8_t *second = sys_heap_alloc(&heap, 21);
    memset(first, 0xff, sys_heap_usable_size(&heap, first));
    memset(second, 0xee, sys_heap_usable_size(&heap, second));
    assert_true(sys_heap_validate(&heap));
    assert_int_equal(first[15], 0xff);
    sys_heap_free(&heap, first);
    assert_int_equal(second[0], 0xee);
    assert_int_equal(second[23], 0xee);
    sys_heap_free(&heap, second);
    expect_heap(&heap, "F58");
}

static void zero_bytes_give_nothing(void **state)
{
    assert_null(sys_heap_alloc(&heap, 0));
    assert_null(sys_heap_noalign_alloc(&heap, 64, 0));
    expect_heap(&heap, "F58");
}

static void noalign_alloc_equals_alloc(void **state)
{
    for (size_t bytes = 1; bytes < 100; bytes++) {
        void *plain = sys_heap_alloc(&heap, bytes);
        sys_heap_free(&heap, plain);
        assert_ptr_equal(sys_heap_noalign_alloc(&heap, 4096, bytes), plain);
        sys_heap_free(&heap, plain);
    }
}

static void freeing_null_has_no_effect(void **state)
{
    alloc_units(4);
    sys_heap_free(&heap, NULL);
    expect_heap(&heap, "U4 F54");
}

/* ---- merging ---- */

static void freed_block_between_used_ones_stays_alone(void **state)
{
    alloc_units(2);
    void *middle = alloc_units(3);
    alloc_units(4);
    sys_heap_free(&heap, middle);
    expect_heap(&heap, "U2 F3 U4 F49");
}

static void merges_with_the_right_neighbour(void **state)
{
    alloc_units(2);
    void *middle = alloc_units(3);
    void *right = alloc_units(4);
    alloc_units(5);
    sys_heap_free(&heap, right);
    expect_heap(&heap, "U2 U3 F4 U5 F44");
    sys_heap_free(&heap, middle);
    expect_heap(&heap, "U2 F7 U5 F44");
}

static void merges_with_the_left_neighbour(void **state)
{
    void *left = alloc_units(2);
    void *middle = alloc_units(3);
    alloc_units(4);
    sys_heap_free(&heap, left);
    sys_heap_free(&heap, middle);
    expect_heap(&heap, "F5 U4 F49");
}

static void merges_with_both_neighbours(void **state)
{
    void *left = alloc_units(2);
    void *middle = alloc_units(3);
    void *right = alloc_units(4);
    sys_heap_free(&heap, left);
    sys_heap_free(&heap, right);
    expect_heap(&heap, "F2 U3 F53");
    sys_heap_free(&heap, middle);
    expect_heap(&heap, "F58");
}

/* Fills the heap with blocks of 2 units and frees them in steps of that stride. */
static void free_in_stride(size_t stride)
{
    void *blocks[29];
    for (size_t i = 0; i < 29; i++) {
        blocks[i] = alloc_units(2);
        assert_non_null(blocks[i]);
    }
    assert_null(sys_heap_alloc(&heap, 1));
    for (size_t i = 0; i < 29; i++) {
        sys_heap_free(&heap, blocks[(i * stride) % 29]);
        assert_true(sys_heap_validate(&heap));
    }
    expect_heap(&heap, "F58");
}

static void free_in_any_order_merges_back_to_one_chunk(void **state)
{
    for (size_t stride = 1; stride < 29; stride++) {
        free_in_stride(stride);
    }
}

/* ---- chunks too small for a list ---- */

static void one_unit_remainder_is_lost_and_regained(void **state)
{
    void *first = alloc_units(10);
    void *second = alloc_units(48);
    expect_heap(&heap, "U10 U48");
    sys_heap_free(&heap, first);
    first = alloc_units(9);
    expect_heap(&heap, "U9 S1 U48");
    assert_true(sys_heap_validate(&heap));
    assert_null(sys_heap_alloc(&heap, 1)); /* one unit is room for a header only */

    sys_heap_free(&heap, first); /* takes it back as right neighbour */
    expect_heap(&heap, "F10 U48");
    first = alloc_units(9);
    sys_heap_free(&heap, second); /* and as left neighbour */
    expect_heap(&heap, "U9 F49");
    sys_heap_free(&heap, first);
    expect_heap(&heap, "F58");
}

static void one_unit_at_the_end_of_the_heap_is_regained(void **state)
{
    void *block = alloc_units(57);
    expect_heap(&heap, "U57 S1");
    assert_true(sys_heap_validate(&heap));
    assert_null(sys_heap_alloc(&heap, 1));
    sys_heap_free(&heap, block);
    expect_heap(&heap, "F58");
}

static void block_between_two_one_unit_chunks_regains_both(void **state)
{
    void *first = alloc_units(4);
    void *middle = alloc_units(5);
    alloc_units(49);
    sys_heap_realloc(&heap, first, 2 * UNIT);
    sys_heap_realloc(&heap, middle, 3 * UNIT);
    expect_heap(&heap, "U3 S1 U4 S1 U49");
    sys_heap_free(&heap, middle);
    expect_heap(&heap, "U3 F6 U49");
}

/* ---- search ---- */

/* Four free chunks of one bucket (5 to 8 units), each behind a used one; the rest is used too. */
static void free_list_of_four(const size_t units[4])
{
    void *blocks[4];
    size_t taken = 0;
    for (size_t i = 0; i < 4; i++) {
        blocks[i] = alloc_units(units[i]);
        alloc_units(2);
        taken += units[i] + 2;
    }
    alloc_units(58 - taken);
    for (size_t i = 0; i < 4; i++) {
        sys_heap_free(&heap, blocks[i]);
    }
}

static void skip_unless_three_tries(void)
{
    if (QUARRY_HEAP_ALLOC_LOOPS != 3) {
        skip(); /* the pictures are those of Zephyr's default search depth */
    }
}

static void list_is_first_in_first_out(void **state)
{
    free_list_of_four((const size_t[]){5, 6, 5, 6});
    expect_heap(&heap, "F5 U2 F6 U2 F5 U2 F6 U2 U28");
    alloc_units(5);
    expect_heap(&heap, "U5 U2 F6 U2 F5 U2 F6 U2 U28");
    alloc_units(5); /* the next one in the list, although a better fit follows */
    expect_heap(&heap, "U5 U2 U5 S1 U2 F5 U2 F6 U2 U28");
}

static void looks_at_three_chunks_of_the_bucket(void **state)
{
    skip_unless_three_tries();
    free_list_of_four((const size_t[]){5, 5, 7, 8});
    assert_non_null(alloc_units(7));
    expect_heap(&heap, "F5 U2 F5 U2 U7 U2 F8 U2 U25");
}

static void does_not_look_at_a_fourth(void **state)
{
    skip_unless_three_tries();
    free_list_of_four((const size_t[]){5, 5, 6, 8});
    assert_null(alloc_units(7)); /* refused, but the list has moved on by three */
    assert_non_null(alloc_units(7));
    expect_heap(&heap, "F5 U2 F5 U2 F6 U2 U7 S1 U2 U26");
}

static void takes_the_lowest_bucket_above_when_its_own_fails(void **state)
{
    void *large = alloc_units(20);
    alloc_units(2);
    void *medium = alloc_units(9);
    alloc_units(2);
    void *small = alloc_units(5);
    alloc_units(20);
    sys_heap_free(&heap, large);
    sys_heap_free(&heap, medium);
    sys_heap_free(&heap, small);
    expect_heap(&heap, "F20 U2 F9 U2 F5 U20");
    alloc_units(6); /* own bucket has the 5 only; 9 is one bucket above, 20 two */
    expect_heap(&heap, "F20 U2 U6 F3 U2 F5 U20");
    alloc_units(10);
    expect_heap(&heap, "U10 F10 U2 U6 F3 U2 F5 U20");
}

static void full_heap_refuses_until_something_is_freed(void **state)
{
    void *whole = alloc_units(58);
    assert_non_null(whole);
    assert_null(sys_heap_alloc(&heap, 1));
    sys_heap_free(&heap, whole);
    assert_ptr_equal(alloc_units(58), whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(places_blocks_from_low_to_high, fresh_heap),
        cmocka_unit_test_setup(usable_size_is_exact_to_one_unit, fresh_heap),
        cmocka_unit_test_setup(usable_bytes_belong_to_the_caller, fresh_heap),
        cmocka_unit_test_setup(zero_bytes_give_nothing, fresh_heap),
        cmocka_unit_test_setup(noalign_alloc_equals_alloc, fresh_heap),
        cmocka_unit_test_setup(freeing_null_has_no_effect, fresh_heap),
        cmocka_unit_test_setup(freed_block_between_used_ones_stays_alone, fresh_heap),
        cmocka_unit_test_setup(merges_with_the_right_neighbour, fresh_heap),
        cmocka_unit_test_setup(merges_with_the_left_neighbour, fresh_heap),
        cmocka_unit_test_setup(merges_with_both_neighbours, fresh_heap),
        cmocka_unit_test_setup(free_in_any_order_merges_back_to_one_chunk, fresh_heap),
        cmocka_unit_test_setup(one_unit_remainder_is_lost_and_regained, fresh_heap),
        cmocka_unit_test_setup(one_unit_at_the_end_of_the_heap_is_regained, fresh_heap),
        cmocka_unit_test_setup(block_between_two_one_unit_chunks_regains_both, fresh_heap),
        cmocka_unit_test_setup(list_is_first_in_first_out, fresh_heap),
        cmocka_unit_test_setup(looks_at_three_chunks_of_the_bucket, fresh_heap),
        cmocka_unit_test_setup(does_not_look_at_a_fourth, fresh_heap),
        cmocka_unit_test_setup(takes_the_lowest_bucket_above_when_its_own_fails, fresh_heap),
        cmocka_unit_test_setup(full_heap_refuses_until_something_is_freed, fresh_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
