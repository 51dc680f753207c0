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
#include "../support/heap_format.h"
#include "../support/heap_picture.h"

#define SPACE       58u /* units of the fresh heap's free chunk */
#define FIRST_CHUNK 40u /* its offset from `origin`, whatever the size of the header chunk */
#define FIRST_BLOCK (FIRST_CHUNK + HEAP_HEADER)

static _Alignas(1024) uint8_t buffer[2048];
static uint8_t *const origin = buffer + 1024;
static struct sys_heap heap;

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, origin + FIRST_CHUNK - heap_first_chunk(SPACE), heap_bytes_for(SPACE));
    return 0;
}

/* A block that fills a chunk of that many units. */
static uint8_t *alloc_units(size_t units)
{
    return sys_heap_alloc(&heap, heap_block_bytes(units));
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
    size_t second = FIRST_BLOCK + heap_units_for(40) * 8;
    assert_ptr_equal(sys_heap_realloc(&heap, NULL, 40), origin + FIRST_BLOCK);
    assert_ptr_equal(sys_heap_aligned_realloc(&heap, NULL, 0, 8), origin + second);
    assert_ptr_equal(sys_heap_aligned_realloc(&heap, NULL, 64, 8), origin + 128);
    expect_heap(&heap, "U[40] U[8] L2-t-t U[8] F*");
}

static void zero_bytes_free(void **state)
{
    uint8_t *first = numbered(40);
    uint8_t *second = numbered(40);
    assert_null(sys_heap_realloc(&heap, first, 0));
    expect_heap(&heap, "F[40] U[40] F*");
    assert_null(sys_heap_aligned_realloc(&heap, second, 64, 0));
    expect_heap(&heap, "F*");
    assert_null(sys_heap_realloc(&heap, NULL, 0));
    expect_heap(&heap, "F*");
}

/* ---- in place ---- */

static void grows_into_the_right_neighbour(void **state)
{
    uint8_t *block = numbered(32);
    assert_ptr_equal(sys_heap_realloc(&heap, block, 64), block);
    expect_numbered(block, 32);
    expect_heap(&heap, "U[64] F*");
    assert_ptr_equal(sys_heap_realloc(&heap, block, heap_block_bytes(SPACE)), block);
    expect_heap(&heap, "U*");
}

static void takes_no_more_than_it_needs(void **state)
{
    uint8_t *block = numbered(32);
    void *right = sys_heap_alloc(&heap, 72);
    size_t both = heap_units_for(32) + heap_units_for(72);
    sys_heap_alloc(&heap, 8);
    sys_heap_free(&heap, right);
    expect_heap(&heap, "U[32] F[72] U[8] F*");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 41), block);
    expect_heap(&heap, "U[41] F[32]+[72]-[41] U[8] F*");
    assert_ptr_equal(sys_heap_realloc(&heap, block, heap_block_bytes(both - 1)), block);
    expect_heap(&heap, "U[32]+[72]-1 L1 U[8] F*"); /* the rest may be too small for a list */
    assert_ptr_equal(sys_heap_realloc(&heap, block, heap_block_bytes(both)), block);
    expect_heap(&heap, "U[32]+[72] U[8] F*"); /* and still usable for this */
    expect_numbered(block, 32);
}

/* The rest of the neighbour must be listed: found again by the next allocation. */
static void rest_of_the_neighbour_can_be_allocated(void **state)
{
    uint8_t *block = numbered(32);
    void *right = sys_heap_alloc(&heap, 72);
    size_t rest = heap_units_for(32) + heap_units_for(72) - heap_units_for(64);
    alloc_units(SPACE - heap_units_for(32) - heap_units_for(72) - 1);
    sys_heap_free(&heap, right);
    sys_heap_realloc(&heap, block, 64);
    expect_heap(&heap, "U[64] F[32]+[72]-[64] U* L1");
    assert_ptr_equal(alloc_units(rest), block + heap_units_for(64) * 8);
    expect_heap(&heap, "U[64] U[32]+[72]-[64] U* L1");
}

