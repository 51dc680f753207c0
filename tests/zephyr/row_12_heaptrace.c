/* SPDX-License-Identifier: Apache-2.0 */
/* Row 12: heaptrace knows every block that is outstanding, and who has it.
 *
 * Filters keep allocations out and never frees; a resize in place renews the record instead of
 * adding one; when there is no room for more records, further blocks are left out and nothing else
 * happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/heap_listener.h>
#include <zephyr/sys/heaptrace.h>
#include <zephyr/sys/sys_heap.h>

#define HEAP_BYTES 8192u
#define RECORDS    CONFIG_HEAPTRACE_MAX_RECORDS

static _Alignas(8) char memory[HEAP_BYTES];
static struct sys_heap heap;
static char addresses[RECORDS + 2]; /* of blocks that are told of by hand */

static int start_tracing(void **state)
{
    return heaptrace_init();
}

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, memory, HEAP_BYTES);
    heaptrace_clear_filter();
    heaptrace_reset();
    return heap.heap == NULL;
}

/* --- Looking for a record --- */

struct search {
    const void *ptr;
    struct heaptrace_record found;
};

static bool compare(const struct heaptrace_record *record, void *user_data)
{
    struct search *search = user_data;

    if (record->ptr != search->ptr) {
        return true;
    }
    search->found = *record;
    return false;
}

static struct heaptrace_record record_of(const void *mem)
{
    struct search search = {.ptr = mem};

    heaptrace_foreach_record(compare, &search);
    return search.found;
}

static bool is_recorded(const void *mem)
{
    return record_of(mem).ptr == mem;
}

/* --- Another thread --- */

static void allocate(void *p1, void *p2, void *p3)
{
    *(void **)p1 = sys_heap_alloc(&heap, 10);
}

static void *allocated_by(const char *name)
{
    static struct k_thread thread;
    void *mem = NULL;

    assert_non_null(k_thread_create(&thread, NULL, 4096, allocate, &mem, NULL, NULL,
                                    K_PRIO_PREEMPT(1), 0, K_FOREVER));
    k_thread_name_set(&thread, name);
    k_thread_start(&thread);
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
    return mem;
}

/* --- Behaviour --- */

static void blocks_are_recorded_until_they_are_freed(void **state)
{
    void *first = sys_heap_alloc(&heap, 100);
    void *second = sys_heap_aligned_alloc(&heap, 64, 20);
    size_t bytes = sys_heap_usable_size(&heap, first) + sys_heap_usable_size(&heap, second);

    assert_int_equal(heaptrace_outstanding_blocks(), 2);
    assert_int_equal(heaptrace_outstanding_bytes(), bytes);
    sys_heap_free(&heap, first);
    assert_false(is_recorded(first));
    assert_true(is_recorded(second));
    sys_heap_free(&heap, second);
    assert_int_equal(heaptrace_outstanding_bytes(), 0);
}

static void a_record_tells_who_and_when(void **state)
{
    int64_t before_ms = k_uptime_get();
    void *mem = allocated_by("leaky");
    struct heaptrace_record record = record_of(mem);

    assert_int_equal(record.size, sys_heap_usable_size(&heap, mem));
    assert_int_equal(record.heap_id, HEAP_ID_FROM_POINTER(&heap));
    assert_string_equal(record.thread_name, "leaky");
    assert_true(record.tid != k_current_get());
    assert_in_range(record.time_ms, before_ms, k_uptime_get());
    assert_ptr_equal(heaptrace_find_tid_by_name("leaky"), record.tid);
    assert_string_equal(heaptrace_heap_id_to_name(record.heap_id), "sys_heap");
    assert_string_equal(heaptrace_heap_id_to_name(HEAP_ID_LIBC), "libc");
}

static void a_resize_in_place_is_one_block(void **state)
{
    void *mem = sys_heap_alloc(&heap, 40);

    assert_ptr_equal(sys_heap_realloc(&heap, mem, 400), mem);
    assert_int_equal(heaptrace_outstanding_blocks(), 1);
    assert_int_equal(heaptrace_outstanding_bytes(), sys_heap_usable_size(&heap, mem));
    heaptrace_alloc(addresses, 10, HEAP_ID_LIBC); /* and the same told by hand */
    heaptrace_alloc(addresses, 30, HEAP_ID_LIBC);
    heaptrace_free(addresses, 10, HEAP_ID_LIBC);
    assert_int_equal(record_of(addresses).size, 30);
    heaptrace_free(addresses, 30, HEAP_ID_LIBC);
    assert_int_equal(heaptrace_outstanding_blocks(), 1);
}

