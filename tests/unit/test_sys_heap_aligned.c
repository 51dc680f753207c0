/* SPDX-License-Identifier: Apache-2.0 */
/* sys_heap_aligned_alloc: every alignment, with and without rewind, what it gives back, and how its
 * blocks are resized and freed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/heap_format.h"
#include "../support/heap_picture.h"

#define SPACE       58u  /* units of the fresh heap's free chunk */
#define LARGE_SPACE 504u /* and of the large heap's */
#define FIRST_CHUNK 40u  /* its offset from an address that is a multiple of 4096 */

/* Offsets below are counted from `origin`, whatever the size of the header chunk in front of
 * FIRST_CHUNK: so the first block lies at 48, or at 44 with headers of 4 bytes. */
static _Alignas(4096) uint8_t buffer[3 * 4096];
static uint8_t *const origin = buffer + 4096;
static struct sys_heap heap;

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, origin + FIRST_CHUNK - heap_first_chunk(SPACE), heap_bytes_for(SPACE));
    return 0;
}

static int fresh_large_heap(void **state)
{
    sys_heap_init(&heap, origin + FIRST_CHUNK - heap_first_chunk(LARGE_SPACE),
                  heap_bytes_for(LARGE_SPACE));
    return 0;
}

static size_t offset_of(const void *block)
{
    return (size_t)((const uint8_t *)block - origin);
}

/* ---- alignment without rewind ---- */

static void alignments_up_to_the_header_are_plain(void **state)
{
    static const size_t aligns[] = {0, 1, 2, 4, HEAP_HEADER};
    for (size_t i = 0; i < sizeof aligns / sizeof aligns[0]; i++) {
        for (size_t bytes = 1; bytes < 40; bytes++) {
            void *plain = sys_heap_alloc(&heap, bytes);
            sys_heap_free(&heap, plain);
            void *aligned = sys_heap_aligned_alloc(&heap, aligns[i], bytes);
            assert_ptr_equal(aligned, plain);
            assert_int_equal(sys_heap_usable_size(&heap, aligned),
                             heap_block_bytes(heap_units_for(bytes)));
            sys_heap_free(&heap, aligned);
        }
    }
}

static void units_in_front_become_a_free_chunk(void **state)
{
    assert_int_equal(offset_of(sys_heap_aligned_alloc(&heap, 64, 40)), 64);
    expect_heap(&heap, "L2 U[40] F*");
}

static void one_unit_in_front_is_too_small_for_a_list(void **state)
{
    sys_heap_alloc(&heap, heap_block_bytes(3));
    void *block = sys_heap_aligned_alloc(&heap, 16, 8);
    assert_int_equal(offset_of(block), 80);
    expect_heap(&heap, "U3 L1 U[8] F*");
    assert_true(sys_heap_validate(&heap));
    sys_heap_free(&heap, block);
    expect_heap(&heap, "U3 F*");
}

static void aligned_first_block_has_nothing_in_front(void **state)
{
    assert_int_equal(offset_of(sys_heap_aligned_alloc(&heap, 16, 8)), 48);
    expect_heap(&heap, "U[8] F*");
}

static void space_behind_is_free_at_once(void **state)
{
    sys_heap_aligned_alloc(&heap, 128, 24);
    expect_heap(&heap, "F10 U[24] F*");
    size_t behind = SPACE - 10 - heap_units_for(24);
    size_t behind_at = FIRST_CHUNK + 10 * 8 + heap_units_for(24) * 8 + HEAP_HEADER;
    assert_int_equal(offset_of(sys_heap_alloc(&heap, heap_block_bytes(behind))), behind_at);
    assert_int_equal(offset_of(sys_heap_alloc(&heap, heap_block_bytes(10))),
                     FIRST_CHUNK + HEAP_HEADER);
    expect_heap(&heap, "U10 U[24] U*");
}