static void size_within_the_last_unit_changes_nothing(void **state)
{
    uint8_t *block = numbered(heap_block_bytes(5) + 1);
    sys_heap_alloc(&heap, 8);
    for (size_t bytes = heap_block_bytes(5) + 1; bytes <= heap_block_bytes(6); bytes++) {
        assert_ptr_equal(sys_heap_realloc(&heap, block, bytes), block);
        expect_heap(&heap, "U6 U[8] F*");
    }
    expect_numbered(block, heap_block_bytes(5) + 1);
}

static void shrinks_and_gives_the_tail_to_the_right_neighbour(void **state)
{
    uint8_t *block = numbered(64);
    assert_ptr_equal(sys_heap_realloc(&heap, block, 24), block);
    expect_heap(&heap, "U[24] F*");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 1), block);
    expect_heap(&heap, "U[1] F*");
    expect_numbered(block, 1);
}

static void shrinks_between_used_blocks(void **state)
{
    uint8_t *block = numbered(64);
    alloc_units(SPACE - heap_units_for(64));
    expect_heap(&heap, "U[64] U*");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 24), block);
    expect_heap(&heap, "U[24] F5 U*");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 56), block);
    expect_heap(&heap, "U[56] L1 U*");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 48), block);
    expect_heap(&heap, "U[48] L2 U*"); /* the lone unit joined the tail */
    expect_numbered(block, 24);
}

static void shrinking_needs_no_free_memory(void **state)
{
    uint8_t *block = numbered(heap_block_bytes(SPACE));
    assert_null(sys_heap_alloc(&heap, 1));
    assert_ptr_equal(sys_heap_realloc(&heap, block, 100), block);
    expect_heap(&heap, "U[100] F*");
    expect_numbered(block, 100);
}

/* ---- by moving ---- */

static void moves_if_the_right_neighbour_is_used(void **state)
{
    uint8_t *block = numbered(32);
    sys_heap_alloc(&heap, 32);
    uint8_t *moved = sys_heap_realloc(&heap, block, 64);
    assert_ptr_equal(moved, block + 2 * heap_units_for(32) * 8);
    expect_numbered(moved, 32);
    expect_heap(&heap, "F[32] U[32] U[64] F*");
}

static void moves_if_the_right_neighbour_is_too_small(void **state)
{
    uint8_t *block = numbered(32);
    void *right = sys_heap_alloc(&heap, 32);
    size_t both = 2 * heap_units_for(32);
    sys_heap_alloc(&heap, 8);
    sys_heap_free(&heap, right);
    uint8_t *moved = sys_heap_realloc(&heap, block, heap_block_bytes(both) + 1);
    assert_ptr_equal(moved, block + (both + heap_units_for(8)) * 8);
    expect_numbered(moved, 32);
    expect_heap(&heap, "F[32]+[32] U[8] U[32]+[32]+1 F*");
}

/* The left neighbour is of no use, even if it would suffice. */
static void does_not_grow_to_the_left(void **state)
{
    void *left = alloc_units(21);
    uint8_t *block = numbered(heap_block_bytes(17));
    alloc_units(20);
    sys_heap_free(&heap, left);
    expect_heap(&heap, "F21 U17 U20");
    assert_null(sys_heap_realloc(&heap, block, heap_block_bytes(22)));
    expect_heap(&heap, "F21 U17 U20");
    expect_numbered(block, heap_block_bytes(17));
}

static void refusal_leaves_the_block_as_it_was(void **state)
{
    size_t bytes = heap_block_bytes(31);
    uint8_t *block = numbered(bytes);
    sys_heap_alloc(&heap, 8);
    assert_null(sys_heap_realloc(&heap, block, bytes + 1));
    assert_null(sys_heap_aligned_realloc(&heap, block, 256, bytes));
    assert_null(sys_heap_realloc(&heap, block, SIZE_MAX));
    expect_heap(&heap, "U31 U[8] F*");
    expect_numbered(block, bytes);
}

/* ---- blocks that start inside a unit ---- */

/* A rewind of half a header gives a gap of that many bytes, in a chunk behind FRONT units. */
#define GAP   (HEAP_HEADER / 2)
#define FRONT (HEAP_HEADER == 8 ? 1u : 2u)

