/* SPDX-License-Identifier: Apache-2.0 */
/* sys_heap_realloc and sys_heap_aligned_realloc: in place, by moving, refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/heap_picture.h"

/* 63 units: 5 of header chunk, 58 free; the first block is at byte 48. */
#define BUFFER_BYTES 512u

static _Alignas(1024) uint8_t buffer[BUFFER_BYTES];
static struct sys_heap heap;

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, buffer, BUFFER_BYTES);
    return 0;
}

/* A block of that size with contents that depend on each byte's position. */
static uint8_t *numbered(size_t bytes)
{
    uint8_t *block = sys_heap_alloc(&heap, bytes);
    for (size_t i = 0; i < bytes; i++) {
        block[i] = (uint8_t)(i * 7 + 1);
    }
    return block;
}

static void expect_numbered(const uint8_t *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        assert_int_equal(block[i], (uint8_t)(i * 7 + 1));
    }
    assert_true(sys_heap_validate(&heap));
}

/* ---- special arguments ---- */

static void null_allocates(void **state)
{
    assert_ptr_equal(sys_heap_realloc(&heap, NULL, 40), buffer + 48);
    assert_ptr_equal(sys_heap_aligned_realloc(&heap, NULL, 0, 8), buffer + 96);
    assert_ptr_equal(sys_heap_aligned_realloc(&heap, NULL, 64, 8), buffer + 128);
    expect_heap(&heap, "U6 U2 F2 U2 F46");
}

static void zero_bytes_free(void **state)
{
    uint8_t *first = numbered(40);
    uint8_t *second = numbered(40);
    assert_null(sys_heap_realloc(&heap, first, 0));
    expect_heap(&heap, "F6 U6 F46");
    assert_null(sys_heap_aligned_realloc(&heap, second, 64, 0));
    expect_heap(&heap, "F58");
    assert_null(sys_heap_realloc(&heap, NULL, 0));
    expect_heap(&heap, "F58");
}

/* ---- in place ---- */

static void grows_into_the_right_neighbour(void **state)
{
    uint8_t *block = numbered(32);
    assert_ptr_equal(sys_heap_realloc(&heap, block, 64), block);
    expect_numbered(block, 32);
    expect_heap(&heap, "U9 F49");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 57 * 8), block);
    expect_heap(&heap, "U58");
}

static void takes_no_more_than_it_needs(void **state)
{
    uint8_t *block = numbered(32);
    void *right = sys_heap_alloc(&heap, 72);
    sys_heap_alloc(&heap, 8);
    sys_heap_free(&heap, right);
    expect_heap(&heap, "U5 F10 U2 F41");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 33 + 8), block);
    expect_heap(&heap, "U7 F8 U2 F41");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 104), block);
    expect_heap(&heap, "U14 S1 U2 F41"); /* the rest is too small for a list */
    assert_ptr_equal(sys_heap_realloc(&heap, block, 112), block);
    expect_heap(&heap, "U15 U2 F41"); /* and still usable for this */
    expect_numbered(block, 32);
}

/* The rest of the neighbour must be listed: found again by the next allocation. */
static void rest_of_the_neighbour_can_be_allocated(void **state)
{
    uint8_t *block = numbered(32);
    void *right = sys_heap_alloc(&heap, 72);
    sys_heap_alloc(&heap, 40 * 8 + 8);
    sys_heap_free(&heap, right);
    sys_heap_realloc(&heap, block, 64);
    expect_heap(&heap, "U9 F6 U42 S1");
    assert_ptr_equal(sys_heap_alloc(&heap, 40), block + 9 * 8);
    expect_heap(&heap, "U9 U6 U42 S1");
}

static void size_within_the_last_unit_changes_nothing(void **state)
{
    uint8_t *block = numbered(33);
    sys_heap_alloc(&heap, 8);
    for (size_t bytes = 33; bytes <= 40; bytes++) {
        assert_ptr_equal(sys_heap_realloc(&heap, block, bytes), block);
        expect_heap(&heap, "U6 U2 F50");
    }
    expect_numbered(block, 33);
}

static void shrinks_and_gives_the_tail_to_the_right_neighbour(void **state)
{
    uint8_t *block = numbered(64);
    assert_ptr_equal(sys_heap_realloc(&heap, block, 24), block);
    expect_heap(&heap, "U4 F54");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 1), block);
    expect_heap(&heap, "U2 F56");
    expect_numbered(block, 1);
}

