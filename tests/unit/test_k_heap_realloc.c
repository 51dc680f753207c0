/* SPDX-License-Identifier: Apache-2.0 */
/* k_heap: other sizes for blocks, and misuse of all its calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "../support/death.h"
#include "../support/heap_client.h"
#include "../support/heap_picture.h"

#define HEAP_BYTES   2048u
#define HANG_SECONDS 300u

static struct k_heap heap;
static struct k_heap other_heap;
static _Alignas(4096) char buffer[HEAP_BYTES];
static _Alignas(4096) char other_buffer[HEAP_BYTES];

static int begin(void **state)
{
    k_heap_init(&heap, buffer, sizeof(buffer));
    k_heap_init(&other_heap, other_buffer, sizeof(other_buffer));
    return 0;
}

static int heap_is_whole(void **state)
{
    return heap_picture_equals(&heap.heap, "F*") ? 0 : -1;
}

static void *filled(size_t bytes, unsigned int tag)
{
    void *block = k_heap_alloc(&heap, bytes, K_NO_WAIT);

    assert_non_null(block);
    heap_block_fill(block, bytes, tag);
    return block;
}

static void expect_filled(const void *block, size_t bytes, unsigned int tag)
{
    assert_true(heap_block_is_filled(block, bytes, tag));
}

/* --- Other sizes --- */

static void a_block_grows_in_place_if_there_is_room(void **state)
{
    void *block = filled(40, 1);

    assert_ptr_equal(k_heap_realloc(&heap, block, 400, K_NO_WAIT), block);
    expect_filled(block, 40, 1);
    expect_heap(&heap.heap, "U[400] F*");
    k_heap_free(&heap, block);
}

static void a_block_moves_if_there_is_none(void **state)
{
    void *block = filled(40, 1);
    void *neighbour = filled(40, 2);
    void *moved = k_heap_realloc(&heap, block, 400, K_FOREVER);

    assert_non_null(moved);
    assert_ptr_not_equal(moved, block);
    expect_filled(moved, 40, 1);
    expect_filled(neighbour, 40, 2);
    expect_heap(&heap.heap, "F[40] U[40] U[400] F*");
    k_heap_free(&heap, neighbour);
    k_heap_free(&heap, moved);
}

static void a_block_shrinks_in_place(void **state)
{
    void *block = filled(400, 1);
    void *neighbour = filled(40, 2);

    assert_ptr_equal(k_heap_realloc(&heap, block, 40, K_NO_WAIT), block);
    expect_filled(block, 40, 1);
    expect_heap(&heap.heap, "U[40] F[400]-[40] U[40] F*");
    assert_ptr_equal(k_heap_realloc(&heap, block, 40, K_NO_WAIT), block); /* nothing to do */
    expect_heap(&heap.heap, "U[40] F[400]-[40] U[40] F*");
    k_heap_free(&heap, neighbour);
    k_heap_free(&heap, block);
}

static void no_bytes_free_a_block_once(void **state)
{
    assert_null(k_heap_realloc(&heap, filled(40, 1), 0, K_FOREVER));
    expect_heap(&heap.heap, "F*");
    assert_null(k_heap_realloc(&heap, filled(40, 1), 0, K_NO_WAIT));
    expect_heap(&heap.heap, "F*");
    assert_null(k_heap_aligned_realloc(&heap, filled(40, 1), 64, 0, K_SECONDS(1000)));
    expect_heap(&heap.heap, "F*");
}

static void no_block_makes_it_an_allocation(void **state)
{
    void *block = k_heap_realloc(&heap, NULL, 40, K_FOREVER);

    assert_non_null(block);
    expect_heap(&heap.heap, "U[40] F*");
    k_heap_free(&heap, block);
    block = k_heap_aligned_realloc(&heap, NULL, 512, 40, K_FOREVER);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % 512, 0);
    k_heap_free(&heap, block);
}

static void a_block_that_cannot_change_stays(void **state)
{
    void *block = filled(HEAP_BYTES / 2, 1);
    void *neighbour = filled(40, 2);

    assert_null(k_heap_realloc(&heap, block, HEAP_BYTES * 3 / 4, K_NO_WAIT));
    assert_null(k_heap_realloc(&heap, block, HEAP_BYTES * 3 / 4, K_MSEC(10)));
    assert_null(k_heap_realloc(&heap, block, HEAP_BYTES + 1, K_FOREVER));
    expect_filled(block, HEAP_BYTES / 2, 1);
    expect_filled(neighbour, 40, 2);
    expect_heap(&heap.heap, "U[%u] U[40] F*", HEAP_BYTES / 2);
    k_heap_free(&heap, block);
    k_heap_free(&heap, neighbour);
}

