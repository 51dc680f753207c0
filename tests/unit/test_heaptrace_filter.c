/* SPDX-License-Identifier: Apache-2.0 */
/* heaptrace: which threads are found, and whose blocks are recorded. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/sys/heap_listener.h>
#include <zephyr/sys/heaptrace.h>
#include <zephyr/sys/sys_heap.h>
#include "os/os.h"
#include "../support/trace_search.h"

#define BYTES 8192u
#define ID    HEAP_ID_FROM_POINTER(&heap)

static _Alignas(64) uint8_t buffer[BYTES];
static struct sys_heap heap;
static char blocks[1]; /* an address */

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

static void *allocate_in_thread(void *arg)
{
    pthread_setname_np(pthread_self(), "worker bee");
    *(k_tid_t *)arg = (k_tid_t)(uintptr_t)os_thread_id();
    return sys_heap_alloc(&heap, 10);
}

static void *in_another_thread(k_tid_t *tid)
{
    pthread_t thread;
    void *block = NULL;

    assert_int_equal(pthread_create(&thread, NULL, allocate_in_thread, tid), 0);
    pthread_join(thread, &block);
    assert_non_null(block);
    return block;
}

static void threads_are_found_by_name(void **state)
{
    k_tid_t tid;
    void *block = in_another_thread(&tid);

    assert_string_equal(search_for(block).found.thread_name, "worker bee");
    assert_ptr_equal(heaptrace_find_tid_by_name("worker bee"), tid);
    assert_null(heaptrace_find_tid_by_name("worker"));
    assert_null(heaptrace_find_tid_by_name(NULL));
    sys_heap_free(&heap, block);
    assert_null(heaptrace_find_tid_by_name("worker bee"));
}

static void filters_describe_themselves(void **state)
{
    char text[40];
    char name[40];

    assert_string_equal(heaptrace_filter_str(text, sizeof(text)), "none");
    assert_null(heaptrace_get_filter_tid());
    assert_int_equal(heaptrace_get_filter_cpu(), -1);
    assert_string_equal(heaptrace_get_filter_name(name, sizeof(name)), "");
    heaptrace_set_filter_cpu(3);
    assert_string_equal(heaptrace_filter_str(text, sizeof(text)), "cpu 3");
    assert_int_equal(heaptrace_get_filter_cpu(), 3);
    heaptrace_set_filter_name("an overlong name of a thread");
    assert_string_equal(heaptrace_filter_str(text, sizeof(text)), "name an overlong nam");
    assert_string_equal(heaptrace_get_filter_name(name, 5), "an o");
    assert_int_equal(heaptrace_get_filter_cpu(), -1);
    heaptrace_set_filter_tid((k_tid_t)(uintptr_t)blocks);
    assert_ptr_equal(heaptrace_get_filter_tid(), blocks);
    snprintf(name, sizeof(name), "tid %p", (void *)blocks);
    assert_string_equal(heaptrace_filter_str(text, sizeof(text)), name);
    heaptrace_set_filter_tid(NULL);
    assert_string_equal(heaptrace_filter_str(text, sizeof(text)), "none");
    heaptrace_set_filter_name("");
    heaptrace_set_filter_cpu(-1);
    assert_string_equal(heaptrace_filter_str(text, sizeof(text)), "none");
}

static void filters_leave_out_allocations_and_not_frees(void **state)
{
    k_tid_t tid;
    void *before = sys_heap_alloc(&heap, 10);

    heaptrace_set_filter_name("bee");
    void *passed_over = sys_heap_alloc(&heap, 10);
    void *passed = in_another_thread(&tid);
    assert_false(is_recorded(passed_over));
    assert_true(is_recorded(passed));
    heaptrace_reset();
    assert_string_equal(heaptrace_get_filter_name((char[8]){0}, 8), "bee");

    heaptrace_set_filter_tid((k_tid_t)(uintptr_t)os_thread_id());
    void *mine = sys_heap_alloc(&heap, 10);
    assert_true(is_recorded(mine));
    sys_heap_free(&heap, in_another_thread(&tid));
    sys_heap_free(&heap, passed);
    assert_int_equal(heaptrace_outstanding_blocks(), 1);

    heaptrace_set_filter_cpu(1 << 20);
    assert_ptr_equal(sys_heap_realloc(&heap, mine, 200), mine); /* not by that processor */
    assert_false(is_recorded(mine));
    heaptrace_set_filter_cpu(-1);
    assert_ptr_equal(sys_heap_realloc(&heap, mine, 300), mine);
    assert_true(is_recorded(mine));
    sys_heap_free(&heap, before);
    sys_heap_free(&heap, passed_over);
    assert_int_equal(heaptrace_outstanding_blocks(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(threads_are_found_by_name, fresh_heap),
        cmocka_unit_test_setup(filters_describe_themselves, fresh_heap),
        cmocka_unit_test_setup(filters_leave_out_allocations_and_not_frees, fresh_heap),
    };

    return cmocka_run_group_tests(tests, init_once, NULL);
}
