/* SPDX-License-Identifier: Apache-2.0 */
/* Row 10: which thread has how much of a heap.
 *
 * Usable bytes are counted for the thread that allocated a block or resized it last, by its name;
 * for interrupts together; and for all threads that the table has no room for together. The counts
 * do not drift, and the call that allocated a block can be asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/heap.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/captured.h"

#define HEAP_BYTES 16384u
#define STEPS      500u
#define SLOTS      20u
#define ROWS       CONFIG_SYS_HEAP_STATS_MAX_TRACKED_THREADS
#define HEAPS      CONFIG_SYS_HEAP_STATS_TRACKED_HEAPS

static _Alignas(8) char memory[HEAP_BYTES];
static struct sys_heap heap;

static int tracked_heap(void **state)
{
    k_thread_name_set(NULL, "tester");
    sys_heap_init(&heap, memory, HEAP_BYTES);
    return quarry_heap_track(&heap);
}

static int end_heap(void **state)
{
    quarry_heap_end(&heap);
    return 0;
}

/* --- The report --- */

static void print_report(void *of_heap)
{
    sys_heap_stats_log(of_heap);
}

static bool report_has(struct sys_heap *of_heap, const char *text)
{
    char *report = captured(print_report, of_heap);
    bool has = strstr(report, text) != NULL;

    free(report);
    return has;
}

/* The bytes in the report's line that has the label in it; 0 if there is no such line. */
static size_t reported(const char *label)
{
    char *report = captured(print_report, &heap);
    const char *line = strstr(report, label);
    size_t bytes = 0;

    if (line != NULL) {
        line = strstr(line, ": ");
        assert_int_equal(sscanf(line, ": %zu bytes", &bytes), 1);
    }
    free(report);
    return bytes;
}

static size_t usable(void *mem)
{
    return sys_heap_usable_size(&heap, mem);
}

/* --- Threads that resize one block --- */

struct job {
    const char *name;
    void *mem; /* the block, before and after */
    size_t bytes;
};

static void do_job(void *p1, void *p2, void *p3)
{
    struct job *job = p1;

    k_thread_name_set(NULL, job->name);
    job->mem = sys_heap_realloc(&heap, job->mem, job->bytes);
}

/* Each in a thread of its own: threads with the same memory cannot be told apart. */
static void *done_by(const char *name, void *mem, size_t bytes)
{
    static struct k_thread threads[4];
    static size_t begun;
    struct k_thread *thread = &threads[begun++];
    struct job job = {name, mem, bytes};

    assert_non_null(k_thread_create(thread, NULL, 4096, do_job, &job, NULL, NULL, K_PRIO_PREEMPT(1),
                                    0, K_NO_WAIT));
    assert_int_equal(k_thread_join(thread, K_FOREVER), 0);
    return job.mem;
}

/* --- Behaviour --- */

static void what_is_allocated_is_counted_until_it_is_freed(void **state)
{
    assert_true(report_has(&heap, "no allocations recorded"));
    void *mem = sys_heap_alloc(&heap, 100);
    assert_int_equal(reported("(tester)"), usable(mem));
    sys_heap_free(&heap, mem);
    assert_true(report_has(&heap, "no allocations recorded"));
}

static void two_threads_are_told_apart(void **state)
{
    void *mine = sys_heap_alloc(&heap, 50);
    void *theirs = done_by("worker", NULL, 200);

    assert_int_equal(reported("(tester)"), usable(mine));
    assert_int_equal(reported("(worker)"), usable(theirs));
    sys_heap_free(&heap, theirs); /* whoever frees it */
    assert_int_equal(reported("(worker)"), 0);
    assert_int_equal(reported("(tester)"), usable(mine));
}

static void a_block_is_whose_who_resized_it(void **state)
{
    void *theirs = done_by("worker", NULL, 200);

    assert_ptr_equal(sys_heap_realloc(&heap, theirs, 300), theirs);
    assert_int_equal(reported("(worker)"), 0);
    assert_int_equal(reported("(tester)"), usable(theirs));
    void *obstacle = sys_heap_alloc(&heap, 8);
    void *moved = done_by("mover", theirs, 3000);
    assert_ptr_not_equal(moved, theirs);
    assert_int_equal(reported("(mover)"), usable(moved));
    assert_int_equal(reported("(tester)"), usable(obstacle));
}

static void a_name_that_comes_late_is_taken(void **state)
{
    k_thread_name_set(NULL, "");
    void *first = sys_heap_alloc(&heap, 50);

    k_thread_name_set(NULL, "late");
    void *second = sys_heap_alloc(&heap, 50);
    assert_int_equal(reported("(late)"), usable(first) + usable(second));
}

