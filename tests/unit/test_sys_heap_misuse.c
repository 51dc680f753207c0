/* SPDX-License-Identifier: Apache-2.0 */
/* Death tests of sys_heap: each misuse that can be noticed is reported in one line that names its
 * probable cause, and the program aborts. What hardening levels above basic add is tested in
 * test_sys_heap_hardening.c and test_sys_heap_canary.c. Also tests that a death test can fail. */
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
#include "../support/heap_format.h"

#define SPACE       58u /* units of the fresh heap's free chunk */
#define BLOCK_BYTES 24u

#define NOT_IN_USE    "block is not in use: double free, or not a block"
#define CANARY        "canary is damaged: written past the end of the block"
#define DAMAGED       "block size is damaged: written past its end, or not a block"
#define OUTSIDE       "address is outside the heap: block of another heap, or not a block"
#define BAD_ALIGNMENT "alignment is not a power of two"
#define TWO_BITS      "alignment has more than one bit"
#define NO_HEAP       "heap is not initialised"

static _Alignas(64) uint8_t buffer[1024];
static struct sys_heap heap;
static uint8_t *left;
static uint8_t *block; /* of BLOCK_BYTES, between two others */
static uint8_t *right;

static int heap_with_blocks(void **state)
{
    sys_heap_init(&heap, buffer, heap_bytes_for(SPACE));
    left = sys_heap_alloc(&heap, BLOCK_BYTES);
    block = sys_heap_alloc(&heap, BLOCK_BYTES);
    right = sys_heap_alloc(&heap, BLOCK_BYTES);
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
    skip_below_hardening(1);
    expect_death(free_it_twice, left, NOT_IN_USE);
    expect_death(free_it_twice, block, NOT_IN_USE);
    expect_death(free_it_twice, right, NOT_IN_USE); /* merged into its right neighbour meanwhile */
}

static void any_use_of_a_freed_block_is_reported(void **state)
{
    skip_below_hardening(1);
    sys_heap_free(&heap, block);
    expect_death_of_all_uses(block, NOT_IN_USE);
}

static void block_merged_into_its_left_neighbour_is_still_known_as_freed(void **state)
{
    skip_below_hardening(1);
    sys_heap_free(&heap, left);
    sys_heap_free(&heap, block);
    expect_death(free_it, block, NOT_IN_USE);
    expect_death(free_it, left, NOT_IN_USE);
}

/* Frees three neighbours in that order, then the last of them once more. */
static void free_in_order(void *order)
{
    uint8_t *blocks[] = {left, block, right};
    const char *digits = order;
    for (size_t i = 0; digits[i] != '\0'; i++) {
        sys_heap_free(&heap, blocks[digits[i] - '0']);
    }
}

/* Wherever a freed block's chunk went, and whatever else was merged there. */
static void double_free_is_reported_in_any_order(void **state)
{
    static char orders[][8] = {
        "00",   "11",   "22",   "010",  "011",  "020",  "022",  "100",  "101",  "121",  "122",
        "200",  "211",  "212",  "0120", "0121", "0122", "0210", "0211", "0212", "1020", "1021",
        "1022", "1200", "1201", "1202", "2010", "2011", "2012", "2100", "2101", "2102",
    };
    skip_below_hardening(1);
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        heap_with_blocks(NULL);
        sys_heap_alloc(&heap, BLOCK_BYTES);
        expect_death(free_in_order, orders[i], NOT_IN_USE);
    }
}

static void old_address_of_a_moved_block_is_reported(void **state)
{
    skip_below_hardening(1);
    assert_ptr_not_equal(sys_heap_realloc(&heap, block, 100), block);
    expect_death_of_all_uses(block, NOT_IN_USE);
}

/* ---- overwritten ends ---- */

static void expect_overflow_is_reported(size_t bytes_past_the_end, int value, const char *phrase)
{
    heap_with_blocks(NULL);
    uint8_t *end = block + sys_heap_usable_size(&heap, block);
    if (*end == value) {
        value ^= 1; /* a random canary may hold the very byte */
    }
    memset(end, value, bytes_past_the_end);
    expect_death_of_all_uses(block, phrase);
}

