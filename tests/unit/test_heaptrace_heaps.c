/* SPDX-License-Identifier: Apache-2.0 */
/* heaptrace: boundaries of heaps, and how their sizes changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <quarry/heap.h>
#include <zephyr/sys/heap_listener.h>
#include <zephyr/sys/heaptrace.h>
#include <zephyr/sys/sys_heap.h>
#include "core/heap.h"

#define BYTES      8192u
#define MOST_BYTES 16384u
#define ID         HEAP_ID_FROM_POINTER(&heap)

static _Alignas(64) uint8_t buffer[MOST_BYTES];
static struct sys_heap heap;
static char blocks[CONFIG_HEAPTRACE_MAX_RESIZE_RECORDS + 4]; /* ends of a heap */

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, buffer, BYTES);
    heaptrace_clear_filter();
    heaptrace_reset();
    return 0;
}

static int init_once(void **state)
{
    return heaptrace_init();
}

struct resizes {
    struct heaptrace_resize_record last;
    size_t visited;
};

static bool add_resize(const struct heaptrace_resize_record *record, void *user_data)
{
    struct resizes *resizes = user_data;

    resizes->last = *record;
    resizes->visited++;
    return true;
}

static void the_latest_changes_of_size_are_kept(void **state)
{
    struct resizes resizes = {.visited = 0};
    size_t room = CONFIG_HEAPTRACE_MAX_RESIZE_RECORDS;

    heaptrace_foreach_resize(add_resize, &resizes);
    assert_int_equal(resizes.visited, 0);
    for (size_t i = 0; i < room + 3; i++) {
        heaptrace_resize(HEAP_ID_LIBC, &blocks[i], &blocks[i + 1]);
    }
    heaptrace_foreach_resize(add_resize, &resizes);
    assert_int_equal(resizes.visited, room);
    assert_ptr_equal(resizes.last.new_end, &blocks[room + 3]);
}

static bool find_heap(const struct heaptrace_heap *found, void *user_data)
{
    struct heaptrace_heap *wanted = user_data;

    if (found->heap_id == wanted->heap_id) {
        *wanted = *found;
    }
    return true;
}

static void growable_heaps_tell_their_boundaries(void **state)
{
    struct resizes resizes = {.visited = 0};
    struct heaptrace_heap boundaries = {.heap_id = ID};

    heap_init_growable(&heap, buffer, BYTES, MOST_BYTES, QUARRY_HEAP_ZEPHYR_BUCKETS);
    heaptrace_foreach_heap(find_heap, &boundaries);
    assert_ptr_equal(boundaries.start, buffer);
    assert_ptr_equal(boundaries.end, buffer + BYTES);
    heap_extend(&heap, 1024);
    heap_shrink(&heap, 512);
    heaptrace_foreach_heap(find_heap, &boundaries);
    assert_ptr_equal(boundaries.start, buffer);
    /* a small end marker leaves 4 bytes of the last unit alone */
    const uint8_t *end = buffer + BYTES - (Z_HEAP_IS_BIG_(BYTES / 8) ? 0 : 4);
    assert_ptr_equal(boundaries.end, end + 512);
    heaptrace_foreach_resize(add_resize, &resizes);
    assert_int_equal(resizes.visited, 2);
    assert_ptr_equal(resizes.last.old_end, end + 1024);
    assert_ptr_equal(resizes.last.new_end, end + 512);
    quarry_heap_end(&heap);
    boundaries = (struct heaptrace_heap){.heap_id = ID};
    heaptrace_foreach_heap(find_heap, &boundaries);
    assert_null(boundaries.end);
}

static void heaps_have_names(void **state)
{
    assert_string_equal(heaptrace_heap_id_to_name(HEAP_ID_LIBC), "libc");
    assert_string_equal(heaptrace_heap_id_to_name(ID), "sys_heap");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_latest_changes_of_size_are_kept, fresh_heap),
        cmocka_unit_test_setup(growable_heaps_tell_their_boundaries, fresh_heap),
        cmocka_unit_test_setup(heaps_have_names, fresh_heap),
    };

    return cmocka_run_group_tests(tests, init_once, NULL);
}
