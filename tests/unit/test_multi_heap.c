/* SPDX-License-Identifier: Apache-2.0 */
/* sys_multi_heap: the order of its heaps, whose an address is, what the function that chooses is
 * asked, where a block of another size goes, and misuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/heap.h>
#include <zephyr/sys/multi_heap.h>
#include "../support/death.h"
#include "../support/heap_client.h"
#include "../support/heap_picture.h"

#define HEAP_BYTES 1024u
#define BOUNDARY   64u /* sizes up to SIZE_MAX that are tried */

/* One buffer, so that the order of addresses is known. The last one lies apart. */
static _Alignas(64) char buffers[MAX_MULTI_HEAPS + 2][HEAP_BYTES];
static struct sys_heap heaps[MAX_MULTI_HEAPS + 2];
static struct sys_multi_heap multi;

/* What the function that chooses was asked last. */
static struct {
    void *cfg;
    size_t align;
    size_t bytes;
    unsigned int calls;
} asked;

/* cfg: the heap that serves. */
static void *choose(struct sys_multi_heap *mheap, void *cfg, size_t align, size_t size)
{
    assert_ptr_equal(mheap, &multi);
    asked.cfg = cfg;
    asked.align = align;
    asked.bytes = size;
    asked.calls++;
    return cfg == NULL ? NULL : sys_heap_aligned_alloc(cfg, align, size);
}

/* A multi heap of the first two. */
static int begin(void **state)
{
    sys_multi_heap_init(&multi, choose);
    for (size_t i = 0; i < MAX_MULTI_HEAPS + 2; i++) {
        sys_heap_init(&heaps[i], buffers[i], HEAP_BYTES);
    }
    sys_multi_heap_add_heap(&multi, &heaps[0], NULL);
    sys_multi_heap_add_heap(&multi, &heaps[1], NULL);
    memset(&asked, 0, sizeof(asked));
    return 0;
}

static int heaps_are_whole(void **state)
{
    for (size_t i = 0; i < MAX_MULTI_HEAPS + 2; i++) {
        if (!heap_picture_equals(&heaps[i], "F*")) {
            return -1;
        }
    }
    return 0;
}

/* --- The heaps --- */

static void heaps_are_sorted_by_address(void **state)
{
    static const size_t order[MAX_MULTI_HEAPS] = {3, 0, 7, 1, 6, 2, 5, 4};

    sys_multi_heap_init(&multi, choose);
    assert_int_equal(multi.nheaps, 0);
    for (size_t i = 0; i < MAX_MULTI_HEAPS; i++) {
        sys_multi_heap_add_heap(&multi, &heaps[order[i]], &buffers[order[i]]);
        assert_int_equal(multi.nheaps, i + 1);
        for (size_t j = 1; j <= i; j++) {
            assert_true((uintptr_t)multi.heaps[j - 1].heap->heap <
                        (uintptr_t)multi.heaps[j].heap->heap);
        }
    }
    for (size_t i = 0; i < MAX_MULTI_HEAPS; i++) {
        assert_ptr_equal(multi.heaps[i].heap, &heaps[i]);
        assert_ptr_equal(multi.heaps[i].user_data, &buffers[i]);
    }
}

static void a_multi_heap_that_is_made_anew_is_empty(void **state)
{
    sys_multi_heap_init(&multi, choose);
    assert_int_equal(multi.nheaps, 0);
    assert_null(sys_multi_heap_get_heap(&multi, buffers[0] + 200));
}

/* --- Whose an address is --- */

static const struct sys_heap *owner_of(void *address)
{
    const struct sys_multi_heap_rec *record = sys_multi_heap_get_heap(&multi, address);

    return record != NULL ? record->heap : NULL;
}

static void a_block_is_its_heaps(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        for (size_t align = 0; align <= 256; align = align == 0 ? 1 : align * 2) {
            void *block = sys_multi_heap_aligned_alloc(&multi, &heaps[i], align, 24);

            assert_ptr_equal(owner_of(block), &heaps[i]);
            sys_multi_heap_free(&multi, block);
        }
    }
}

