/* SPDX-License-Identifier: Apache-2.0 */
/* A program that puts its own function in front of the report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/fault.h>
#include <zephyr/sys/sys_heap.h>
#include "core/check.h"
#include "../support/death.h"

#define BLOCK_BYTES 40

static _Alignas(16) uint8_t buffer[1024];
static struct sys_heap heap;
static void *first_block;
static void *second_block;

static struct quarry_fault seen;
static jmp_buf way_out;

static void remember_and_leave(const struct quarry_fault *fault)
{
    seen = *fault;
    longjmp(way_out, 1);
}

static void return_from(const struct quarry_fault *fault)
{
    (void)fault;
}

static int fresh_heap(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    sys_heap_init(&heap, buffer, sizeof(buffer));
    first_block = sys_heap_alloc(&heap, BLOCK_BYTES);
    second_block = sys_heap_alloc(&heap, BLOCK_BYTES);
    return second_block == NULL;
}

static int no_handler(void **state)
{
    (void)state;
    quarry_set_fault_handler(NULL);
    return 0;
}

static void handlers_replace_each_other(void **state)
{
    (void)state;
    assert_null(quarry_set_fault_handler(remember_and_leave));
    assert_ptr_equal(quarry_set_fault_handler(return_from), remember_and_leave);
    assert_ptr_equal(quarry_set_fault_handler(NULL), return_from);
}

static void handler_is_told_what_and_where(void **state)
{
    (void)state;
    skip_below_hardening(1);
    size_t chunk_bytes = (size_t)((char *)second_block - (char *)first_block);

    sys_heap_free(&heap, first_block);
    quarry_set_fault_handler(remember_and_leave);
    if (setjmp(way_out) == 0) {
        sys_heap_free(&heap, first_block);
        fail();
    }
    assert_string_equal(seen.what, "block is not in use: double free, or not a block");
    assert_ptr_equal(seen.heap, heap.heap);
    assert_ptr_equal(seen.address, first_block);
    assert_int_equal(seen.size_bytes, chunk_bytes);
    assert_int_equal(seen.neighbour_size, 0); /* it agrees */
}

static void a_refused_call_leaves_the_heap_as_it_was(void **state)
{
    (void)state;
    skip_below_hardening(1);
    quarry_set_fault_handler(remember_and_leave);
    for (volatile int i = 0; i < 3; i++) {
        if (setjmp(way_out) == 0) {
            sys_heap_free(&heap, &heap);
            fail();
        }
        assert_ptr_equal(seen.address, &heap);
    }
    assert_true(sys_heap_validate(&heap));
    sys_heap_free(&heap, first_block);
    sys_heap_free(&heap, second_block);
    assert_true(sys_heap_validate(&heap));
}

static void free_twice(void *block)
{
    sys_heap_free(&heap, block);
    sys_heap_free(&heap, block);
}

static void the_line_comes_if_the_handler_returns(void **state)
{
    (void)state;
    skip_below_hardening(1);
    quarry_set_fault_handler(return_from);
    expect_death(free_twice, first_block, "double free, or not a block, heap 0x");
    expect_death(free_twice, first_block, ", size ");
}

static void faults_without_sizes_have_none(void **state)
{
    (void)state;
    quarry_set_fault_handler(remember_and_leave);
    if (setjmp(way_out) == 0) {
        fault("it broke", buffer, NULL);
    }
    assert_string_equal(seen.what, "it broke");
    assert_ptr_equal(seen.heap, buffer);
    assert_null(seen.address);
    assert_int_equal(seen.size_bytes, 0);
    assert_int_equal(seen.neighbour_size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(handlers_replace_each_other, no_handler),
        cmocka_unit_test_setup_teardown(handler_is_told_what_and_where, fresh_heap, no_handler),
        cmocka_unit_test_setup_teardown(a_refused_call_leaves_the_heap_as_it_was, fresh_heap,
                                        no_handler),
        cmocka_unit_test_setup_teardown(the_line_comes_if_the_handler_returns, fresh_heap,
                                        no_handler),
        cmocka_unit_test_teardown(faults_without_sizes_have_none, no_handler),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