static void interrupts_are_counted_together(void **state)
{
    quarry_heap_track_interrupt(true); /* as a handler does at its beginning, */
    void *mem = sys_heap_alloc(&heap, 60);

    quarry_heap_track_interrupt(false); /* and at its end */
    assert_int_equal(reported("interrupts"), usable(mem));
    assert_int_equal(reported("(tester)"), 0);
    sys_heap_free(&heap, mem);
    assert_int_equal(reported("interrupts"), 0);
}

/* Threads that live at the same time, so that no two of them have the same identity. */
static void threads_beyond_the_table_are_counted_together(void **state)
{
    static struct k_thread threads[ROWS + 2];
    static struct job jobs[ROWS + 2];

    for (size_t i = 0; i < ROWS + 2; i++) {
        jobs[i] = (struct job){i < ROWS ? "in the table" : "not in it", NULL, 100};
        assert_non_null(k_thread_create(&threads[i], NULL, 4096, do_job, &jobs[i], NULL, NULL,
                                        K_PRIO_PREEMPT(1), 0, K_NO_WAIT));
        assert_int_equal(k_thread_join(&threads[i], K_FOREVER), 0);
    }
    size_t bytes = usable(jobs[0].mem);
    assert_int_equal(reported("(in the table)"), bytes);
    assert_int_equal(reported("(not in it)"), 0);
    assert_int_equal(reported("unknown threads"), 2 * bytes);
    sys_heap_free(&heap, jobs[ROWS].mem);
    assert_int_equal(reported("unknown threads"), bytes);
}

static void counts_do_not_drift(void **state)
{
    void *live[SLOTS] = {NULL};
    size_t bytes = 0;

    for (size_t i = 0; i < STEPS; i++) {
        void **slot = &live[i * 7 % SLOTS];
        size_t wanted = i * 37 % 600;
        void *mem = sys_heap_realloc(&heap, *slot, wanted);

        *slot = mem != NULL || wanted == 0 ? mem : *slot;
    }
    for (size_t i = 0; i < SLOTS; i++) {
        bytes += live[i] == NULL ? 0 : usable(live[i]);
    }
    assert_int_equal(reported("(tester)"), bytes);
    assert_int_equal(reported("unknown threads"), 0);
}

static void more_heaps_than_tables_work_untracked(void **state)
{
    static struct sys_heap more[HEAPS];
    static _Alignas(8) char more_memory[HEAPS][512];

    for (size_t i = 0; i < HEAPS; i++) {
        sys_heap_init(&more[i], more_memory[i], sizeof(more_memory[i]));
        quarry_heap_track(&more[i]);
    }
    assert_non_null(sys_heap_alloc(&more[HEAPS - 1], 10));
    assert_true(report_has(&more[HEAPS - 1], "not tracked"));
    for (size_t i = 0; i < HEAPS; i++) {
        quarry_heap_end(&more[i]);
    }
}

static __attribute__((noinline)) void *allocate_here(void)
{
    void *mem = sys_heap_alloc(&heap, 30);

    __asm__ volatile("" ::: "memory"); /* so that the call is no jump */
    return mem;
}

static void the_caller_of_a_block_is_known(void **state)
{
    char *mem = allocate_here();
    uintptr_t start = (uintptr_t)allocate_here;

    assert_in_range((uintptr_t)sys_heap_get_caller(&heap, mem), start + 1, start + 1000);
    assert_null(sys_heap_get_caller(&heap, mem + 1));
    assert_null(sys_heap_get_caller(&heap, NULL));
    sys_heap_free(&heap, mem);
    assert_null(sys_heap_get_caller(&heap, mem));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_allocated_is_counted_until_it_is_freed,
                                        tracked_heap, end_heap),
        cmocka_unit_test_setup_teardown(two_threads_are_told_apart, tracked_heap, end_heap),
        cmocka_unit_test_setup_teardown(a_block_is_whose_who_resized_it, tracked_heap, end_heap),
        cmocka_unit_test_setup_teardown(a_name_that_comes_late_is_taken, tracked_heap, end_heap),
        cmocka_unit_test_setup_teardown(interrupts_are_counted_together, tracked_heap, end_heap),
        cmocka_unit_test_setup_teardown(threads_beyond_the_table_are_counted_together, tracked_heap,
                                        end_heap),
        cmocka_unit_test_setup_teardown(counts_do_not_drift, tracked_heap, end_heap),
        cmocka_unit_test_setup_teardown(more_heaps_than_tables_work_untracked, tracked_heap,
                                        end_heap),
        cmocka_unit_test_setup_teardown(the_caller_of_a_block_is_known, tracked_heap, end_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