static void shrinks_between_used_blocks(void **state)
{
    uint8_t *block = numbered(64);
    sys_heap_alloc(&heap, 49 * 8 - 8);
    expect_heap(&heap, "U9 U49");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 24), block);
    expect_heap(&heap, "U4 F5 U49");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 56), block);
    expect_heap(&heap, "U8 S1 U49");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 48), block);
    expect_heap(&heap, "U7 F2 U49"); /* the lone unit joined the tail */
    expect_numbered(block, 24);
}

static void shrinking_needs_no_free_memory(void **state)
{
    uint8_t *block = numbered(57 * 8);
    assert_null(sys_heap_alloc(&heap, 1));
    assert_ptr_equal(sys_heap_realloc(&heap, block, 100), block);
    expect_heap(&heap, "U14 F44");
    expect_numbered(block, 100);
}

/* ---- by moving ---- */

static void moves_if_the_right_neighbour_is_used(void **state)
{
    uint8_t *block = numbered(32);
    sys_heap_alloc(&heap, 32);
    uint8_t *moved = sys_heap_realloc(&heap, block, 64);
    assert_ptr_not_equal(moved, block);
    assert_ptr_equal(moved, buffer + 48 + 10 * 8);
    expect_numbered(moved, 32);
    expect_heap(&heap, "F5 U5 U9 F39");
}

static void moves_if_the_right_neighbour_is_too_small(void **state)
{
    uint8_t *block = numbered(32);
    void *right = sys_heap_alloc(&heap, 32);
    sys_heap_alloc(&heap, 8);
    sys_heap_free(&heap, right);
    assert_ptr_equal(sys_heap_realloc(&heap, block, 73), buffer + 48 + 12 * 8);
    expect_numbered(buffer + 48 + 12 * 8, 32);
    expect_heap(&heap, "F10 U2 U11 F35");
}

/* The left neighbour is of no use, even if it would suffice. */
static void does_not_grow_to_the_left(void **state)
{
    void *left = sys_heap_alloc(&heap, 20 * 8);
    uint8_t *block = numbered(16 * 8);
    sys_heap_alloc(&heap, 19 * 8);
    sys_heap_free(&heap, left);
    expect_heap(&heap, "F21 U17 U20");
    assert_null(sys_heap_realloc(&heap, block, 21 * 8));
    expect_heap(&heap, "F21 U17 U20");
    expect_numbered(block, 16 * 8);
}

static void refusal_leaves_the_block_as_it_was(void **state)
{
    uint8_t *block = numbered(30 * 8);
    sys_heap_alloc(&heap, 8);
    assert_null(sys_heap_realloc(&heap, block, 31 * 8));
    assert_null(sys_heap_aligned_realloc(&heap, block, 256, 30 * 8));
    assert_null(sys_heap_realloc(&heap, block, SIZE_MAX));
    expect_heap(&heap, "U31 U2 F25");
    expect_numbered(block, 30 * 8);
}

/* ---- blocks that start inside a unit ---- */

static void gap_of_the_block_counts_as_part_of_its_size(void **state)
{
    uint8_t *block = sys_heap_aligned_alloc(&heap, 0x24, 8);
    memset(block, 0x42, 8);
    expect_heap(&heap, "S1 U3 F54");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 12), block);
    expect_heap(&heap, "S1 U3 F54");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 13), block);
    expect_heap(&heap, "S1 U4 F53");
    assert_int_equal(sys_heap_usable_size(&heap, block), 20);
    assert_ptr_equal(sys_heap_realloc(&heap, block, 4), block);
    expect_heap(&heap, "S1 U2 F55");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 5), block);
    expect_heap(&heap, "S1 U3 F54");
    assert_int_equal(block[3], 0x42);
}

static void moving_drops_the_gap(void **state)
{
    uint8_t *block = sys_heap_aligned_alloc(&heap, 0x24, 8);
    memset(block, 0x42, 12);
    sys_heap_alloc(&heap, 8);
    uint8_t *moved = sys_heap_realloc(&heap, block, 13);
    assert_int_equal((uintptr_t)moved % 8, 0);
    assert_int_equal(moved[11], 0x42); /* all 12 usable bytes come along */
    expect_heap(&heap, "F4 U2 U3 F49");
}

/* ---- aligned ---- */

