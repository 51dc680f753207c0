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
#include "../support/heap_picture.h"

#define BUFFER_BYTES 512u

static _Alignas(8) uint8_t buffer[BUFFER_BYTES];
static struct sys_heap heap;

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, buffer, BUFFER_BYTES);
    return 0;
}

static void draws_an_empty_heap(void **state)
{
    expect_heap(&heap, "F58");
}

static void draws_used_free_and_undersized_chunks(void **state)
{
    void *first = sys_heap_alloc(&heap, 16);
    void *second = sys_heap_alloc(&heap, 24);
    sys_heap_alloc(&heap, 8);
    sys_heap_free(&heap, first);
    sys_heap_realloc(&heap, second, 16); /* leaves one unit: too small for a list */
    expect_heap(&heap, "F3 U3 S1 U2 F49");
}

static void draws_a_handle_without_a_heap(void **state)
{
    struct sys_heap nothing = {.heap = NULL};
    expect_heap(&nothing, "none");
}

static void draws_how_far_a_broken_chain_goes(void **state)
{
    uint8_t *block = sys_heap_alloc(&heap, 16);
    sys_heap_alloc(&heap, 16);
    memset(block + 16, 0x55, 4); /* where the second chunk keeps the size of the first */
    char text[64];
    heap_picture(&heap, text, sizeof text);
    assert_non_null(strstr(text, "broken"));
}

static void says_when_a_picture_is_cut(void **state)
{
    for (int i = 0; i < 10; i++) {
        sys_heap_alloc(&heap, 8);
    }
    char text[16];
    heap_picture(&heap, text, sizeof text);
    assert_string_equal(text, "U2 U2 U2 U2...");
}

static void compares_the_whole_picture(void **state)
{
    sys_heap_alloc(&heap, 8);
    assert_true(heap_picture_equals(&heap, "U2 F56"));
    assert_false(heap_picture_equals(&heap, "U2 F55"));
    assert_false(heap_picture_equals(&heap, "F2 F56"));
    assert_false(heap_picture_equals(&heap, "U2"));
    assert_false(heap_picture_equals(&heap, "U2 F56 U2"));
    assert_false(heap_picture_equals(&heap, ""));
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
        cmocka_unit_test_setup(a_wrong_expectation_fails_and_shows_both_pictures, fresh_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
