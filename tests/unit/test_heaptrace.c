/* SPDX-License-Identifier: Apache-2.0 */
/* heaptrace: what is recorded, by whom, and for how long. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/heap.h>
#include <zephyr/sys/heap_listener.h>
#include <zephyr/sys/heaptrace.h>
#include <zephyr/sys/sys_heap.h>
#include "os/os.h"
#include "../support/death.h"
#include "../support/random.h"
#include "../support/trace_search.h"

#define BYTES   8192u
#define THREADS 4u
#define ROUNDS  1000u
#define ID      HEAP_ID_FROM_POINTER(&heap)

static _Alignas(64) uint8_t buffer[BYTES];
static struct sys_heap heap;
static char blocks[CONFIG_HEAPTRACE_MAX_RECORDS + 2]; /* addresses to tell of by hand */

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, buffer, BYTES);
    heaptrace_clear_filter();
    heaptrace_reset();
    return 0;
}

static void nothing_happens_before_init(void **state)
{
    heaptrace_alloc(blocks, 1, ID);
    heaptrace_free(blocks, 1, ID);
    heaptrace_resize(ID, blocks, blocks + 1);
    heaptrace_reset();
    assert_int_equal(heaptrace_outstanding_blocks(), 0);
    assert_int_equal(heaptrace_outstanding_bytes(), 0);
    assert_int_equal(search_for(blocks).visited, 0);
}

static void init_may_be_repeated(void **state)
{
    assert_int_equal(heaptrace_init(), 0);
    heaptrace_alloc(blocks, 1, ID);
    assert_int_equal(heaptrace_init(), 0);
    assert_int_equal(heaptrace_outstanding_blocks(), 1);
    heaptrace_free(blocks, 1, ID);
}

static void blocks_of_heaps_are_recorded_until_they_are_freed(void **state)
{
    void *first = sys_heap_alloc(&heap, 100);
    void *second = sys_heap_aligned_alloc(&heap, 256, 20);
    size_t first_bytes = sys_heap_usable_size(&heap, first);
    size_t second_bytes = sys_heap_usable_size(&heap, second);

    assert_int_equal(heaptrace_outstanding_blocks(), 2);
    assert_int_equal(heaptrace_outstanding_bytes(), first_bytes + second_bytes);
    assert_true(is_recorded(first));
    sys_heap_free(&heap, first);
    assert_false(is_recorded(first));
    assert_true(is_recorded(second));
    assert_int_equal(heaptrace_outstanding_bytes(), second_bytes);
    sys_heap_free(&heap, second);
    assert_int_equal(heaptrace_outstanding_blocks(), 0);
    assert_int_equal(heaptrace_outstanding_bytes(), 0);
}

static __attribute__((noinline)) void *allocate_here(void)
{
    void *block = sys_heap_alloc(&heap, 100);

    __asm__ volatile("" ::: "memory"); /* no tail call: this function is the caller */
    return block;
}

static void a_record_says_who_when_and_where(void **state)
{
    int64_t before_ms = (int64_t)(os_now_ns() / 1000000);
    void *block = allocate_here();
    struct heaptrace_record record = search_for(block).found;
    char name[HEAPTRACE_NAME_BYTES];

    os_thread_name(name, sizeof(name));
    assert_int_equal(record.size, sys_heap_usable_size(&heap, block));
    assert_int_equal(record.heap_id, ID);
    assert_ptr_equal(record.tid, os_thread_id());
    assert_string_equal(record.thread_name, name);
    assert_in_range(record.time_ms, before_ms, os_now_ns() / 1000000);
    uintptr_t caller = (uintptr_t)record.caller;
    uintptr_t function = (uintptr_t)allocate_here;
    assert_in_range(caller, function + 1, function + 1000);
    assert_true(record.backtrace_depth <= CONFIG_HEAPTRACE_BACKTRACE_DEPTH);
    if (CONFIG_HEAPTRACE_BACKTRACE_SKIP == 0 && record.backtrace_depth != 0) {
        assert_ptr_equal(record.backtrace[0], record.caller);
    }
}

