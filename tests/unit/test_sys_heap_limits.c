/* SPDX-License-Identifier: Apache-2.0 */
/* Boundary table: every function that takes a size, with sizes at the end of size_t, around the
 * capacity of the heap and in between, and with every power of two as alignment. Nothing may be
 * served that does not fit, and a refusal must leave the heap as it was. */
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

#define SPACE       121u /* units of the fresh heap's free chunk: 968 bytes */
#define TOO_MANY    1024u
#define BLOCK_BYTES 40u
#define SIZE_BITS   (8u * (unsigned int)sizeof(size_t))
#define NEAR_MAX    64u

/* Aligned, so that the reach of an alignment within the buffer is the same in each run. */
static _Alignas(4096) uint8_t buffer[2048];
static struct sys_heap heap;
static uint8_t *block; /* a live block for realloc */

static int heap_with_a_block(void **state)
{
    sys_heap_init(&heap, buffer, heap_bytes_for(SPACE));
    block = sys_heap_alloc(&heap, BLOCK_BYTES);
    memset(block, 0x3c, BLOCK_BYTES);
    return 0;
}

static void expect_untouched(void)
{
    expect_heap(&heap, "U[40] F*");
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        assert_int_equal(block[i], 0x3c);
    }
}

static void expect_refused(size_t bytes)
{
    assert_null(sys_heap_alloc(&heap, bytes));
    assert_null(sys_heap_realloc(&heap, NULL, bytes));
    assert_null(sys_heap_realloc(&heap, block, bytes));
    for (unsigned int bit = 0; bit < SIZE_BITS; bit++) {
        size_t align = (size_t)1 << bit;
        assert_null(sys_heap_aligned_alloc(&heap, align, bytes));
        assert_null(sys_heap_noalign_alloc(&heap, align, bytes));
        assert_null(sys_heap_aligned_realloc(&heap, NULL, align, bytes));
        assert_null(sys_heap_aligned_realloc(&heap, block, align, bytes));
    }
    assert_null(sys_heap_aligned_alloc(&heap, 0, bytes));
    assert_null(sys_heap_aligned_realloc(&heap, block, 0, bytes));
    expect_untouched();
}

static void refuses_sizes_at_the_end_of_size_t(void **state)
{
    for (size_t distance = 0; distance <= NEAR_MAX; distance++) {
        expect_refused(SIZE_MAX - distance);
    }
}

/* Sizes whose sums or products with 8 or with an alignment wrap around. */
static void refuses_sizes_around_every_power_of_two(void **state)
{
    for (unsigned int bit = 10; bit < SIZE_BITS; bit++) {
        size_t power = (size_t)1 << bit;
        for (size_t distance = 0; distance <= 9; distance++) {
            expect_refused(power + distance);
            expect_refused(power - distance);
        }
    }
}

static void refuses_one_byte_more_than_fits(void **state)
{
    size_t rest = SPACE - heap_units_for(BLOCK_BYTES);
    expect_refused(TOO_MANY);
    assert_null(sys_heap_alloc(&heap, heap_block_bytes(rest) + 1));
    assert_null(sys_heap_realloc(&heap, block, heap_block_bytes(SPACE) + 1));
    expect_untouched();
    void *mem = sys_heap_alloc(&heap, heap_block_bytes(rest));
    expect_heap(&heap, "U[40] U*");
    sys_heap_free(&heap, mem);
    assert_ptr_equal(sys_heap_realloc(&heap, block, heap_block_bytes(SPACE)), block);
    expect_heap(&heap, "U*");
}

/* Alignments that reach out of the buffer, with every rewind bit. */
static void refuses_large_alignments_of_any_rewind(void **state)
{
    static const size_t sizes[] = {1, 8, 40, 1000, SIZE_MAX / 2, SIZE_MAX - 1, SIZE_MAX};
    for (unsigned int bit = 10; bit < SIZE_BITS; bit++) {
        for (unsigned int low = 0; low < bit; low++) {
            size_t align = (size_t)1 << bit | (size_t)1 << low;
            for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                assert_null(sys_heap_aligned_alloc(&heap, align, sizes[i]));
            }
        }
    }
    expect_untouched();
}

static void large_alignment_alone_is_refused(void **state)
{
    for (unsigned int bit = 10; bit < SIZE_BITS; bit++) {
        assert_null(sys_heap_aligned_alloc(&heap, (size_t)1 << bit, 1));
        assert_null(sys_heap_aligned_realloc(&heap, NULL, (size_t)1 << bit, 1));
        assert_null(sys_heap_aligned_realloc(&heap, block, (size_t)1 << bit, 1));
    }
    expect_untouched();
}

static void noalign_alloc_takes_no_notice_of_any_alignment(void **state)
{
    uint8_t *next = block + heap_units_for(BLOCK_BYTES) * 8;
    for (unsigned int bit = 0; bit < SIZE_BITS; bit++) {
        uint8_t *mem = sys_heap_noalign_alloc(&heap, (size_t)1 << bit, 8);
        assert_ptr_equal(mem, next);
        sys_heap_free(&heap, mem);
        mem = sys_heap_noalign_alloc(&heap, (size_t)bit * 3, 8); /* not even a power of two */
        assert_ptr_equal(mem, next);
        sys_heap_free(&heap, mem);
    }
    expect_untouched();
}

static void nothing_is_served_for_zero_bytes(void **state)
{
    assert_null(sys_heap_alloc(&heap, 0));
    assert_null(sys_heap_realloc(&heap, NULL, 0));
    for (unsigned int bit = 0; bit < SIZE_BITS; bit++) {
        size_t align = (size_t)1 << bit;
        assert_null(sys_heap_aligned_alloc(&heap, align, 0));
        assert_null(sys_heap_noalign_alloc(&heap, align, 0));
        assert_null(sys_heap_aligned_realloc(&heap, NULL, align, 0));
        assert_null(sys_heap_aligned_alloc(&heap, align | align >> 1, 0));
    }
    expect_untouched();
}

/* Every size from nothing to beyond the capacity: served iff it fits, and never with less. */
static void serves_exactly_what_fits(void **state)
{
    for (size_t bytes = 1; bytes <= TOO_MANY; bytes++) {
        sys_heap_init(&heap, buffer, heap_bytes_for(SPACE));
        uint8_t *mem = sys_heap_alloc(&heap, bytes);
        assert_int_equal(mem != NULL, bytes <= heap_block_bytes(SPACE));
        if (mem != NULL) {
            assert_int_equal(sys_heap_usable_size(&heap, mem),
                             (bytes + HEAP_HEADER + 7) / 8 * 8 - HEAP_HEADER);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(refuses_sizes_at_the_end_of_size_t, heap_with_a_block),
        cmocka_unit_test_setup(refuses_sizes_around_every_power_of_two, heap_with_a_block),
        cmocka_unit_test_setup(refuses_one_byte_more_than_fits, heap_with_a_block),
        cmocka_unit_test_setup(refuses_large_alignments_of_any_rewind, heap_with_a_block),
        cmocka_unit_test_setup(large_alignment_alone_is_refused, heap_with_a_block),
        cmocka_unit_test_setup(noalign_alloc_takes_no_notice_of_any_alignment, heap_with_a_block),
        cmocka_unit_test_setup(nothing_is_served_for_zero_bytes, heap_with_a_block),
        cmocka_unit_test_setup(serves_exactly_what_fits, heap_with_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
