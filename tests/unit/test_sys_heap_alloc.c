/* SPDX-License-Identifier: Apache-2.0 */
/* sys_heap_alloc, _noalign_alloc, _free, _usable_size: placement, search, merging, exact sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/heap_format.h"
#include "../support/heap_picture.h"

#define BUFFER_BYTES 1024u
#define SPACE        58u /* units of the fresh heap's free chunk */
#define UNIT         8u

static _Alignas(8) uint8_t buffer[BUFFER_BYTES];
static struct sys_heap heap;

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, buffer, heap_bytes_for(SPACE));
    return 0;
}

static void *alloc_units(size_t units)
{
    return sys_heap_alloc(&heap, heap_block_bytes(units));
}

static void places_blocks_from_low_to_high(void **state)
{
    uint8_t *first = buffer + heap_first_chunk(SPACE) + HEAP_HEADER;
    assert_ptr_equal(sys_heap_alloc(&heap, 8), first);
    assert_ptr_equal(sys_heap_alloc(&heap, 9), first + heap_units_for(8) * UNIT);
    assert_ptr_equal(sys_heap_alloc(&heap, 1),
                     first + (heap_units_for(8) + heap_units_for(9)) * UNIT);
    expect_heap(&heap, "U[8] U[9] U[1] F*");
}

static void usable_size_is_exact_to_one_unit(void **state)
{
    for (size_t bytes = 1; bytes <= heap_block_bytes(SPACE); bytes++) {
        void *block = sys_heap_alloc(&heap, bytes);
        size_t usable = (bytes + HEAP_HEADER + 7) / 8 * 8 - HEAP_HEADER;
        assert_int_equal(sys_heap_usable_size(&heap, block), usable);
        assert_int_equal((uintptr_t)block % HEAP_HEADER, 0);
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
    assert_int_equal(first[12], 0xff);
    sys_heap_free(&heap, first);
    assert_int_equal(second[0], 0xee);
    assert_int_equal(second[20], 0xee);
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
    expect_heap(&heap, "U4 F*");
}

/* ---- merging ---- */

static void freed_block_between_used_ones_stays_alone(void **state)
{
    alloc_units(3);
    void *middle = alloc_units(4);
    alloc_units(5);
    sys_heap_free(&heap, middle);
    expect_heap(&heap, "U3 F4 U5 F*");
}

static void merges_with_the_right_neighbour(void **state)
{
    alloc_units(3);
    void *middle = alloc_units(4);
    void *right = alloc_units(5);
    alloc_units(6);
    sys_heap_free(&heap, right);
    expect_heap(&heap, "U3 U4 F5 U6 F*");
    sys_heap_free(&heap, middle);
    expect_heap(&heap, "U3 F9 U6 F*");
}

static void merges_with_the_left_neighbour(void **state)
{
    void *left = alloc_units(3);
    void *middle = alloc_units(4);
    alloc_units(5);
    sys_heap_free(&heap, left);
    sys_heap_free(&heap, middle);
    expect_heap(&heap, "F7 U5 F*");
}

static void merges_with_both_neighbours(void **state)
{
    void *left = alloc_units(3);
    void *middle = alloc_units(4);
    void *right = alloc_units(5);
    sys_heap_free(&heap, left);
    sys_heap_free(&heap, right);
    expect_heap(&heap, "F3 U4 F51");
    sys_heap_free(&heap, middle);
    expect_heap(&heap, "F58");
}

#define BLOCKS 19u /* a prime number: every stride reaches all */

/* Fills the heap with BLOCKS blocks of 3 units and frees them in steps of that stride. */
static void free_in_stride(size_t stride)
{
    void *blocks[BLOCKS];
    sys_heap_init(&heap, buffer, heap_bytes_for(3u * BLOCKS));
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = alloc_units(3);
        assert_non_null(blocks[i]);
    }
    assert_null(sys_heap_alloc(&heap, 1));
    for (size_t i = 0; i < BLOCKS; i++) {
        sys_heap_free(&heap, blocks[(i * stride) % BLOCKS]);
        assert_true(sys_heap_validate(&heap));
    }
    expect_heap(&heap, "F*");
}

static void free_in_any_order_merges_back_to_one_chunk(void **state)
{
    for (size_t stride = 1; stride < BLOCKS; stride++) {
        free_in_stride(stride);
    }
}