static void realloc_renews_the_record(void **state)
{
    void *block = sys_heap_alloc(&heap, 40);

    assert_ptr_equal(sys_heap_realloc(&heap, block, 400), block);
    assert_int_equal(heaptrace_outstanding_blocks(), 1);
    assert_int_equal(heaptrace_outstanding_bytes(), sys_heap_usable_size(&heap, block));
    sys_heap_alloc(&heap, 8);
    void *moved = sys_heap_realloc(&heap, block, 2000);
    assert_ptr_not_equal(moved, block);
    assert_false(is_recorded(block));
    assert_int_equal(search_for(moved).found.size, sys_heap_usable_size(&heap, moved));
    sys_heap_free(&heap, moved);
    assert_int_equal(heaptrace_outstanding_blocks(), 1);
}

static void halves_of_a_realloc_told_by_hand_are_paired(void **state)
{
    heaptrace_alloc(blocks, 10, HEAP_ID_LIBC);
    heaptrace_alloc(blocks, 30, HEAP_ID_LIBC);
    assert_int_equal(heaptrace_outstanding_bytes(), 30);
    heaptrace_free(blocks, 10, HEAP_ID_LIBC);
    assert_int_equal(heaptrace_outstanding_blocks(), 1);
    assert_int_equal(heaptrace_outstanding_bytes(), 30);
    heaptrace_free(blocks, 30, HEAP_ID_LIBC);
    assert_int_equal(heaptrace_outstanding_blocks(), 0);
    heaptrace_alloc(NULL, 10, HEAP_ID_LIBC);
    heaptrace_free(NULL, 10, HEAP_ID_LIBC);
    assert_int_equal(heaptrace_outstanding_blocks(), 0);
}

static void a_heap_takes_its_blocks_with_it(void **state)
{
    sys_heap_alloc(&heap, 10);
    sys_heap_alloc(&heap, 10);
    sys_heap_init(&heap, buffer, BYTES);
    assert_int_equal(heaptrace_outstanding_blocks(), 0);
    sys_heap_alloc(&heap, 10);
    assert_int_equal(heaptrace_outstanding_blocks(), 1);
    quarry_heap_end(&heap);
    assert_int_equal(heaptrace_outstanding_blocks(), 0);
    assert_int_equal(heaptrace_outstanding_bytes(), 0);
}

static void a_heap_in_a_block_leaves_the_block_recorded(void **state)
{
    struct sys_heap inner;
    void *block = sys_heap_alloc(&heap, 1000);

    sys_heap_init(&inner, block, 1000);
    assert_true(is_recorded(block));
    sys_heap_alloc(&inner, 10);
    assert_int_equal(heaptrace_outstanding_blocks(), 2);
    quarry_heap_end(&inner);
    assert_int_equal(heaptrace_outstanding_blocks(), 1);
}

static bool count_and_stop(const struct heaptrace_record *record, void *user_data)
{
    size_t *left = user_data;

    (*left)--;
    return *left != 0;
}

static bool free_it(const struct heaptrace_record *record, void *user_data)
{
    sys_heap_free(&heap, record->ptr);
    return true;
}

static void a_visit_can_be_stopped_and_can_free(void **state)
{
    size_t left = 11;

    for (int i = 0; i < 30; i++) {
        assert_non_null(sys_heap_alloc(&heap, 10));
    }
    assert_int_equal(search_for(NULL).visited, 30);
    heaptrace_foreach_record(count_and_stop, &left);
    assert_int_equal(left, 0);
    heaptrace_foreach_record(free_it, NULL);
    assert_int_equal(heaptrace_outstanding_blocks(), 0);
}

static void leave_out_what_exceeds_the_table(void *arg)
{
    for (size_t i = 0; i < CONFIG_HEAPTRACE_MAX_RECORDS + 2; i++) {
        heaptrace_alloc(&blocks[i], 1, HEAP_ID_LIBC);
    }
    if (heaptrace_outstanding_blocks() != CONFIG_HEAPTRACE_MAX_RECORDS) {
        abort();
    }
    heaptrace_free(&blocks[CONFIG_HEAPTRACE_MAX_RECORDS], 1, HEAP_ID_LIBC); /* no report */
    heaptrace_alloc(&blocks[5], 3, HEAP_ID_LIBC);                           /* half a realloc */
    heaptrace_free(&blocks[5], 1, HEAP_ID_LIBC);
    heaptrace_free(&blocks[6], 1, HEAP_ID_LIBC);
    heaptrace_alloc(&blocks[CONFIG_HEAPTRACE_MAX_RECORDS], 1, HEAP_ID_LIBC);
    if (heaptrace_outstanding_blocks() != CONFIG_HEAPTRACE_MAX_RECORDS ||
        heaptrace_outstanding_bytes() != CONFIG_HEAPTRACE_MAX_RECORDS + 2) {
        abort();
    }
}