static void a_move_is_another_block(void **state)
{
    void *mem = sys_heap_alloc(&heap, 40);

    sys_heap_alloc(&heap, 8);
    void *moved = sys_heap_realloc(&heap, mem, 400);
    assert_ptr_not_equal(moved, mem);
    assert_false(is_recorded(mem));
    assert_true(is_recorded(moved));
    assert_int_equal(heaptrace_outstanding_blocks(), 2);
}

static void filters_say_what_they_are_for(void **state)
{
    char text[32];

    assert_string_equal(heaptrace_filter_str(text, sizeof(text)), "none");
    heaptrace_set_filter_name("radio");
    assert_string_equal(heaptrace_filter_str(text, sizeof(text)), "name radio");
    assert_string_equal(heaptrace_get_filter_name(text, sizeof(text)), "radio");
    heaptrace_set_filter_cpu(2);
    assert_string_equal(heaptrace_filter_str(text, sizeof(text)), "cpu 2");
    assert_int_equal(heaptrace_get_filter_cpu(), 2);
    heaptrace_set_filter_tid(k_current_get());
    assert_ptr_equal(heaptrace_get_filter_tid(), k_current_get());
    heaptrace_clear_filter();
    assert_null(heaptrace_get_filter_tid());
}

static void a_filter_keeps_allocations_out_and_no_frees(void **state)
{
    void *before = sys_heap_alloc(&heap, 10);

    heaptrace_set_filter_name("adi");
    assert_false(is_recorded(sys_heap_alloc(&heap, 10)));
    assert_true(is_recorded(allocated_by("radio")));
    assert_true(is_recorded(before));
    sys_heap_free(&heap, before);
    assert_false(is_recorded(before));
    heaptrace_set_filter_tid(k_current_get());
    assert_false(is_recorded(allocated_by("radio")));
    assert_true(is_recorded(sys_heap_alloc(&heap, 10)));
    heaptrace_reset();
    assert_ptr_equal(heaptrace_get_filter_tid(), k_current_get()); /* it outlives the records */
}

static void what_exceeds_the_table_is_left_out(void **state)
{
    for (size_t i = 0; i < RECORDS + 2; i++) {
        heaptrace_alloc(&addresses[i], 1, HEAP_ID_LIBC);
    }
    assert_int_equal(heaptrace_outstanding_blocks(), RECORDS);
    heaptrace_free(&addresses[RECORDS + 1], 1, HEAP_ID_LIBC);
    assert_int_equal(heaptrace_outstanding_blocks(), RECORDS);
    heaptrace_free(&addresses[0], 1, HEAP_ID_LIBC);
    heaptrace_alloc(&addresses[RECORDS + 1], 1, HEAP_ID_LIBC);
    assert_true(is_recorded(&addresses[RECORDS + 1]));
}

static bool note_resize(const struct heaptrace_resize_record *record, void *user_data)
{
    *(struct heaptrace_resize_record *)user_data = *record;
    return true;
}

static void changes_of_size_are_recorded(void **state)
{
    struct heaptrace_resize_record last = {0};

    heaptrace_resize(HEAP_ID_LIBC, addresses, addresses + 1);
    heaptrace_foreach_resize(note_resize, &last);
    assert_int_equal(last.heap_id, HEAP_ID_LIBC);
    assert_ptr_equal(last.old_end, addresses);
    assert_ptr_equal(last.new_end, addresses + 1);
}

static bool note_heap(const struct heaptrace_heap *of, void *user_data)
{
    if (of->heap_id == HEAP_ID_FROM_POINTER(&heap)) {
        *(struct heaptrace_heap *)user_data = *of;
    }
    return true;
}

static void boundaries_of_heaps_are_known(void **state)
{
    struct heaptrace_heap ours = {0};
    char *mem = sys_heap_alloc(&heap, 10);

    heaptrace_foreach_heap(note_heap, &ours);
    assert_true((char *)ours.start >= memory && (char *)ours.start < mem);
    assert_true((char *)ours.end > mem && (char *)ours.end <= memory + HEAP_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(blocks_are_recorded_until_they_are_freed, fresh_heap),
        cmocka_unit_test_setup(a_record_tells_who_and_when, fresh_heap),
        cmocka_unit_test_setup(a_resize_in_place_is_one_block, fresh_heap),
        cmocka_unit_test_setup(a_move_is_another_block, fresh_heap),
        cmocka_unit_test_setup(filters_say_what_they_are_for, fresh_heap),
        cmocka_unit_test_setup(a_filter_keeps_allocations_out_and_no_frees, fresh_heap),
        cmocka_unit_test_setup(what_exceeds_the_table_is_left_out, fresh_heap),
        cmocka_unit_test_setup(changes_of_size_are_recorded, fresh_heap),
        cmocka_unit_test_setup(boundaries_of_heaps_are_known, fresh_heap),
    };

    return cmocka_run_group_tests(tests, start_tracing, NULL);
}