/* ---- chunks too small for a list ---- */

static void skip_if_one_unit_suffices(void)
{
    if (HEAP_MIN_UNITS == 1) {
        skip(); /* with headers of 4 bytes and no trailers no chunk is too small */
    }
}

static void one_unit_remainder_is_lost_and_regained(void **state)
{
    skip_if_one_unit_suffices();
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
    skip_if_one_unit_suffices();
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
    sys_heap_realloc(&heap, first, heap_block_bytes(3));
    sys_heap_realloc(&heap, middle, heap_block_bytes(4));
    expect_heap(&heap, "U3 L1 U4 L1 U49");
    sys_heap_free(&heap, middle);
    expect_heap(&heap, "U3 F6 U49");
}

/* ---- search ---- */

/* Bucket 2 holds chunks of SMALLEST + 3 to SMALLEST + 6 units. */
#define SMALLEST HEAP_MIN_UNITS

/* Four free chunks, each in front of a smallest used one; the rest is used too. */
static void free_list_of_four(const size_t units[4])
{
    void *blocks[4];
    size_t taken = 0;
    for (size_t i = 0; i < 4; i++) {
        blocks[i] = alloc_units(units[i]);
        alloc_units(SMALLEST);
        taken += units[i] + SMALLEST;
    }
    alloc_units(SPACE - taken);
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
    free_list_of_four((const size_t[]){SMALLEST + 3, SMALLEST + 4, SMALLEST + 3, SMALLEST + 4});
    expect_heap(&heap, "Fm+3 Um Fm+4 Um Fm+3 Um Fm+4 Um U*");
    alloc_units(SMALLEST + 3);
    expect_heap(&heap, "Um+3 Um Fm+4 Um Fm+3 Um Fm+4 Um U*");
    alloc_units(SMALLEST + 3); /* the next one in the list, although a better fit follows */
    expect_heap(&heap, "Um+3 Um Um+3 L1 Um Fm+3 Um Fm+4 Um U*");
}

static void looks_at_three_chunks_of_the_bucket(void **state)
{
    skip_unless_three_tries();
    free_list_of_four((const size_t[]){SMALLEST + 3, SMALLEST + 3, SMALLEST + 5, SMALLEST + 6});
    assert_non_null(alloc_units(SMALLEST + 5));
    expect_heap(&heap, "Fm+3 Um Fm+3 Um Um+5 Um Fm+6 Um U*");
}

static void does_not_look_at_a_fourth(void **state)
{
    skip_unless_three_tries();
    free_list_of_four((const size_t[]){SMALLEST + 3, SMALLEST + 3, SMALLEST + 4, SMALLEST + 6});
    assert_null(alloc_units(SMALLEST + 5)); /* refused, but the list has moved on by three */
    assert_non_null(alloc_units(SMALLEST + 5));
    expect_heap(&heap, "Fm+3 Um Fm+3 Um Fm+4 Um Um+5 L1 Um U*");
}

static void takes_the_lowest_bucket_above_when_its_own_fails(void **state)
{
    void *large = alloc_units(SMALLEST + 18);
    alloc_units(SMALLEST);
    void *medium = alloc_units(SMALLEST + 7);
    alloc_units(SMALLEST);
    void *small = alloc_units(SMALLEST + 3);
    alloc_units(SPACE - 5 * SMALLEST - 28);
    sys_heap_free(&heap, large);
    sys_heap_free(&heap, medium);
    sys_heap_free(&heap, small);
    expect_heap(&heap, "Fm+18 Um Fm+7 Um Fm+3 U*");
    alloc_units(SMALLEST + 4); /* its own bucket has the small one only; the next above, medium */
    expect_heap(&heap, "Fm+18 Um Um+4 F3 Um Fm+3 U*");
    alloc_units(SMALLEST + 8);
    expect_heap(&heap, "Um+8 F10 Um Um+4 F3 Um Fm+3 U*");
}

static void full_heap_refuses_until_something_is_freed(void **state)
{
    void *whole = alloc_units(SPACE);
    assert_non_null(whole);
    assert_null(sys_heap_alloc(&heap, 1));
    sys_heap_free(&heap, whole);
    assert_ptr_equal(alloc_units(SPACE), whole);
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