static void the_first_and_the_last_block_are_its_heaps(void **state)
{
    void *blocks[HEAP_BYTES / 8 + 1];
    size_t count = 0;

    while ((blocks[count] = sys_heap_alloc(&heaps[1], 1)) != NULL) {
        assert_ptr_equal(owner_of(blocks[count]), &heaps[1]);
        count++;
    }
    assert_true(count > HEAP_BYTES / 32);
    while (count > 0) {
        sys_multi_heap_free(&multi, blocks[--count]);
    }
}

static void no_other_address_is_anybodys(void **state)
{
    assert_null(owner_of(NULL));
    assert_null(owner_of((void *)(uintptr_t)8));      /* below all heaps */
    assert_null(owner_of((void *)(UINTPTR_MAX - 7))); /* above all heaps */
    assert_null(owner_of(buffers[0]));     /* the heap's own */
    assert_null(owner_of(buffers[1] - 8)); /* an end marker */
    assert_null(owner_of(buffers[2]));
    assert_null(owner_of(buffers[2] + HEAP_BYTES / 2)); /* a heap that was not added */
    assert_null(owner_of(buffers[1] + HEAP_BYTES - 1));
    sys_multi_heap_init(&multi, choose);
    assert_null(owner_of(buffers[0] + HEAP_BYTES / 2));
}

static void a_heap_in_a_block_has_its_own_blocks(void **state)
{
    struct sys_heap inner;
    char *outer_block = sys_multi_heap_alloc(&multi, &heaps[0], HEAP_BYTES / 2);
    void *behind = sys_multi_heap_alloc(&multi, &heaps[0], 40);

    sys_heap_init(&inner, outer_block, HEAP_BYTES / 2);
    sys_multi_heap_add_heap(&multi, &inner, NULL);
    assert_ptr_equal(multi.heaps[1].heap, &inner);
    void *inner_block = sys_multi_heap_alloc(&multi, &inner, 40);
    assert_ptr_equal(owner_of(inner_block), &inner);
    assert_ptr_equal(owner_of(behind), &heaps[0]);
    assert_ptr_equal(owner_of(outer_block), &heaps[0]);
    sys_multi_heap_free(&multi, inner_block);
    expect_heap(&inner, "F*");
    sys_multi_heap_free(&multi, behind);
    sys_multi_heap_free(&multi, outer_block);
}

static void a_heap_that_has_ended_has_no_blocks(void **state)
{
    quarry_heap_end(&heaps[0]);
    assert_null(owner_of(buffers[0] + HEAP_BYTES / 2));
    begin(state);
}

/* --- Requests --- */

static void the_function_is_asked_what_the_caller_asks(void **state)
{
    void *block = sys_multi_heap_alloc(&multi, &heaps[1], 40);

    assert_non_null(block);
    assert_ptr_equal(asked.cfg, &heaps[1]);
    assert_int_equal(asked.align, 0);
    assert_int_equal(asked.bytes, 40);
    sys_multi_heap_free(&multi, block);
    block = sys_multi_heap_aligned_alloc(&multi, &heaps[1], 128, 50);
    assert_int_equal((uintptr_t)block % 128, 0);
    assert_int_equal(asked.align, 128);
    assert_int_equal(asked.bytes, 50);
    sys_multi_heap_free(&multi, block);
    assert_int_equal(asked.calls, 2);
}

static void whatever_is_asked_is_passed_on(void **state)
{
    assert_null(sys_multi_heap_alloc(&multi, &heaps[1], 0));
    assert_int_equal(asked.bytes, 0);
    assert_null(sys_multi_heap_alloc(&multi, &heaps[1], SIZE_MAX));
    assert_int_equal(asked.bytes, SIZE_MAX);
    assert_null(sys_multi_heap_alloc(&multi, NULL, 8)); /* the function has nothing */
    assert_int_equal(asked.calls, 3);
}

static void a_free_of_nothing_is_nothing(void **state)
{
    sys_multi_heap_free(&multi, NULL);
    sys_multi_heap_init(&multi, choose);
    sys_multi_heap_free(&multi, NULL);
}

/* --- Other sizes --- */

static void a_block_of_nothing_is_a_new_one(void **state)
{
    void *block = sys_multi_heap_realloc(&multi, &heaps[1], NULL, 40);

    assert_ptr_equal(owner_of(block), &heaps[1]);
    assert_int_equal(asked.align, 0);
    sys_multi_heap_free(&multi, block);
    block = sys_multi_heap_aligned_realloc(&multi, &heaps[1], NULL, 64, 40);
    assert_int_equal(asked.align, 64);
    assert_int_equal((uintptr_t)block % 64, 0);
    sys_multi_heap_free(&multi, block);
    assert_null(sys_multi_heap_realloc(&multi, &heaps[1], NULL, 0));
}

