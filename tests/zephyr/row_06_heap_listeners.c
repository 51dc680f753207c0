/* SPDX-License-Identifier: Apache-2.0 */
/* Row 6: a listener hears of each block that a heap hands out and takes back.
 *
 * With the block's address and its usable bytes, also for aligned blocks; not of what fails, and
 * not of other heaps. A resize in place is told as an allocation of the new and a free of the old
 * size, of the same block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/sys/heap_listener.h>
#include <zephyr/sys/sys_heap.h>

#define HEAP_BYTES 2048u
#define ID         HEAP_ID_FROM_POINTER(&heap)
#define MOST       8u

struct event {
    enum heap_event_types type;
    uintptr_t heap_id;
    void *mem;
    size_t bytes;
};

static _Alignas(64) char memory[HEAP_BYTES];
static _Alignas(64) char other_memory[HEAP_BYTES];
static struct sys_heap heap;
static struct sys_heap other;
static struct event events[MOST];
static size_t heard; /* events so far */

static void note(enum heap_event_types type, uintptr_t heap_id, void *mem, size_t bytes)
{
    if (heard < MOST) {
        events[heard] = (struct event){type, heap_id, mem, bytes};
    }
    heard++;
}

static void hear_alloc(uintptr_t heap_id, void *mem, size_t bytes)
{
    note(HEAP_ALLOC, heap_id, mem, bytes);
}

static void hear_free(uintptr_t heap_id, void *mem, size_t bytes)
{
    note(HEAP_FREE, heap_id, mem, bytes);
}

static HEAP_LISTENER_ALLOC_DEFINE(alloc_listener, ID, hear_alloc);
static HEAP_LISTENER_FREE_DEFINE(free_listener, ID, hear_free);

static int listen_to_heap(void **state)
{
    sys_heap_init(&heap, memory, HEAP_BYTES);
    sys_heap_init(&other, other_memory, HEAP_BYTES);
    heap_listener_register(&alloc_listener);
    heap_listener_register(&free_listener);
    heard = 0;
    return 0;
}

static int stop_listening(void **state)
{
    heap_listener_unregister(&free_listener);
    heap_listener_unregister(&alloc_listener);
    return 0;
}

static void expect_event(size_t number, enum heap_event_types type, void *mem, size_t bytes)
{
    assert_true(number < heard);
    assert_int_equal(events[number].type, type);
    assert_int_equal(events[number].heap_id, ID);
    assert_ptr_equal(events[number].mem, mem);
    assert_int_equal(events[number].bytes, bytes);
}

static void each_block_is_told_once(void **state)
{
    void *mem = sys_heap_alloc(&heap, 50);
    size_t usable = sys_heap_usable_size(&heap, mem);

    sys_heap_free(&heap, mem);
    assert_int_equal(heard, 2);
    expect_event(0, HEAP_ALLOC, mem, usable);
    expect_event(1, HEAP_FREE, mem, usable);
}

static void aligned_blocks_are_told_too(void **state)
{
    void *mem = sys_heap_aligned_alloc(&heap, 128, 50);
    size_t usable = sys_heap_usable_size(&heap, mem);

    assert_int_equal((uintptr_t)mem % 128, 0);
    sys_heap_free(&heap, mem);
    assert_int_equal(heard, 2);
    expect_event(0, HEAP_ALLOC, mem, usable);
    expect_event(1, HEAP_FREE, mem, usable);
}

static void a_resize_in_place_is_told_as_two(void **state)
{
    void *mem = sys_heap_alloc(&heap, 50);
    size_t before = sys_heap_usable_size(&heap, mem);

    assert_ptr_equal(sys_heap_realloc(&heap, mem, 200), mem);
    assert_int_equal(heard, 3);
    expect_event(1, HEAP_ALLOC, mem, sys_heap_usable_size(&heap, mem));
    expect_event(2, HEAP_FREE, mem, before);
}

static void a_move_is_told_as_two_blocks(void **state)
{
    void *mem = sys_heap_alloc(&heap, 50);
    size_t before = sys_heap_usable_size(&heap, mem);

    sys_heap_alloc(&heap, 50);
    void *moved = sys_heap_realloc(&heap, mem, 200);
    assert_ptr_not_equal(moved, mem);
    assert_int_equal(heard, 4);
    expect_event(2, HEAP_ALLOC, moved, sys_heap_usable_size(&heap, moved));
    expect_event(3, HEAP_FREE, mem, before);
}

static void nothing_else_is_told(void **state)
{
    sys_heap_free(&other, sys_heap_alloc(&other, 50));
    assert_null(sys_heap_alloc(&heap, 0));
    assert_null(sys_heap_alloc(&heap, HEAP_BYTES));
    assert_null(sys_heap_aligned_alloc(&heap, 64, SIZE_MAX));
    sys_heap_free(&heap, NULL);
    assert_int_equal(heard, 0);
}

static void who_does_not_listen_any_more_hears_nothing(void **state)
{
    heap_listener_unregister(&free_listener);
    sys_heap_free(&heap, sys_heap_alloc(&heap, 50));
    assert_int_equal(heard, 1);
    assert_int_equal(events[0].type, HEAP_ALLOC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_block_is_told_once, listen_to_heap, stop_listening),
        cmocka_unit_test_setup_teardown(aligned_blocks_are_told_too, listen_to_heap,
                                        stop_listening),
        cmocka_unit_test_setup_teardown(a_resize_in_place_is_told_as_two, listen_to_heap,
                                        stop_listening),
        cmocka_unit_test_setup_teardown(a_move_is_told_as_two_blocks, listen_to_heap,
                                        stop_listening),
        cmocka_unit_test_setup_teardown(nothing_else_is_told, listen_to_heap, stop_listening),
        cmocka_unit_test_setup_teardown(who_does_not_listen_any_more_hears_nothing, listen_to_heap,
                                        stop_listening),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