static void zero_bytes_give_nothing(void **state)
{
    assert_null(sys_heap_aligned_alloc(&heap, 0, 0));
    assert_null(sys_heap_aligned_alloc(&heap, 64, 0));
    assert_null(sys_heap_aligned_alloc(&heap, 0x28, 0));
    expect_heap(&heap, "F*");
}

/* The search asks for the worst case, also if the chunk that it would find happens to fit. */
static void worst_case_padding_must_fit(void **state)
{
    size_t most = SPACE * 8 - 16 - HEAP_TRAILER; /* 16 of padding and header, whatever its length */
    sys_heap_aligned_alloc(&heap, 16, most);
    expect_heap(&heap, "U57 L1");
    fresh_heap(NULL);
    assert_null(sys_heap_aligned_alloc(&heap, 16, most + 1));
    assert_non_null(sys_heap_alloc(&heap, most + 8));
}

/* After a block of prefix bytes, one of size bytes at that alignment. Everything else must stay
 * usable: the whole suffix as one block, and after all frees the heap as one chunk. */
static void check_aligned(size_t prefix, size_t align, size_t size)
{
    void *first = sys_heap_alloc(&heap, prefix);
    uint8_t *block = sys_heap_aligned_alloc(&heap, align, size);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % align, 0);
    size_t usable = sys_heap_usable_size(&heap, block);
    assert_in_range(usable, size, size + 7);
    memset(block, 0xff, usable);
    assert_true(sys_heap_validate(&heap));

    size_t heap_end = FIRST_CHUNK + LARGE_SPACE * 8;
    size_t next_chunk = offset_of(block) + usable + HEAP_TRAILER;
    size_t suffix = heap_end - next_chunk - HEAP_HEADER - HEAP_TRAILER;
    uint8_t *rest = sys_heap_alloc(&heap, suffix);
    assert_int_equal(offset_of(rest), next_chunk + HEAP_HEADER);
    assert_int_equal(sys_heap_usable_size(&heap, rest), suffix);
    memset(rest, 0xee, suffix);
    assert_int_equal(block[usable - 1], 0xff);

    sys_heap_free(&heap, block);
    sys_heap_free(&heap, first);
    sys_heap_free(&heap, rest);
    expect_heap(&heap, "F*");
}

static void all_alignments_prefixes_and_sizes(void **state)
{
    for (size_t align = 8; align <= 512; align *= 2) {
        for (size_t prefix = 1; prefix <= align + 8; prefix += 7) {
            for (size_t size = 1; size <= 33; size += 4) {
                check_aligned(prefix, align, size);
            }
        }
    }
}

static void two_aligned_blocks_in_a_row(void **state)
{
    for (size_t size = 1; size <= 64; size++) {
        uint8_t *first = sys_heap_aligned_alloc(&heap, 16, size);
        uint8_t *second = sys_heap_aligned_alloc(&heap, 16, size + 1);
        assert_int_equal((uintptr_t)first % 16, 0);
        assert_int_equal((uintptr_t)second % 16, 0);
        memset(first, 1, size);
        memset(second, 2, size + 1);
        assert_int_equal(first[size - 1], 1);
        assert_true(sys_heap_validate(&heap));
        sys_heap_free(&heap, first);
        sys_heap_free(&heap, second);
        expect_heap(&heap, "F*");
    }
}

static void many_aligned_blocks_side_by_side(void **state)
{
    for (size_t align = 16; align <= 256; align *= 2) {
        uint8_t *blocks[64];
        size_t count = 0;
        while (count < 64 && (blocks[count] = sys_heap_aligned_alloc(&heap, align, 16)) != NULL) {
            assert_int_equal((uintptr_t)blocks[count] % align, 0);
            memset(blocks[count], (int)count, 16);
            count++;
        }
        assert_true(count >= LARGE_SPACE * 8 / align / 2 || count == 64);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(blocks[i][15], i);
            sys_heap_free(&heap, blocks[i]);
        }
        expect_heap(&heap, "F*");
    }
}

