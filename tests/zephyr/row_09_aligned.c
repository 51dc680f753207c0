/* SPDX-License-Identifier: Apache-2.0 */
/* Row 9: aligned blocks, for each alignment, behind blocks of each size.
 *
 * A block is aligned as asked for; two in a row are; what is skipped before it and cut off behind
 * it can be had again; and when all is freed the heap is one free chunk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/random.h"

#define HEAP_BYTES 4096u
#define MOST_ALIGN 512u
#define MOST_BYTES 300u

static _Alignas(8) char memory[HEAP_BYTES];
static struct sys_heap heap;
static size_t whole; /* free bytes of an empty heap */

static struct sys_memory_stats stats_of_heap(void)
{
    struct sys_memory_stats stats = {0, 0, 0};

    assert_int_equal(sys_heap_runtime_stats_get(&heap, &stats), 0);
    return stats;
}

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, memory, HEAP_BYTES);
    whole = stats_of_heap().free_bytes;
    return heap.heap == NULL;
}

static char *aligned(size_t align, size_t bytes)
{
    char *mem = sys_heap_aligned_alloc(&heap, align, bytes);

    assert_non_null(mem);
    assert_int_equal((uintptr_t)mem % align, 0);
    assert_true(sys_heap_usable_size(&heap, mem) >= bytes);
    memset(mem, 0xa5, bytes);
    assert_true(sys_heap_validate(&heap));
    return mem;
}

static void free_and_expect_one_chunk(void *first, void *second, void *third)
{
    sys_heap_free(&heap, second);
    sys_heap_free(&heap, first);
    sys_heap_free(&heap, third);
    assert_true(sys_heap_validate(&heap));
    assert_int_equal(stats_of_heap().allocated_bytes, 0);
    assert_int_equal(stats_of_heap().free_bytes, whole);
}

/* Two aligned blocks behind one of prefix bytes. */
static void two_in_a_row(size_t prefix, size_t align, size_t bytes)
{
    void *before = sys_heap_alloc(&heap, prefix);
    char *first = aligned(align, bytes);
    char *second = aligned(align, bytes);

    assert_true(first + bytes <= second || second + bytes <= first);
    free_and_expect_one_chunk(first, second, before);
}

static void each_alignment_prefix_and_size(void **state)
{
    size_t step = scaled_rounds(100) == 100 ? 1 : 29; /* fewer where all is slow */

    for (size_t align = 8; align <= MOST_ALIGN; align *= 2) {
        for (size_t prefix = 0; prefix <= 2 * align; prefix += 8 * step) {
            for (size_t bytes = 1; bytes <= MOST_BYTES; bytes += 13 * step) {
                two_in_a_row(prefix, align, bytes);
            }
        }
    }
}

/* Takes all that is left in blocks of 8 bytes; returns how many there are, and frees them. */
static size_t rest_in_pieces(void)
{
    void *pieces[HEAP_BYTES / 8];
    size_t count = 0;

    while ((pieces[count] = sys_heap_alloc(&heap, 8)) != NULL) {
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        sys_heap_free(&heap, pieces[i]);
    }
    return count;
}

/* Bytes between two neighbours of 8 bytes in an empty heap: what a piece takes. */
static size_t piece_bytes(void)
{
    char *first = sys_heap_alloc(&heap, 8);
    char *second = sys_heap_alloc(&heap, 8);
    size_t bytes = (size_t)(second - first);

    sys_heap_free(&heap, first);
    sys_heap_free(&heap, second);
    return bytes;
}

static void what_it_does_not_use_is_left(void **state)
{
    size_t all = rest_in_pieces();
    size_t piece = piece_bytes();

    for (size_t align = 16; align <= MOST_ALIGN; align *= 2) {
        char *mem = aligned(align, 40);
        size_t taken = (all - rest_in_pieces()) * piece;

        /* The chunk, and a piece at either end that may be cut by it. */
        assert_true(taken <= sys_heap_usable_size(&heap, mem) + 3 * piece);
        sys_heap_free(&heap, mem);
    }
}

/* The case that once broke a heap: the second block begins where the first one's rest did. */
static void sixteen_bytes_and_then_seventeen(void **state)
{
    char *first = aligned(16, 16);
    char *second = aligned(16, 17);

    free_and_expect_one_chunk(first, second, NULL);
}

static void an_address_below_a_boundary(void **state)
{
    for (size_t align = 32; align <= MOST_ALIGN; align *= 2) {
        char *mem = sys_heap_aligned_alloc(&heap, align | 8, 50);

        assert_int_equal(((uintptr_t)mem + 8) % align, 0);
        assert_true(sys_heap_validate(&heap));
        free_and_expect_one_chunk(mem, NULL, NULL);
    }
}

static void what_cannot_be_is_null(void **state)
{
    assert_null(sys_heap_aligned_alloc(&heap, 64, 0));
    assert_null(sys_heap_aligned_alloc(&heap, 64, HEAP_BYTES));
    assert_null(sys_heap_aligned_alloc(&heap, HEAP_BYTES * 4, 1));
    assert_null(sys_heap_aligned_alloc(&heap, SIZE_MAX / 2 + 1, SIZE_MAX));
    assert_null(sys_heap_aligned_alloc(&heap, SIZE_MAX / 2 + 1, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_alignment_prefix_and_size, fresh_heap),
        cmocka_unit_test_setup(what_it_does_not_use_is_left, fresh_heap),
        cmocka_unit_test_setup(sixteen_bytes_and_then_seventeen, fresh_heap),
        cmocka_unit_test_setup(an_address_below_a_boundary, fresh_heap),
        cmocka_unit_test_setup(what_cannot_be_is_null, fresh_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
