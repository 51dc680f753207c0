/* SPDX-License-Identifier: Apache-2.0 */
/* heap_listener: which calls tell what to whom, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/heap.h>
#include <zephyr/sys/heap_listener.h>
#include <zephyr/sys/sys_heap.h>
#include "core/heap.h"
#include "../support/heap_events.h"

#define BYTES      4096u
#define MOST_BYTES 8192u

static void expect_event(size_t n, const char *who, const void *mem, size_t bytes)
{
    assert_true(n < event_count);
    assert_string_equal(events[n].who, who);
    assert_ptr_equal(events[n].mem, mem);
    assert_int_equal(events[n].bytes, bytes);
}

static void on_free(uintptr_t heap_id, void *mem, size_t bytes)
{
    heard((struct event){.who = "free", .heap_id = heap_id, .mem = mem, .bytes = bytes});
}

static void on_resize(uintptr_t heap_id, void *old_heap_end, void *new_heap_end)
{
    heard((struct event){
        .who = "resize", .heap_id = heap_id, .mem = old_heap_end, .new_end = new_heap_end});
}

static _Alignas(64) uint8_t buffer[MOST_BYTES];
static _Alignas(64) uint8_t other_buffer[BYTES];
static struct sys_heap heap;
static struct sys_heap other_heap;

static HEAP_LISTENER_ALLOC_DEFINE(alloc_listener, HEAP_ID_FROM_POINTER(&heap), on_alloc);
static HEAP_LISTENER_ALLOC_DEFINE(second_listener, HEAP_ID_FROM_POINTER(&heap), on_alloc_too);
static HEAP_LISTENER_FREE_DEFINE(free_listener, HEAP_ID_FROM_POINTER(&heap), on_free);
static HEAP_LISTENER_RESIZE_DEFINE(resize_listener, HEAP_ID_FROM_POINTER(&heap), on_resize);
static HEAP_LISTENER_ALLOC_DEFINE(libc_listener, HEAP_ID_LIBC, on_alloc);

static int fresh_heaps_and_listeners(void **state)
{
    sys_heap_init(&heap, buffer, BYTES);
    sys_heap_init(&other_heap, other_buffer, BYTES);
    heap_listener_register(&alloc_listener);
    heap_listener_register(&free_listener);
    heap_listener_register(&resize_listener);
    event_count = 0;
    return 0;
}

static int no_listeners(void **state)
{
    heap_listener_unregister(&alloc_listener);
    heap_listener_unregister(&free_listener);
    heap_listener_unregister(&resize_listener);
    return 0;
}

static void tells_of_blocks_with_usable_bytes(void **state)
{
    void *plain = sys_heap_alloc(&heap, 13);
    void *aligned = sys_heap_aligned_alloc(&heap, 128, 50);

    expect_event(0, "alloc", plain, sys_heap_usable_size(&heap, plain));
    expect_event(1, "alloc", aligned, sys_heap_usable_size(&heap, aligned));
    assert_int_equal(events[0].heap_id, HEAP_ID_FROM_POINTER(&heap));
    assert_true(events[0].bytes >= 13);
    sys_heap_free(&heap, plain);
    sys_heap_free(&heap, aligned);
    expect_event(2, "free", plain, events[0].bytes);
    expect_event(3, "free", aligned, events[1].bytes);
    assert_int_equal(event_count, 4);
}

static void what_has_no_effect_is_not_told(void **state)
{
    assert_null(sys_heap_alloc(&heap, 0));
    assert_null(sys_heap_alloc(&heap, 2 * BYTES));
    sys_heap_free(&heap, NULL);
    assert_int_equal(event_count, 0);
    void *block = sys_heap_alloc(&heap, 18);
    event_count = 0;
    assert_ptr_equal(sys_heap_realloc(&heap, block, 19), block); /* the same unit */
    assert_null(sys_heap_realloc(&heap, block, 2 * BYTES));
    assert_int_equal(event_count, 0);
}