static void aligned_block_resizes_in_place(void **state)
{
    uint8_t *block = sys_heap_aligned_alloc(&heap, 64, 40);
    memset(block, 0x42, 40);
    expect_heap(&heap, "F2 U6 F50");
    assert_ptr_equal(sys_heap_aligned_realloc(&heap, block, 64, 100), block);
    expect_heap(&heap, "F2 U14 F42");
    assert_ptr_equal(sys_heap_aligned_realloc(&heap, block, 64, 20), block);
    expect_heap(&heap, "F2 U4 F52");
    assert_ptr_equal(sys_heap_aligned_realloc(&heap, block, 16, 20), block); /* 64 is also 16 */
    assert_int_equal(block[19], 0x42);
}

static void misaligned_block_moves_even_to_shrink(void **state)
{
    uint8_t *block = numbered(64);
    uint8_t *moved = sys_heap_aligned_realloc(&heap, block, 128, 32);
    assert_ptr_equal(moved, buffer + 128);
    expect_numbered(moved, 32);
    expect_heap(&heap, "F10 U5 F43");
}

static void aligned_move_keeps_the_alignment(void **state)
{
    uint8_t *block = sys_heap_aligned_alloc(&heap, 64, 24);
    memset(block, 0x42, 24);
    sys_heap_alloc(&heap, 8);
    sys_heap_alloc(&heap, 8);
    expect_heap(&heap, "U2 U4 U2 F50");
    uint8_t *moved = sys_heap_aligned_realloc(&heap, block, 64, 48);
    assert_ptr_equal(moved, buffer + 128);
    assert_int_equal(moved[23], 0x42);
    expect_heap(&heap, "U2 F4 U2 F2 U7 F41");
}

static void alignment_zero_stays_in_place_wherever_it_is(void **state)
{
    uint8_t *block = sys_heap_aligned_alloc(&heap, 0x21, 8); /* one below a multiple of 32 */
    assert_ptr_equal(block, buffer + 63);
    assert_ptr_equal(sys_heap_aligned_realloc(&heap, block, 0, 20), block);
    assert_ptr_equal(sys_heap_aligned_realloc(&heap, block, 1, 30), block);
    assert_int_equal((uintptr_t)sys_heap_aligned_realloc(&heap, block, 2, 30) % 2, 0);
}

/* Every pair of sizes, alone in the heap: in place always, and nothing is lost. */
static void all_pairs_of_sizes_in_place(void **state)
{
    for (size_t old = 1; old <= 120; old += 3) {
        for (size_t new = 1; new <= 120; new += 2) {
            uint8_t *block = numbered(old);
            assert_ptr_equal(sys_heap_realloc(&heap, block, new), block);
            assert_int_equal(sys_heap_usable_size(&heap, block), (new + 15) / 8 * 8 - 8);
            expect_numbered(block, old < new ? old : new);
            sys_heap_free(&heap, block);
            expect_heap(&heap, "F58");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(null_allocates, fresh_heap),
        cmocka_unit_test_setup(zero_bytes_free, fresh_heap),
        cmocka_unit_test_setup(grows_into_the_right_neighbour, fresh_heap),
        cmocka_unit_test_setup(takes_no_more_than_it_needs, fresh_heap),
        cmocka_unit_test_setup(rest_of_the_neighbour_can_be_allocated, fresh_heap),
        cmocka_unit_test_setup(size_within_the_last_unit_changes_nothing, fresh_heap),
        cmocka_unit_test_setup(shrinks_and_gives_the_tail_to_the_right_neighbour, fresh_heap),
        cmocka_unit_test_setup(shrinks_between_used_blocks, fresh_heap),
        cmocka_unit_test_setup(shrinking_needs_no_free_memory, fresh_heap),
        cmocka_unit_test_setup(moves_if_the_right_neighbour_is_used, fresh_heap),
        cmocka_unit_test_setup(moves_if_the_right_neighbour_is_too_small, fresh_heap),
        cmocka_unit_test_setup(does_not_grow_to_the_left, fresh_heap),
        cmocka_unit_test_setup(refusal_leaves_the_block_as_it_was, fresh_heap),
        cmocka_unit_test_setup(gap_of_the_block_counts_as_part_of_its_size, fresh_heap),
        cmocka_unit_test_setup(moving_drops_the_gap, fresh_heap),
        cmocka_unit_test_setup(aligned_block_resizes_in_place, fresh_heap),
        cmocka_unit_test_setup(misaligned_block_moves_even_to_shrink, fresh_heap),
        cmocka_unit_test_setup(aligned_move_keeps_the_alignment, fresh_heap),
        cmocka_unit_test_setup(alignment_zero_stays_in_place_wherever_it_is, fresh_heap),
        cmocka_unit_test_setup(all_pairs_of_sizes_in_place, fresh_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