static void a_resized_block_is_aligned(void **state)
{
    for (size_t align = 1; align <= HEAP_BYTES / 4; align *= 2) {
        void *first = filled(8, 3); /* so that the next one is not aligned by chance */
        void *block = filled(100, 1);
        void *grown = k_heap_aligned_realloc(&heap, block, align, 200, K_NO_WAIT);

        assert_non_null(grown);
        assert_int_equal((uintptr_t)grown % align, 0);
        expect_filled(grown, 100, 1);
        void *shrunk = k_heap_aligned_realloc(&heap, grown, align, 50, K_NO_WAIT);
        assert_ptr_equal(shrunk, grown);
        expect_filled(shrunk, 50, 1);
        k_heap_free(&heap, shrunk);
        k_heap_free(&heap, first);
        expect_heap(&heap.heap, "F*");
    }
}

static void a_block_moves_for_its_alignment_also_to_shrink(void **state)
{
    void *first = filled(8, 3);
    void *block = filled(100, 1);

    if ((uintptr_t)block % 512 == 0) {
        fail_msg("the block was to lie elsewhere");
    }
    void *moved = k_heap_aligned_realloc(&heap, block, 512, 20, K_NO_WAIT);
    assert_non_null(moved);
    assert_int_equal((uintptr_t)moved % 512, 0);
    expect_filled(moved, 20, 1);
    k_heap_free(&heap, moved);
    k_heap_free(&heap, first);
}

/* --- Misuse --- */

static void free_twice(void *arg)
{
    void *block = k_heap_alloc(&heap, 40, K_NO_WAIT);

    k_heap_free(&heap, block);
    k_heap_free(&heap, block);
}

static void resize_what_was_freed(void *arg)
{
    void *block = k_heap_alloc(&heap, 40, K_NO_WAIT);

    k_heap_free(&heap, block);
    k_heap_realloc(&heap, block, 80, K_FOREVER);
}

static void blocks_that_are_free_already_are_refused(void **state)
{
    skip_below_hardening(1);
    expect_death(free_twice, NULL, "block is not in use: double free, or not a block");
    expect_death(resize_what_was_freed, NULL, "block is not in use: double free, or not a block");
}

static void free_block_of_another_heap(void *arg)
{
    k_heap_free(&heap, k_heap_alloc(&other_heap, 40, K_NO_WAIT));
}

static void resize_block_of_another_heap(void *arg)
{
    k_heap_realloc(&heap, k_heap_alloc(&other_heap, 40, K_NO_WAIT), 80, K_FOREVER);
}

static void free_a_variable(void *arg)
{
    k_heap_free(&heap, &heap);
}

static void what_comes_from_elsewhere_is_refused(void **state)
{
    const char *phrase = "address is outside the heap: block of another heap, or not a block";

    skip_below_hardening(1);
    expect_death(free_block_of_another_heap, NULL, phrase);
    expect_death(resize_block_of_another_heap, NULL, phrase);
    expect_death(free_a_variable, NULL, phrase);
}

static void free_in_no_heap(void *arg)
{
    k_heap_init(&heap, buffer, 1);
    k_heap_free(&heap, buffer + 64);
}

static void a_heap_that_is_none_has_no_blocks(void **state)
{
    skip_below_hardening(1);
    expect_death(free_in_no_heap, NULL, "heap is not initialised");
}

static void allocate_with_alignment(void *align)
{
    k_heap_aligned_alloc(&heap, *(size_t *)align, 40, K_NO_WAIT);
}

static void resize_with_alignment(void *align)
{
    k_heap_aligned_realloc(&heap, NULL, *(size_t *)align, 0, K_FOREVER);
}

static void other_alignments_than_powers_of_two_are_refused(void **state)
{
    size_t wrong[] = {3, 24, 0x28, SIZE_MAX};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        expect_death(allocate_with_alignment, &wrong[i],
                     "alignment in a k_heap is not a power of two");
        expect_death(resize_with_alignment, &wrong[i],
                     "alignment in a k_heap is not a power of two");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, heap_is_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_block_grows_in_place_if_there_is_room),
        TEST(a_block_moves_if_there_is_none),
        TEST(a_block_shrinks_in_place),
        TEST(no_bytes_free_a_block_once),
        TEST(no_block_makes_it_an_allocation),
        TEST(a_block_that_cannot_change_stays),
        TEST(a_resized_block_is_aligned),
        TEST(a_block_moves_for_its_alignment_also_to_shrink),
        TEST(blocks_that_are_free_already_are_refused),
        TEST(what_comes_from_elsewhere_is_refused),
        TEST(a_heap_that_is_none_has_no_blocks),
        TEST(other_alignments_than_powers_of_two_are_refused),
    };

    alarm(HANG_SECONDS); /* what must return at once might never do */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