static void no_bytes_free_a_block(void **state)
{
    void *block = sys_multi_heap_alloc(&multi, &heaps[0], 40);

    assert_null(sys_multi_heap_realloc(&multi, &heaps[1], block, 0));
    assert_int_equal(asked.calls, 1);
    expect_heap(&heaps[0], "F*");
}

static void a_block_stays_in_its_heap_while_there_is_room(void **state)
{
    char *block = sys_multi_heap_alloc(&multi, &heaps[0], 40);

    heap_block_fill(block, 40, 1);
    char *grown = sys_multi_heap_realloc(&multi, &heaps[1], block, 100);
    assert_ptr_equal(grown, block); /* there is nothing to its right */
    void *neighbour = sys_multi_heap_alloc(&multi, &heaps[0], 8);
    char *moved = sys_multi_heap_realloc(&multi, &heaps[1], grown, 200);
    assert_ptr_not_equal(moved, grown);
    assert_ptr_equal(owner_of(moved), &heaps[0]);
    assert_true(heap_block_is_filled(moved, 40, 1));
    char *shrunk = sys_multi_heap_realloc(&multi, &heaps[1], moved, 10);
    assert_ptr_equal(shrunk, moved);
    assert_int_equal(asked.calls, 2);
    sys_multi_heap_free(&multi, neighbour);
    sys_multi_heap_free(&multi, shrunk);
}

static void a_block_without_room_goes_elsewhere(void **state)
{
    char *block = sys_multi_heap_alloc(&multi, &heaps[0], 400);
    void *neighbour = sys_multi_heap_alloc(&multi, &heaps[0], 300);

    heap_block_fill(block, 400, 2);
    char *moved = sys_multi_heap_aligned_realloc(&multi, &heaps[1], block, 64, 600);
    assert_int_equal(asked.align, 64);
    assert_int_equal(asked.bytes, 600);
    assert_ptr_equal(owner_of(moved), &heaps[1]);
    assert_true(heap_block_is_filled(moved, 400, 2));
    memset(moved, 0, 600);
    sys_multi_heap_free(&multi, neighbour);
    expect_heap(&heaps[0], "F*"); /* the old one is gone */
    sys_multi_heap_free(&multi, moved);
}

/* It is not so aligned, and its own heap has no place that is. */
static void a_smaller_block_may_go_elsewhere_too(void **state)
{
    void *fillers[HEAP_BYTES / 8 + 1];
    size_t count = 0;
    char *block;

    do {
        block = sys_multi_heap_alloc(&multi, &heaps[0], 40);
        fillers[count++] = block;
    } while ((uintptr_t)block % 64 == 0);
    count--;
    while ((fillers[count] = sys_heap_alloc(&heaps[0], 1)) != NULL) {
        count++;
    }
    heap_block_fill(block, 40, 3);
    char *moved = sys_multi_heap_aligned_realloc(&multi, &heaps[1], block, 64, 16);
    assert_ptr_equal(owner_of(moved), &heaps[1]);
    assert_int_equal((uintptr_t)moved % 64, 0);
    assert_true(heap_block_is_filled(moved, 16, 3));
    while (count > 0) {
        sys_multi_heap_free(&multi, fillers[--count]);
    }
    sys_multi_heap_free(&multi, moved);
}

static void a_block_without_room_anywhere_stays(void **state)
{
    char *block = sys_multi_heap_alloc(&multi, &heaps[0], 400);

    heap_block_fill(block, 400, 4);
    assert_null(sys_multi_heap_realloc(&multi, &heaps[1], block, HEAP_BYTES));
    assert_null(sys_multi_heap_realloc(&multi, NULL, block, HEAP_BYTES));
    for (size_t bytes = SIZE_MAX - BOUNDARY; bytes != 0; bytes++) {
        assert_null(sys_multi_heap_realloc(&multi, &heaps[1], block, bytes));
        for (size_t align = SIZE_MAX / 2 + 1; align > 0; align /= 2) {
            assert_null(sys_multi_heap_aligned_realloc(&multi, &heaps[1], block, align, bytes));
            assert_null(sys_multi_heap_aligned_alloc(&multi, &heaps[1], align, bytes));
        }
    }
    assert_true(heap_block_is_filled(block, 400, 4));
    expect_heap(&heaps[0], "U[400] F*");
    sys_multi_heap_free(&multi, block);
}