/* ---- rewind ---- */

static void rewind_puts_the_block_below_the_boundary(void **state)
{
    void *block = sys_heap_aligned_alloc(&heap, 0x28, 8); /* 8 below a multiple of 32 */
    assert_int_equal(offset_of(block), 64 - 8);
    expect_heap(&heap, "L1 U[8] F*");
    sys_heap_free(&heap, block);
    expect_heap(&heap, "F*");
}

/* With headers of 4 bytes, a rewind of 4 needs none. */
static void rewind_below_a_unit_leaves_a_gap_in_the_block(void **state)
{
    void *block = sys_heap_aligned_alloc(&heap, 0x24, 8); /* 4 below a multiple of 32 */
    assert_int_equal(offset_of(block), 64 - 4);
    assert_int_equal(sys_heap_usable_size(&heap, block), 12);
    expect_heap(&heap, HEAP_HEADER == 8 ? "L1 U[12] F*" : "L2 U[12] F*");
    sys_heap_free(&heap, block);
    expect_heap(&heap, "F*");
}

/* For align = A + r the block p has p + r at a multiple of A, for all pairs of powers of two. */
static void all_rewinds(void **state)
{
    for (size_t align = 2; align <= 512; align *= 2) {
        for (size_t rewind = 1; rewind < align; rewind *= 2) {
            for (size_t size = 1; size <= 25; size += 3) {
                uint8_t *block = sys_heap_aligned_alloc(&heap, align | rewind, size);
                assert_non_null(block);
                assert_int_equal(((uintptr_t)block + rewind) % align, 0);
                assert_in_range(sys_heap_usable_size(&heap, block), size, size + 7);
                memset(block, 0xff, sys_heap_usable_size(&heap, block));
                assert_true(sys_heap_validate(&heap));
                sys_heap_free(&heap, block);
                expect_heap(&heap, "F*");
            }
        }
    }
}

/* The use that rewind was made for: an owner's pointer right below an aligned object. */
static void objects_behind_a_pointer_waste_nothing(void **state)
{
    uint8_t *first = sys_heap_aligned_alloc(&heap, 0x48, 8 + 56);
    uint8_t *second = sys_heap_aligned_alloc(&heap, 0x48, 8 + 48);
    assert_int_equal((uintptr_t)(first + 8) % 64, 0);
    assert_int_equal((uintptr_t)(second + 8) % 64, 0);
    assert_int_equal(second - first, 128); /* 64 of block, 8 of header: misses the next boundary */
    expect_heap(&heap, "L1 U[64] F7-t U[56] F*");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(alignments_up_to_the_header_are_plain, fresh_heap),
        cmocka_unit_test_setup(units_in_front_become_a_free_chunk, fresh_heap),
        cmocka_unit_test_setup(one_unit_in_front_is_too_small_for_a_list, fresh_heap),
        cmocka_unit_test_setup(aligned_first_block_has_nothing_in_front, fresh_heap),
        cmocka_unit_test_setup(space_behind_is_free_at_once, fresh_heap),
        cmocka_unit_test_setup(zero_bytes_give_nothing, fresh_heap),
        cmocka_unit_test_setup(worst_case_padding_must_fit, fresh_heap),
        cmocka_unit_test_setup(all_alignments_prefixes_and_sizes, fresh_large_heap),
        cmocka_unit_test_setup(two_aligned_blocks_in_a_row, fresh_heap),
        cmocka_unit_test_setup(many_aligned_blocks_side_by_side, fresh_large_heap),
        cmocka_unit_test_setup(rewind_puts_the_block_below_the_boundary, fresh_heap),
        cmocka_unit_test_setup(rewind_below_a_unit_leaves_a_gap_in_the_block, fresh_heap),
        cmocka_unit_test_setup(all_rewinds, fresh_large_heap),
        cmocka_unit_test_setup(objects_behind_a_pointer_waste_nothing, fresh_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