static void realloc_in_place_tells_the_new_size_and_then_the_old(void **state)
{
    void *block = sys_heap_alloc(&heap, 40);
    size_t small = sys_heap_usable_size(&heap, block);

    event_count = 0;
    assert_ptr_equal(sys_heap_realloc(&heap, block, 400), block);
    size_t large = sys_heap_usable_size(&heap, block);
    expect_event(0, "alloc", block, large);
    expect_event(1, "free", block, small);
    assert_ptr_equal(sys_heap_realloc(&heap, block, 40), block);
    expect_event(2, "alloc", block, small);
    expect_event(3, "free", block, large);
    assert_int_equal(event_count, 4);
}

static void realloc_that_moves_tells_the_new_block_and_then_the_old(void **state)
{
    void *block = sys_heap_alloc(&heap, 40);
    size_t old_bytes = sys_heap_usable_size(&heap, block);
    void *wall = sys_heap_alloc(&heap, 8);

    event_count = 0;
    void *moved = sys_heap_realloc(&heap, block, 400);
    assert_ptr_not_equal(moved, block);
    expect_event(0, "alloc", moved, sys_heap_usable_size(&heap, moved));
    expect_event(1, "free", block, old_bytes);
    assert_int_equal(event_count, 2);
    sys_heap_free(&heap, wall);
}

static void only_the_heap_that_is_listened_to_tells(void **state)
{
    void *block = sys_heap_alloc(&other_heap, 10);

    sys_heap_free(&other_heap, block);
    assert_int_equal(event_count, 0);
}

static void listeners_hear_in_the_order_of_registration(void **state)
{
    heap_listener_register(&second_listener);
    void *block = sys_heap_alloc(&heap, 10);
    expect_event(0, "alloc", block, events[0].bytes);
    expect_event(1, "alloc too", block, events[0].bytes);
    heap_listener_unregister(&alloc_listener);
    heap_listener_register(&alloc_listener);
    sys_heap_alloc(&heap, 10);
    assert_string_equal(events[2].who, "alloc too");
    assert_string_equal(events[3].who, "alloc");
    heap_listener_unregister(&second_listener);
    sys_heap_alloc(&heap, 10);
    assert_int_equal(event_count, 5);
}

static void registering_twice_has_no_effect(void **state)
{
    heap_listener_register(&alloc_listener);
    heap_listener_register(&resize_listener);
    heap_listener_register(NULL);
    sys_heap_alloc(&heap, 10);
    assert_int_equal(event_count, 1);
    heap_listener_unregister(&alloc_listener);
    sys_heap_alloc(&heap, 10);
    assert_int_equal(event_count, 1);
}

static void unregistering_what_is_not_there_has_no_effect(void **state)
{
    heap_listener_unregister(&second_listener);
    heap_listener_unregister(NULL);
    sys_heap_alloc(&heap, 10);
    assert_int_equal(event_count, 1);
}

static void listeners_without_callback_or_event_are_passed_over(void **state)
{
    HEAP_LISTENER_ALLOC_DEFINE(mute, HEAP_ID_FROM_POINTER(&heap), NULL);
    HEAP_LISTENER_ALLOC_DEFINE(deaf, HEAP_ID_FROM_POINTER(&heap), on_alloc);
    HEAP_LISTENER_ALLOC_DEFINE(strange, HEAP_ID_FROM_POINTER(&heap), on_alloc);

    deaf.event = HEAP_REALLOC;
    strange.event = HEAP_MAX_EVENTS;
    heap_listener_register(&mute);
    heap_listener_register(&deaf);
    heap_listener_register(&strange);
    sys_heap_realloc(&heap, sys_heap_alloc(&heap, 10), 100);
    assert_int_equal(event_count, 3);
    heap_listener_unregister(&mute);
    heap_listener_unregister(&deaf);
    heap_listener_unregister(&strange);
}