static void a_full_table_is_reported_once(void **state)
{
    const char *phrase = "quarry: heaptrace: all records are taken";
    struct death death = death_of(leave_out_what_exceeds_the_table, NULL);
    const char *report = strstr(death.message, phrase);

    assert_int_equal(death.signal, 0);
    assert_non_null(report);
    assert_null(strstr(report + 1, "quarry:"));
}

static void free_unknown(void *arg)
{
    heaptrace_free(blocks, 1, HEAP_ID_LIBC);
}

static void free_unknown_after_filter(void *arg)
{
    heaptrace_set_filter_cpu(1 << 20);
    heaptrace_alloc(blocks, 1, HEAP_ID_LIBC);
    heaptrace_clear_filter();
    heaptrace_free(blocks, 1, HEAP_ID_LIBC);
}

/* Runs first after init, since later tests forget records. */
static void unknown_frees_are_reported_while_all_is_known(void **state)
{
    struct death reported = death_of(free_unknown, NULL);
    struct death silent = death_of(free_unknown_after_filter, NULL);

    assert_non_null(strstr(reported.message, "a block is freed that was not recorded"));
    assert_null(strstr(silent.message, "quarry:"));
}

static _Alignas(8) uint8_t thread_buffers[THREADS][BYTES];

static void *use_heap(void *arg)
{
    struct sys_heap own;
    void *live[8] = {NULL};

    sys_heap_init(&own, arg, BYTES);
    for (size_t i = 0; i < scaled_rounds(ROUNDS); i++) {
        live[i % 8] = sys_heap_realloc(&own, live[i % 8], i * 7 % 300);
        if (i % 100 == 0) {
            heaptrace_find_tid_by_name("nobody");
        }
    }
    for (size_t i = 0; i < 8; i++) {
        sys_heap_free(&own, live[i]);
    }
    quarry_heap_end(&own);
    return NULL;
}

static void threads_leave_the_table_consistent(void **state)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_heap, thread_buffers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(heaptrace_outstanding_blocks(), 0);
    assert_int_equal(heaptrace_outstanding_bytes(), 0);
}

static void the_child_has_the_same_records(void **state)
{
    void *block = sys_heap_alloc(&heap, 10);
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        sys_heap_alloc(&heap, 10);
        sys_heap_free(&heap, block);
        if (heaptrace_outstanding_blocks() != 1) {
            abort();
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(is_recorded(block));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_happens_before_init),
        cmocka_unit_test(init_may_be_repeated),
        cmocka_unit_test(unknown_frees_are_reported_while_all_is_known),
        cmocka_unit_test_setup(blocks_of_heaps_are_recorded_until_they_are_freed, fresh_heap),
        cmocka_unit_test_setup(a_record_says_who_when_and_where, fresh_heap),
        cmocka_unit_test_setup(realloc_renews_the_record, fresh_heap),
        cmocka_unit_test_setup(halves_of_a_realloc_told_by_hand_are_paired, fresh_heap),
        cmocka_unit_test_setup(a_heap_takes_its_blocks_with_it, fresh_heap),
        cmocka_unit_test_setup(a_heap_in_a_block_leaves_the_block_recorded, fresh_heap),
        cmocka_unit_test_setup(a_visit_can_be_stopped_and_can_free, fresh_heap),
        cmocka_unit_test_setup(a_full_table_is_reported_once, fresh_heap),
        cmocka_unit_test_setup(threads_leave_the_table_consistent, fresh_heap),
        cmocka_unit_test_setup(the_child_has_the_same_records, fresh_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