static void gap_of_the_block_counts_as_part_of_its_size(void **state)
{
    uint8_t *block = sys_heap_aligned_alloc(&heap, 0x20 | GAP, 8);
    size_t units = heap_units_for(8 + GAP);
    size_t usable = heap_block_bytes(units) - GAP;
    memset(block, 0x42, 8);
    assert_ptr_equal(block, origin + 64 - GAP);
    assert_int_equal(sys_heap_usable_size(&heap, block), usable);
    expect_heap(&heap, "L%u U%zu F*", FRONT, units);
    assert_ptr_equal(sys_heap_realloc(&heap, block, usable), block);
    expect_heap(&heap, "L%u U%zu F*", FRONT, units);
    assert_ptr_equal(sys_heap_realloc(&heap, block, usable + 1), block);
    expect_heap(&heap, "L%u U%zu F*", FRONT, units + 1);
    assert_int_equal(sys_heap_usable_size(&heap, block), usable + 8);
    assert_ptr_equal(sys_heap_realloc(&heap, block, usable - 8), block);
    expect_heap(&heap, "L%u U%zu F*", FRONT, units - 1);
    assert_ptr_equal(sys_heap_realloc(&heap, block, usable - 7), block);
    expect_heap(&heap, "L%u U%zu F*", FRONT, units);
    assert_int_equal(block[1], 0x42);
}

static void moving_drops_the_gap(void **state)
{
    uint8_t *block = sys_heap_aligned_alloc(&heap, 0x20 | GAP, 24);
    size_t units = heap_units_for(24 + GAP);
    size_t usable = sys_heap_usable_size(&heap, block);
    memset(block, 0x42, usable);
    alloc_units(6);
    uint8_t *moved = sys_heap_realloc(&heap, block, usable + 1);
    assert_int_equal((uintptr_t)moved % HEAP_HEADER, 0);
    assert_int_equal(moved[usable - 1], 0x42); /* all usable bytes come along */
    expect_heap(&heap, "F%zu U6 U[%zu] F*", FRONT + units, usable + 1);
}

/* ---- aligned ---- */

static void aligned_block_resizes_in_place(void **state)
{
    uint8_t *block = sys_heap_aligned_alloc(&heap, 64, 40);
    memset(block, 0x42, 40);
    expect_heap(&heap, "L2 U[40] F*");
    assert_ptr_equal(sys_heap_aligned_realloc(&heap, block, 64, 104), block);
    expect_heap(&heap, "L2 U[104] F*");
    assert_ptr_equal(sys_heap_aligned_realloc(&heap, block, 64, 24), block);
    expect_heap(&heap, "L2 U[24] F*");
    assert_ptr_equal(sys_heap_aligned_realloc(&heap, block, 16, 24), block); /* 64 is also 16 */
    assert_int_equal(block[23], 0x42);
}

static void misaligned_block_moves_even_to_shrink(void **state)
{
    uint8_t *block = numbered(64);
    uint8_t *moved = sys_heap_aligned_realloc(&heap, block, 128, 32);
    assert_ptr_equal(moved, origin + 128);
    expect_numbered(moved, 32);
    expect_heap(&heap, "F10 U[32] F*");
}

static void aligned_move_keeps_the_alignment(void **state)
{
    uint8_t *block = sys_heap_aligned_alloc(&heap, 64, 24);
    memset(block, 0x42, 24);
    sys_heap_alloc(&heap, 64); /* the units in front are too few for that */
    expect_heap(&heap, "L2 U[24] U[64] F*");
    uint8_t *moved = sys_heap_aligned_realloc(&heap, block, 64, 48);
    assert_ptr_equal(moved, origin + 192);
    assert_int_equal(moved[23], 0x42);
    expect_heap(&heap, "F2+[24] U[64] L3-t-t U[48] F*");
}

static void alignment_zero_stays_in_place_wherever_it_is(void **state)
{
    uint8_t *block = sys_heap_aligned_alloc(&heap, 0x21, 8); /* one below a multiple of 32 */
    assert_ptr_equal(block, origin + 63);
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
            assert_int_equal(sys_heap_usable_size(&heap, block),
                             heap_block_bytes(heap_units_for(new)));
            expect_numbered(block, old < new ? old : new);
            sys_heap_free(&heap, block);
            expect_heap(&heap, "F*");
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