static void other_allocators_may_tell(void **state)
{
    int block;

    heap_listener_register(&libc_listener);
    heap_listener_notify_alloc(HEAP_ID_LIBC, &block, 5);
    heap_listener_notify_free(HEAP_ID_LIBC, &block, 5); /* nobody listens to it */
    heap_listener_unregister(&libc_listener);
    heap_listener_notify_alloc(HEAP_ID_LIBC, &block, 6);
    assert_int_equal(event_count, 1);
    expect_event(0, "alloc", &block, 5);
    heap_listener_notify_resize(HEAP_ID_FROM_POINTER(&heap), &block, &block + 1);
    assert_string_equal(events[1].who, "resize");
    assert_ptr_equal(events[1].mem, &block);
    assert_ptr_equal(events[1].new_end, &block + 1);
}

static void growable_heaps_tell_their_ends(void **state)
{
    heap_init_growable(&heap, buffer, BYTES, MOST_BYTES, QUARRY_HEAP_ZEPHYR_BUCKETS);
    event_count = 0;
    heap_extend(&heap, 1024);
    heap_shrink(&heap, 512);
    assert_int_equal(event_count, 2);
    assert_string_equal(events[0].who, "resize");
    assert_in_range(events[0].mem, (uintptr_t)(buffer + BYTES - 4), (uintptr_t)(buffer + BYTES));
    assert_ptr_equal(events[0].new_end, (char *)events[0].mem + 1024);
    assert_ptr_equal(events[1].new_end, (char *)events[0].mem + 512);
}

static void the_end_of_a_heap_is_told(void **state)
{
    void *start = heap.heap;

    sys_heap_alloc(&heap, 10);
    event_count = 0;
    quarry_heap_end(&heap);
    assert_int_equal(event_count, 1);
    assert_string_equal(events[0].who, "resize");
    assert_null(events[0].mem);
    assert_ptr_equal(events[0].new_end, start);
}

static uint8_t seen_in_callback;

static void look_at_block(uintptr_t heap_id, void *mem, size_t bytes)
{
    seen_in_callback = *(uint8_t *)mem;
}

static void a_block_can_be_looked_at_before_it_is_freed(void **state)
{
    HEAP_LISTENER_FREE_DEFINE(looker, HEAP_ID_FROM_POINTER(&heap), look_at_block);
    uint8_t *block = sys_heap_alloc(&heap, 10);

    heap_listener_register(&looker);
    memset(block, 0x5a, 10);
    sys_heap_free(&heap, block);
    heap_listener_unregister(&looker);
    assert_int_equal(seen_in_callback, 0x5a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_of_blocks_with_usable_bytes),
        cmocka_unit_test(what_has_no_effect_is_not_told),
        cmocka_unit_test(realloc_in_place_tells_the_new_size_and_then_the_old),
        cmocka_unit_test(realloc_that_moves_tells_the_new_block_and_then_the_old),
        cmocka_unit_test(only_the_heap_that_is_listened_to_tells),
        cmocka_unit_test(listeners_hear_in_the_order_of_registration),
        cmocka_unit_test(registering_twice_has_no_effect),
        cmocka_unit_test(unregistering_what_is_not_there_has_no_effect),
        cmocka_unit_test(listeners_without_callback_or_event_are_passed_over),
        cmocka_unit_test(other_allocators_may_tell),
        cmocka_unit_test(growable_heaps_tell_their_ends),
        cmocka_unit_test(the_end_of_a_heap_is_told),
        cmocka_unit_test(a_block_can_be_looked_at_before_it_is_freed),
    };
    struct CMUnitTest with_fixture[sizeof(tests) / sizeof(tests[0])];

    memcpy(with_fixture, tests, sizeof(tests));
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        with_fixture[i].setup_func = fresh_heaps_and_listeners;
        with_fixture[i].teardown_func = no_listeners;
    }
    return cmocka_run_group_tests(with_fixture, NULL, NULL);
}
