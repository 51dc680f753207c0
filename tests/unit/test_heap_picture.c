/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the test tools that draw heaps: pictures are right, and a wrong expectation fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/death.h"
#include "../support/heap_format.h"
#include "../support/heap_picture.h"

#define SPACE 58u /* units of the fresh heap's free chunk */

static _Alignas(8) uint8_t buffer[1024];
static struct sys_heap heap;

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, buffer, heap_bytes_for(SPACE));
    return 0;
}

static void draws_an_empty_heap(void **state)
{
    expect_heap(&heap, "F58");
}

static void draws_used_free_and_undersized_chunks(void **state)
{
    char text[64];
    void *first = sys_heap_alloc(&heap, heap_block_bytes(4));
    void *second = sys_heap_alloc(&heap, heap_block_bytes(5));
    sys_heap_alloc(&heap, heap_block_bytes(6));
    sys_heap_free(&heap, first);
    sys_heap_realloc(&heap, second, heap_block_bytes(4)); /* leaves one unit */
    heap_picture(&heap, text, sizeof text);
    assert_string_equal(text, HEAP_MIN_UNITS == 1 ? "F4 U4 F1 U6 F43" : "F4 U4 S1 U6 F43");
}

static void draws_a_handle_without_a_heap(void **state)
{
    struct sys_heap nothing = {.heap = NULL};
    expect_heap(&nothing, "none");
}

static void draws_how_far_a_broken_chain_goes(void **state)
{
    sys_heap_alloc(&heap, heap_block_bytes(4));
    sys_heap_alloc(&heap, heap_block_bytes(5));
    size_t second = heap_first_chunk(SPACE) / HEAP_UNIT + 4;
    heap_set_field(buffer, second, HEAP_LEFT_SIZE, 0x5555);
    char text[64];
    heap_picture(&heap, text, sizeof text);
    assert_non_null(strstr(text, "broken"));
}

static void says_when_a_picture_is_cut(void **state)
{
    for (int i = 0; i < 10; i++) {
        sys_heap_alloc(&heap, heap_block_bytes(3));
    }
    char text[16];
    heap_picture(&heap, text, sizeof text);
    assert_string_equal(text, "U3 U3 U3 U3...");
}

static void compares_the_whole_picture(void **state)
{
    sys_heap_alloc(&heap, heap_block_bytes(3));
    assert_true(heap_picture_equals(&heap, "U3 F55"));
    assert_false(heap_picture_equals(&heap, "U3 F54"));
    assert_false(heap_picture_equals(&heap, "F3 F55"));
    assert_false(heap_picture_equals(&heap, "U3"));
    assert_false(heap_picture_equals(&heap, "U3 F55 U3"));
    assert_false(heap_picture_equals(&heap, ""));
}

/* ---- sizes that depend on the format ---- */

static void expect_expansion(const char *expected, const char *plain)
{
    char text[64];
    assert_true(heap_picture_expand(&heap, expected, text, sizeof text));
    assert_string_equal(text, plain);
}

static void expands_sums_and_the_rest(void **state)
{
    expect_expansion("U1 F2", "U1 F2");
    expect_expansion("U1+2 F9-2+1", "U3 F8");
    expect_expansion("U10 F* S8", "U10 F40 S8");
    expect_expansion("F*", "F58");
    expect_expansion("U58 F*", "U58");
    expect_expansion("U0 S0 U58", "U58");
    expect_expansion("", "");
}

static void expands_blocks_to_their_chunks(void **state)
{
    char plain[64];
    unsigned int trailer = HEAP_TRAILER / 8;
    unsigned int block = HEAP_HEADER == 8 ? 6 : 5; /* 36 + 8, 36 + 4 */
    snprintf(plain, sizeof plain, "U%u F%u", block + trailer, block + 2 * trailer + 3);
    expect_expansion("U[36] F[36]+t+3", plain);
    snprintf(plain, sizeof plain, "U%u S1", HEAP_MIN_UNITS);
    expect_expansion("Um S1", plain);
    snprintf(plain, sizeof plain, "%c1 F3 F9", HEAP_MIN_UNITS == 1 ? 'F' : 'S');
    expect_expansion("L1 L3 L9", plain);
}

static void refuses_malformed_expectations(void **state)
{
    static const char *const malformed[] = {"X3",  "U",   "3",  "U3F4", "U3  F4", "U3-",  "U+3",
                                            "U[3", "U[]", "Ux", "U3-4", "U3,F4",  "U*3 ", "F59 U*"};
    char text[64];
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        if (heap_picture_expand(&heap, malformed[i], text, sizeof text)) {
            fail_msg("\"%s\" is taken for \"%s\"", malformed[i], text);
        }
        assert_false(heap_picture_equals(&heap, malformed[i]));
    }
}

static void expect_a_wrong_picture(void **state)
{
    expect_heap(&heap, "U58");
}

/* A cmocka run of its own, in a child: its exit code is the number of failed tests. */
static void run_a_failing_test(void *arg)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(expect_a_wrong_picture)};
    _exit(cmocka_run_group_tests(tests, NULL, NULL));
}

static void a_wrong_expectation_fails_and_shows_both_pictures(void **state)
{
    struct death death = death_of(run_a_failing_test, NULL);
    assert_int_equal(death.signal, 0);
    assert_int_equal(death.exit_code, 1);
    assert_non_null(strstr(death.message, "expected heap: U58"));
    assert_non_null(strstr(death.message, "actual heap:   F58"));
    assert_non_null(strstr(death.message, "test_heap_picture.c"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(draws_an_empty_heap, fresh_heap),
        cmocka_unit_test_setup(draws_used_free_and_undersized_chunks, fresh_heap),
        cmocka_unit_test_setup(draws_a_handle_without_a_heap, fresh_heap),
        cmocka_unit_test_setup(draws_how_far_a_broken_chain_goes, fresh_heap),
        cmocka_unit_test_setup(says_when_a_picture_is_cut, fresh_heap),
        cmocka_unit_test_setup(compares_the_whole_picture, fresh_heap),
        cmocka_unit_test_setup(expands_sums_and_the_rest, fresh_heap),
        cmocka_unit_test_setup(expands_blocks_to_their_chunks, fresh_heap),
        cmocka_unit_test_setup(refuses_malformed_expectations, fresh_heap),
        cmocka_unit_test_setup(a_wrong_expectation_fails_and_shows_both_pictures, fresh_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