/* --- Misuse --- */

static void add_one_too_many(void *arg)
{
    (void)arg;
    for (size_t i = 2; i <= MAX_MULTI_HEAPS; i++) {
        sys_multi_heap_add_heap(&multi, &heaps[i], NULL);
    }
}

static void add_one_that_was_not_made(void *arg)
{
    struct sys_heap none = {.heap = arg};

    sys_multi_heap_add_heap(&multi, &none, NULL);
}

static void add_twice(void *arg)
{
    sys_multi_heap_add_heap(&multi, arg, NULL);
}

static void free_address(void *address)
{
    sys_multi_heap_free(&multi, address);
}

static void resize_address(void *address)
{
    sys_multi_heap_realloc(&multi, &heaps[1], address, 40);
}

static void use_uninitialised(void *arg)
{
    static struct sys_multi_heap zeros;

    (void)arg;
    sys_multi_heap_alloc(&zeros, NULL, 40);
}

static void misuse_is_reported(void **state)
{
    static const char foreign[] = "address lies in none of a multi heap's heaps";
    void *elsewhere = sys_heap_alloc(&heaps[2], 40);

    expect_death(add_one_too_many, NULL, "multi heap has no room for one more heap");
    expect_death(add_one_that_was_not_made, NULL,
                 "heap was added to a multi heap before it was made");
    expect_death(add_twice, &heaps[0], "heap was added to a multi heap twice");
    expect_death(add_twice, &heaps[1], "heap was added to a multi heap twice");
    expect_death(free_address, elsewhere, foreign);
    expect_death(free_address, (void *)(uintptr_t)8, foreign);
    expect_death(free_address, buffers[1] - 8, foreign);
    expect_death(resize_address, elsewhere, foreign);
    expect_death(use_uninitialised, NULL, "multi heap is not initialised");
    sys_heap_free(&heaps[2], elsewhere);
}

static void free_twice(void *block)
{
    sys_multi_heap_free(&multi, block);
    sys_multi_heap_free(&multi, block);
}

static void a_double_free_is_reported(void **state)
{
    skip_below_hardening(1);
    void *block = sys_multi_heap_alloc(&multi, &heaps[0], 40);
    expect_death(free_twice, block, "double free");
    sys_multi_heap_free(&multi, block);
}

static void resize_to_two_alignments(void *block)
{
    sys_multi_heap_aligned_realloc(&multi, &heaps[1], block, 0x28, 40);
}

static void an_alignment_of_two_bits_is_reported(void **state)
{
    void *block = sys_multi_heap_aligned_alloc(&multi, &heaps[0], 0x28, 40); /* rewind is fine */
    expect_death(resize_to_two_alignments, block, "alignment has more than one bit");
    sys_multi_heap_free(&multi, block);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, heaps_are_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(heaps_are_sorted_by_address),
        TEST(a_multi_heap_that_is_made_anew_is_empty),
        TEST(a_block_is_its_heaps),
        TEST(the_first_and_the_last_block_are_its_heaps),
        TEST(no_other_address_is_anybodys),
        TEST(a_heap_in_a_block_has_its_own_blocks),
        TEST(a_heap_that_has_ended_has_no_blocks),
        TEST(the_function_is_asked_what_the_caller_asks),
        TEST(whatever_is_asked_is_passed_on),
        TEST(a_free_of_nothing_is_nothing),
        TEST(a_block_of_nothing_is_a_new_one),
        TEST(no_bytes_free_a_block),
        TEST(a_block_stays_in_its_heap_while_there_is_room),
        TEST(a_block_without_room_goes_elsewhere),
        TEST(a_smaller_block_may_go_elsewhere_too),
        TEST(a_block_without_room_anywhere_stays),
        TEST(misuse_is_reported),
        TEST(a_double_free_is_reported),
        TEST(an_alignment_of_two_bits_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
