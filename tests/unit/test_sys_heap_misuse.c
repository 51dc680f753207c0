/* SPDX-License-Identifier: Apache-2.0 */
/* Death tests of sys_heap: each misuse that can be noticed is reported in one line that names its
 * probable cause, and the program aborts. Also tests that a death test can fail. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/death.h"

#define BUFFER_BYTES 512

#define NOT_IN_USE    "block is not in use: double free, or not a block"
#define DAMAGED       "block size is damaged: written past its end, or not a block"
#define OUTSIDE       "address is outside the heap: block of another heap, or not a block"
#define BAD_ALIGNMENT "alignment is not a power of two"
#define TWO_BITS      "alignment has more than one bit"
#define NO_HEAP       "heap is not initialised"

static _Alignas(64) uint8_t buffer[BUFFER_BYTES];
static struct sys_heap heap;
static uint8_t *left;
static uint8_t *block; /* of 24 bytes, between two others */
static uint8_t *right;

static int heap_with_blocks(void **state)
{
    sys_heap_init(&heap, buffer, BUFFER_BYTES);
    left = sys_heap_alloc(&heap, 24);
    block = sys_heap_alloc(&heap, 24);
    right = sys_heap_alloc(&heap, 24);
    return 0;
}

/* ---- crimes ---- */

static void free_it(void *mem)
{
    sys_heap_free(&heap, mem);
}

static void free_it_twice(void *mem)
{
    sys_heap_free(&heap, mem);
    sys_heap_free(&heap, mem);
}

static void grow_it(void *mem)
{
    sys_heap_realloc(&heap, mem, 100);
}

static void shrink_it(void *mem)
{
    sys_heap_realloc(&heap, mem, 1);
}

static void align_it(void *mem)
{
    sys_heap_aligned_realloc(&heap, mem, 64, 24);
}

static void realloc_it_to_nothing(void *mem)
{
    sys_heap_realloc(&heap, mem, 0);
}

static void ask_its_size(void *mem)
{
    sys_heap_usable_size(&heap, mem);
}

/* Everything that one can do with a block. */
static const crime_fn uses[] = {free_it, grow_it, shrink_it, align_it, realloc_it_to_nothing};

static void expect_death_of_all_uses(void *mem, const char *phrase)
{
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        expect_death(uses[i], mem, phrase);
    }
}

/* ---- freed blocks ---- */

static void double_free_is_reported(void **state)
{
    expect_death(free_it_twice, left, NOT_IN_USE);
    expect_death(free_it_twice, block, NOT_IN_USE);
    expect_death(free_it_twice, right, NOT_IN_USE); /* merged into its right neighbour meanwhile */
}

static void any_use_of_a_freed_block_is_reported(void **state)
{
    sys_heap_free(&heap, block);
    expect_death_of_all_uses(block, NOT_IN_USE);
}

static void block_merged_into_its_left_neighbour_is_still_known_as_freed(void **state)
{
    sys_heap_free(&heap, left);
    sys_heap_free(&heap, block);
    expect_death(free_it, block, NOT_IN_USE);
    expect_death(free_it, left, NOT_IN_USE);
}

static void old_address_of_a_moved_block_is_reported(void **state)
{
    assert_ptr_not_equal(sys_heap_realloc(&heap, block, 100), block);
    expect_death_of_all_uses(block, NOT_IN_USE);
}

/* ---- overwritten ends ---- */

static void expect_overflow_is_reported(size_t bytes_past_the_end, int value)
{
    heap_with_blocks(NULL);
    memset(block + sys_heap_usable_size(&heap, block), value, bytes_past_the_end);
    expect_death_of_all_uses(block, DAMAGED);
}

static void write_past_the_end_is_reported(void **state)
{
    for (size_t bytes = 1; bytes <= 4; bytes++) {
        expect_overflow_is_reported(bytes, 0xff);
        expect_overflow_is_reported(bytes, 0);
    }
    expect_overflow_is_reported(100, 0x41);
}

static void write_past_the_last_block_is_reported(void **state)
{
    uint8_t *last = sys_heap_alloc(&heap, 45 * 8); /* all that is left */
    assert_ptr_equal(last + sys_heap_usable_size(&heap, last), buffer + BUFFER_BYTES - 8);
    memset(last + 45 * 8, 0xff, 1);
    expect_death(free_it, last, DAMAGED);
}

/* ---- addresses that are no blocks ---- */

/* The address at that distance from the heap's start, inside or outside. */
static void *address_at(ptrdiff_t offset)
{
    return (void *)((uintptr_t)buffer + (uintptr_t)offset);
}

static void address_outside_the_heap_is_reported(void **state)
{
    static _Alignas(8) uint8_t other[BUFFER_BYTES];
    struct sys_heap other_heap;
    int local = 0;
    sys_heap_init(&other_heap, other, BUFFER_BYTES);
    expect_death_of_all_uses(sys_heap_alloc(&other_heap, 24), OUTSIDE);
    expect_death_of_all_uses(&local, OUTSIDE);
    expect_death_of_all_uses(address_at(BUFFER_BYTES), OUTSIDE);
    expect_death_of_all_uses(address_at(BUFFER_BYTES + 4096), OUTSIDE);
    expect_death_of_all_uses(address_at(-8), OUTSIDE);
    expect_death_of_all_uses((void *)8, OUTSIDE);
    expect_death_of_all_uses((void *)(UINTPTR_MAX - 7), OUTSIDE);
    expect_death(ask_its_size, sys_heap_alloc(&other_heap, 24), OUTSIDE);
}

static void expect_some_death(void *mem)
{
    struct death death = death_of(free_it, mem);
    assert_int_equal(death.signal, SIGABRT);
    assert_non_null(strstr(death.message, "not a block"));
}

