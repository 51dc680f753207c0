/* SPDX-License-Identifier: Apache-2.0 */
/* Row 31, first part: listeners for heaps that grow and shrink.
 *
 * Whoever moves the end of a memory that others allocate from, as a C library does, tells it by
 * heap_listener_notify_resize, and those who listen to that heap hear the old end and the new one.
 * The second part is row_31_libc_malloc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/sys/heap_listener.h>

static char memory[4096];
static char *break_address = memory; /* how far the memory is given out */
static size_t heard;
static void *old_end;
static void *new_end;

static void hear(uintptr_t heap_id, void *old_heap_end, void *new_heap_end)
{
    assert_int_equal(heap_id, HEAP_ID_LIBC);
    heard++;
    old_end = old_heap_end;
    new_end = new_heap_end;
}

static HEAP_LISTENER_RESIZE_DEFINE(listener, HEAP_ID_LIBC, hear);
static HEAP_LISTENER_RESIZE_DEFINE(other_listener, HEAP_ID_FROM_POINTER(memory), hear);

/* What a C library for small machines gets its memory by. */
static void move_break(ptrdiff_t bytes)
{
    char *before = break_address;

    break_address += bytes;
    heap_listener_notify_resize(HEAP_ID_LIBC, before, break_address);
}

static void both_ends_are_told(void **state)
{
    heap_listener_register(&listener);
    move_break(1000);
    assert_int_equal(heard, 1);
    assert_ptr_equal(old_end, memory);
    assert_ptr_equal(new_end, memory + 1000);
    move_break(-200);
    assert_int_equal(heard, 2);
    assert_ptr_equal(old_end, memory + 1000);
    assert_ptr_equal(new_end, memory + 800);
    heap_listener_unregister(&listener);
    move_break(200);
    assert_int_equal(heard, 2);
}

static void other_heaps_and_events_are_not_heard(void **state)
{
    heard = 0;
    heap_listener_register(&other_listener);
    move_break(8);
    heap_listener_unregister(&other_listener);
    heap_listener_register(&listener);
    heap_listener_notify_alloc(HEAP_ID_LIBC, memory, 8);
    heap_listener_notify_free(HEAP_ID_LIBC, memory, 8);
    heap_listener_unregister(&listener);
    assert_int_equal(heard, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_are_told),
        cmocka_unit_test(other_heaps_and_events_are_not_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