/* A canary takes the first 8 bytes; behind it, or without it, is the size of the block. */
static void write_past_the_end_is_reported(void **state)
{
    skip_below_hardening(1);
    const char *phrase = HEAP_TRAILER == 0 ? DAMAGED : CANARY;
    for (size_t bytes = 1; bytes <= HEAP_HEADER / 2; bytes++) {
        expect_overflow_is_reported(bytes, 0xff, phrase);
        expect_overflow_is_reported(bytes, 0, phrase);
    }
    expect_overflow_is_reported(60, 0x41, DAMAGED);
}

static void write_past_the_last_block_is_reported(void **state)
{
    skip_below_hardening(1);
    size_t rest = SPACE - 3 * heap_units_for(BLOCK_BYTES);
    size_t bytes = heap_block_bytes(rest);
    uint8_t *last = sys_heap_alloc(&heap, bytes);
    uint8_t *end = last + sys_heap_usable_size(&heap, last) + HEAP_TRAILER;
    assert_ptr_equal(end, buffer + heap_bytes_for(SPACE) - HEAP_FOOTER);
    memset(end, 0xff, 1);
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
    skip_below_hardening(1);
    static _Alignas(8) uint8_t other[1024];
    ptrdiff_t end = (ptrdiff_t)heap_bytes_for(SPACE);
    struct sys_heap other_heap;
    int local = 0;
    sys_heap_init(&other_heap, other, sizeof other);
    expect_death_of_all_uses(sys_heap_alloc(&other_heap, 24), OUTSIDE);
    expect_death_of_all_uses(&local, OUTSIDE);
    expect_death_of_all_uses(address_at(end), OUTSIDE);
    expect_death_of_all_uses(address_at(end + 4096), OUTSIDE);
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
    skip_below_hardening(1);
    ptrdiff_t first_block = left - buffer;
    ptrdiff_t end = (ptrdiff_t)heap_bytes_for(SPACE);
    for (ptrdiff_t offset = 0; offset < first_block; offset++) {
        expect_some_death(address_at(offset));
    }
    for (ptrdiff_t offset = end - (ptrdiff_t)HEAP_FOOTER; offset < end + 8; offset++) {
        expect_some_death(address_at(offset));
    }
}

/* The middle of a block that holds zeros looks like a chunk that is not in use. */
static void middle_of_a_block_is_no_block(void **state)
{
    skip_below_hardening(1);
    memset(block, 0, BLOCK_BYTES);
    expect_death(free_it, block + 8, NOT_IN_USE);
    expect_death(free_it, block + 16, NOT_IN_USE);
    memset(block, 0xff, BLOCK_BYTES);
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
    skip_below_hardening(1);
    heap.heap = NULL;
    expect_death_of_all_uses(block, NO_HEAP);
    expect_death(ask_its_size, block, NO_HEAP);
}

/* ---- the tools ---- */

static void report_is_one_line(void **state)
{
    skip_below_hardening(1);
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
    fprintf(stderr, "%s\n", BAD_ALIGNMENT);
}

static void talk_and_die_of_another_signal(void *arg)
{
    fprintf(stderr, "%s\n", BAD_ALIGNMENT);
    raise(SIGKILL);
}

static void expect_a_wrong_death(void **state)
{
    size_t align = 7;
    expect_death(alloc_aligned_to, &align, DAMAGED);
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
        assert_false(death_matches(&death, BAD_ALIGNMENT));
    }
    struct death death = death_of(run_a_failing_test, NULL);
    assert_int_equal(death.signal, 0);
    assert_int_equal(death.exit_code, 1);
    assert_non_null(strstr(death.message, "expected: SIGABRT and \"" DAMAGED "\""));
    assert_non_null(strstr(death.message, BAD_ALIGNMENT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(double_free_is_reported, heap_with_blocks),
        cmocka_unit_test_setup(any_use_of_a_freed_block_is_reported, heap_with_blocks),
        cmocka_unit_test_setup(block_merged_into_its_left_neighbour_is_still_known_as_freed,
                               heap_with_blocks),
        cmocka_unit_test_setup(double_free_is_reported_in_any_order, heap_with_blocks),
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