/* Addresses in the header chunk and at the end marker; which phrase is right depends on where. */
static void bookkeeping_is_no_block(void **state)
{
    for (ptrdiff_t offset = 0; offset < 48; offset++) {
        expect_some_death(address_at(offset));
    }
    for (ptrdiff_t offset = BUFFER_BYTES - 8; offset < BUFFER_BYTES + 8; offset++) {
        expect_some_death(address_at(offset));
    }
}

/* The middle of a block that holds zeros looks like a chunk that is not in use. */
static void middle_of_a_block_is_no_block(void **state)
{
    memset(block, 0, 24);
    expect_death(free_it, block + 8, NOT_IN_USE);
    expect_death(free_it, block + 16, NOT_IN_USE);
    memset(block, 0xff, 24);
    expect_some_death(block + 8);
    expect_some_death(block + 16);
}

/* ---- alignments ---- */

static void alloc_aligned_to(void *align)
{
    sys_heap_aligned_alloc(&heap, *(const size_t *)align, 8);
}

static void realloc_aligned_to(void *align)
{
    sys_heap_aligned_realloc(&heap, block, *(const size_t *)align, 8);
}

static void realloc_null_aligned_to(void *align)
{
    sys_heap_aligned_realloc(&heap, NULL, *(const size_t *)align, 8);
}

static void bad_alignment_is_reported(void **state)
{
    static const size_t three_bits[] = {7, 11, 0x2c, 100, 0xe0, SIZE_MAX, SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof three_bits / sizeof three_bits[0]; i++) {
        size_t align = three_bits[i];
        expect_death(alloc_aligned_to, &align, BAD_ALIGNMENT);
        expect_death(realloc_aligned_to, &align, TWO_BITS);
        expect_death(realloc_null_aligned_to, &align, TWO_BITS);
    }
}

static void rewind_bit_is_refused_by_realloc(void **state)
{
    static const size_t two_bits[] = {3, 6, 0x28, 0x30, 0x104};
    for (size_t i = 0; i < sizeof two_bits / sizeof two_bits[0]; i++) {
        size_t align = two_bits[i];
        void *rewound = sys_heap_aligned_alloc(&heap, align, 8);
        assert_non_null(rewound);
        sys_heap_free(&heap, rewound);
        expect_death(realloc_aligned_to, &align, TWO_BITS);
        expect_death(realloc_null_aligned_to, &align, TWO_BITS);
    }
}

/* ---- no heap ---- */

static void block_for_a_handle_without_a_heap_is_reported(void **state)
{
    heap.heap = NULL;
    expect_death_of_all_uses(block, NO_HEAP);
    expect_death(ask_its_size, block, NO_HEAP);
}

/* ---- the tools ---- */

static void report_is_one_line(void **state)
{
    struct death death = death_of(free_it_twice, block);
    const char *end = strchr(death.message, '\n');
    assert_non_null(end);
    assert_int_equal(end[1], '\0');
}

static void do_nothing(void *arg)
{
}

static void abort_silently(void *arg)
{
    raise(SIGABRT);
}

static void talk_and_exit(void *arg)
{
    fprintf(stderr, "%s\n", NOT_IN_USE);
}

static void talk_and_die_of_another_signal(void *arg)
{
    fprintf(stderr, "%s\n", NOT_IN_USE);
    raise(SIGKILL);
}

static void expect_a_wrong_death(void **state)
{
    expect_death(free_it_twice, block, DAMAGED);
}

static void run_a_failing_test(void *arg)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(expect_a_wrong_death)};
    _exit(cmocka_run_group_tests(tests, NULL, NULL));
}

static void death_tests_can_fail(void **state)
{
    static const crime_fn lives[] = {do_nothing, abort_silently, talk_and_exit,
                                     talk_and_die_of_another_signal};
    for (size_t i = 0; i < sizeof lives / sizeof lives[0]; i++) {
        struct death death = death_of(lives[i], NULL);
        assert_false(death_matches(&death, NOT_IN_USE));
    }
    struct death death = death_of(run_a_failing_test, NULL);
    assert_int_equal(death.signal, 0);
    assert_int_equal(death.exit_code, 1);
    assert_non_null(strstr(death.message, "expected: SIGABRT and \"" DAMAGED "\""));
    assert_non_null(strstr(death.message, NOT_IN_USE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(double_free_is_reported, heap_with_blocks),
        cmocka_unit_test_setup(any_use_of_a_freed_block_is_reported, heap_with_blocks),
        cmocka_unit_test_setup(block_merged_into_its_left_neighbour_is_still_known_as_freed,
                               heap_with_blocks),
        cmocka_unit_test_setup(old_address_of_a_moved_block_is_reported, heap_with_blocks),
        cmocka_unit_test_setup(write_past_the_end_is_reported, heap_with_blocks),
        cmocka_unit_test_setup(write_past_the_last_block_is_reported, heap_with_blocks),
        cmocka_unit_test_setup(address_outside_the_heap_is_reported, heap_with_blocks),
        cmocka_unit_test_setup(bookkeeping_is_no_block, heap_with_blocks),
        cmocka_unit_test_setup(middle_of_a_block_is_no_block, heap_with_blocks),
        cmocka_unit_test_setup(bad_alignment_is_reported, heap_with_blocks),
        cmocka_unit_test_setup(rewind_bit_is_refused_by_realloc, heap_with_blocks),
        cmocka_unit_test_setup(block_for_a_handle_without_a_heap_is_reported, heap_with_blocks),
        cmocka_unit_test_setup(report_is_one_line, heap_with_blocks),
        cmocka_unit_test_setup(death_tests_can_fail, heap_with_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
