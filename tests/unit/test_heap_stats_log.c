/* SPDX-License-Identifier: Apache-2.0 */
/* Who has how much of a heap, as sys_heap_stats_log prints it. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
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
#include <zephyr/sys/sys_heap.h>
#include "os/os.h"
#include "../support/captured.h"
#include "../support/death.h"
#include "../support/random.h"

#define BYTES   16384u
#define HEAPS   CONFIG_SYS_HEAP_STATS_TRACKED_HEAPS
#define ROWS    CONFIG_SYS_HEAP_STATS_MAX_TRACKED_THREADS
#define THREADS 4u
#define ROUNDS  1000u
#define STEPS   500u

static _Alignas(64) uint8_t buffer[BYTES];
static struct sys_heap heap;

static int tracked_heap(void **state)
{
    sys_heap_init(&heap, buffer, BYTES);
    assert_int_equal(quarry_heap_track(&heap), 0);
    return 0;
}

static int end_heap(void **state)
{
    quarry_heap_end(&heap);
    return 0;
}

static void print(void *of_heap)
{
    sys_heap_stats_log(of_heap);
}

/* The number in the report's line that has `label` in it; 0 if there is none. */
static size_t reported(struct sys_heap *of_heap, const char *label)
{
    char *text = captured(print, of_heap);
    const char *line = strstr(text, label);
    size_t bytes = 0;

    if (line != NULL) {
        line = strstr(line, ": ");
        assert_non_null(line);
        assert_int_equal(sscanf(line, ": %zu bytes", &bytes), 1);
    }
    free(text);
    return bytes;
}

static size_t of_thread(const char *name)
{
    char label[40];

    snprintf(label, sizeof(label), "(%s)", name);
    return reported(&heap, label);
}

static size_t mine(void)
{
    char label[40];

    snprintf(label, sizeof(label), "thread %p (", os_thread_id());
    return reported(&heap, label);
}

static size_t unknown(void)
{
    return reported(&heap, "unknown threads");
}

static bool says(struct sys_heap *of_heap, const char *text)
{
    char *printed = captured(print, of_heap);
    bool found = strstr(printed, text) != NULL;

    free(printed);
    return found;
}

static void an_untracked_heap_is_said_to_be_so(void **state)
{
    assert_true(says(&heap, "not tracked"));
    assert_null(sys_heap_get_caller(&heap, buffer));
    assert_null(sys_heap_get_caller(NULL, buffer));
    char *nothing = captured(print, NULL);
    assert_string_equal(nothing, "");
    free(nothing);
    assert_int_equal(quarry_heap_track(NULL), -EINVAL);
}

static void usable_bytes_are_counted(void **state)
{
    assert_true(says(&heap, "no allocations recorded"));
    void *first = sys_heap_alloc(&heap, 100);
    void *second = sys_heap_aligned_alloc(&heap, 512, 33);
    size_t second_bytes = sys_heap_usable_size(&heap, second);
    assert_int_equal(mine(), sys_heap_usable_size(&heap, first) + second_bytes);
    sys_heap_free(&heap, first);
    assert_int_equal(mine(), second_bytes);
    sys_heap_free(&heap, second);
    assert_true(says(&heap, "no allocations recorded"));
}

/* A thread that does one thing at a time, and stays until it is let go. */
struct worker {
    pthread_t thread;
    sem_t go;
    sem_t done;
    const char *name;
    void *block;  /* to be changed in size, or NULL */
    size_t bytes; /* to be allocated; 0: ends */
};

static void *work(void *arg)
{
    struct worker *worker = arg;

    pthread_setname_np(pthread_self(), worker->name);
    for (;;) {
        sem_wait(&worker->go);
        if (worker->bytes == 0) {
            return NULL;
        }
        worker->block = sys_heap_realloc(&heap, worker->block, worker->bytes);
        sem_post(&worker->done);
    }
}

static void begin_worker(struct worker *worker, const char *name)
{
    *worker = (struct worker){.name = name};
    sem_init(&worker->go, 0, 0);
    sem_init(&worker->done, 0, 0);
    assert_int_equal(pthread_create(&worker->thread, NULL, work, worker), 0);
}

static void *let_work(struct worker *worker, void *block, size_t bytes)
{
    worker->block = block;
    worker->bytes = bytes;
    sem_post(&worker->go);
    sem_wait(&worker->done);
    return worker->block;
}

static void end_worker(struct worker *worker)
{
    worker->bytes = 0;
    sem_post(&worker->go);
    pthread_join(worker->thread, NULL);
    sem_destroy(&worker->go);
    sem_destroy(&worker->done);
}

static void a_block_is_whose_who_allocated_it(void **state)
{
    struct worker worker;

    begin_worker(&worker, "first");
    void *his = let_work(&worker, NULL, 200);
    void *own = sys_heap_alloc(&heap, 50);
    assert_int_equal(of_thread("first"), sys_heap_usable_size(&heap, his));
    assert_int_equal(mine(), sys_heap_usable_size(&heap, own));
    sys_heap_free(&heap, his);
    assert_int_equal(of_thread("first"), 0);
    assert_int_equal(mine(), sys_heap_usable_size(&heap, own));
    end_worker(&worker);
}

static void realloc_makes_it_the_callers(void **state)
{
    struct worker worker;

    begin_worker(&worker, "second");
    void *his = let_work(&worker, NULL, 200);
    assert_ptr_equal(sys_heap_realloc(&heap, his, 300), his);
    assert_int_equal(of_thread("second"), 0);
    assert_int_equal(mine(), sys_heap_usable_size(&heap, his));
    sys_heap_alloc(&heap, 8);
    size_t wall = mine() - sys_heap_usable_size(&heap, his);
    void *moved = let_work(&worker, his, 3000);
    assert_ptr_not_equal(moved, his);
    assert_int_equal(of_thread("second"), sys_heap_usable_size(&heap, moved));
    assert_int_equal(mine(), wall);
    end_worker(&worker);
}

static void threads_beyond_the_table_are_unknown_together(void **state)
{
    static struct worker workers[ROWS + 2];
    static void *his[ROWS + 2];
    size_t bytes = 0;

    for (size_t i = 0; i < ROWS + 2; i++) {
        begin_worker(&workers[i], i < ROWS ? "with a row" : "without");
        his[i] = let_work(&workers[i], NULL, 100);
        bytes = sys_heap_usable_size(&heap, his[i]);
    }
    assert_int_equal(of_thread("with a row"), bytes);
    assert_int_equal(of_thread("without"), 0);
    assert_int_equal(unknown(), 2 * bytes);
    sys_heap_free(&heap, his[ROWS]);
    assert_int_equal(unknown(), bytes);
    sys_heap_free(&heap, his[0]); /* its row is nobody's now */
    let_work(&workers[ROWS + 1], NULL, 100);
    assert_int_equal(of_thread("without"), bytes);
    assert_int_equal(unknown(), bytes);
    for (size_t i = 0; i < ROWS + 2; i++) {
        end_worker(&workers[i]);
    }
}

static void what_was_there_before_is_unknown(void **state)
{
    sys_heap_init(&heap, buffer, BYTES);
    void *first = sys_heap_alloc(&heap, 100);
    void *second = sys_heap_alloc(&heap, 200);
    size_t second_bytes = sys_heap_usable_size(&heap, second);
    quarry_heap_track(&heap); /* again: begins anew */
    assert_int_equal(mine(), 0);
    assert_int_equal(unknown(), sys_heap_usable_size(&heap, first) + second_bytes);
    assert_null(sys_heap_get_caller(&heap, first));
    sys_heap_free(&heap, first);
    assert_int_equal(unknown(), second_bytes);
    assert_ptr_equal(sys_heap_realloc(&heap, second, 300), second);
    assert_int_equal(unknown(), 0);
    assert_int_equal(mine(), sys_heap_usable_size(&heap, second));
}

static void an_init_begins_at_zero(void **state)
{
    sys_heap_alloc(&heap, 100);
    sys_heap_init(&heap, buffer, BYTES);
    assert_true(says(&heap, "no allocations recorded"));
    void *block = sys_heap_alloc(&heap, 100);
    assert_int_equal(mine(), sys_heap_usable_size(&heap, block));
}

static void interrupts_are_those_who_say_so(void **state)
{
    assert_false(quarry_heap_track_interrupt(true));
    void *block = sys_heap_alloc(&heap, 100);
    assert_true(quarry_heap_track_interrupt(false));
    assert_int_equal(mine(), 0);
    assert_int_equal(reported(&heap, "interrupts"), sys_heap_usable_size(&heap, block));
    sys_heap_free(&heap, block);
    assert_int_equal(reported(&heap, "interrupts"), 0);
}

static __attribute__((noinline)) void *allocate_here(size_t bytes)
{
    void *block = sys_heap_alloc(&heap, bytes);

    __asm__ volatile("" ::: "memory"); /* no tail call: this function is the caller */
    return block;
}

static void callers_are_known(void **state)
{
    char *block = allocate_here(100);
    uintptr_t function = (uintptr_t)allocate_here;

    assert_in_range((uintptr_t)sys_heap_get_caller(&heap, block), function + 1, function + 1000);
    assert_null(sys_heap_get_caller(&heap, block + 1));
    assert_null(sys_heap_get_caller(&heap, NULL));
    assert_null(sys_heap_get_caller(&heap, state));
    sys_heap_free(&heap, block);
    assert_null(sys_heap_get_caller(&heap, block));
}

static void heaps_beyond_the_tables_are_refused(void **state)
{
    static struct sys_heap others[HEAPS];
    static _Alignas(8) uint8_t other_buffers[HEAPS][1024];

    for (size_t i = 0; i < HEAPS; i++) {
        sys_heap_init(&others[i], other_buffers[i], sizeof(other_buffers[i]));
        assert_int_equal(quarry_heap_track(&others[i]), i < HEAPS - 1 ? 0 : -ENOMEM);
    }
    assert_non_null(sys_heap_alloc(&others[HEAPS - 1], 10));
    assert_true(says(&others[HEAPS - 1], "not tracked"));
    quarry_heap_end(&heap); /* gives its table back */
    assert_true(says(&heap, "not tracked"));
    assert_int_equal(quarry_heap_track(&others[HEAPS - 1]), 0);
    size_t bytes = reported(&others[HEAPS - 1], "unknown threads");
    assert_true(bytes >= 10 && bytes < 40);
    for (size_t i = 0; i < HEAPS; i++) {
        quarry_heap_end(&others[i]);
    }
}

static void a_build_that_logs_tracks_every_heap(void **state)
{
    static struct sys_heap another;
    static _Alignas(8) uint8_t another_buffer[1024];

    if (!QUARRY_HEAP_STATS_LOGGING || HEAPS < 2) {
        skip();
    }
    sys_heap_init(&another, another_buffer, sizeof(another_buffer));
    assert_true(says(&another, "no allocations recorded"));
    void *block = sys_heap_alloc(&another, 10);
    assert_non_null(sys_heap_get_caller(&another, block));
    quarry_heap_end(&another);
}

/* The rows against the heap's own word. */
static void counts_do_not_drift(void **state)
{
    struct random random = random_from(2);
    void *live[40] = {NULL};
    size_t bytes = 0;

    for (size_t i = 0; i < STEPS; i++) {
        size_t which = (size_t)random_below(&random, 40);
        size_t wanted = (size_t)random_below(&random, 600);
        void *block = sys_heap_realloc(&heap, live[which], wanted);

        live[which] = block != NULL || wanted == 0 ? block : live[which];
    }
    for (size_t i = 0; i < 40; i++) {
        bytes += live[i] != NULL ? sys_heap_usable_size(&heap, live[i]) : 0;
    }
    assert_int_equal(mine(), bytes);
    assert_int_equal(unknown(), 0);
}

static pthread_mutex_t heap_lock = PTHREAD_MUTEX_INITIALIZER;

static void *use_heap(void *arg)
{
    void *live[4] = {NULL};

    (void)arg;
    for (size_t i = 0; i < scaled_rounds(ROUNDS); i++) {
        pthread_mutex_lock(&heap_lock);
        live[i % 4] = sys_heap_realloc(&heap, live[i % 4], i * 13 % 200);
        pthread_mutex_unlock(&heap_lock);
        sys_heap_get_caller(&heap, live[i % 4]);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_mutex_lock(&heap_lock);
        sys_heap_free(&heap, live[i]);
        pthread_mutex_unlock(&heap_lock);
    }
    return NULL;
}

static void threads_are_counted_without_the_heaps_lock(void **state)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_heap, NULL), 0);
    }
    for (int i = 0; i < 20; i++) {
        free(captured(print, &heap));
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(says(&heap, "no allocations recorded"));
}

static void the_child_goes_on_counting(void **state)
{
    void *block = sys_heap_alloc(&heap, 100);
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        sys_heap_free(&heap, block);
        _exit(says(&heap, "no allocations recorded") ? 0 : (abort(), 1));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(mine(), sys_heap_usable_size(&heap, block));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usable_bytes_are_counted),
        cmocka_unit_test(a_block_is_whose_who_allocated_it),
        cmocka_unit_test(realloc_makes_it_the_callers),
        cmocka_unit_test(threads_beyond_the_table_are_unknown_together),
        cmocka_unit_test(what_was_there_before_is_unknown),
        cmocka_unit_test(an_init_begins_at_zero),
        cmocka_unit_test(interrupts_are_those_who_say_so),
        cmocka_unit_test(callers_are_known),
        cmocka_unit_test(heaps_beyond_the_tables_are_refused),
        cmocka_unit_test(a_build_that_logs_tracks_every_heap),
        cmocka_unit_test(counts_do_not_drift),
        cmocka_unit_test(threads_are_counted_without_the_heaps_lock),
        cmocka_unit_test(the_child_goes_on_counting),
    };
    struct CMUnitTest with_fixture[1 + sizeof(tests) / sizeof(tests[0])] = {
        cmocka_unit_test(an_untracked_heap_is_said_to_be_so)};

    memcpy(with_fixture + 1, tests, sizeof(tests));
    for (size_t i = 1; i <= sizeof(tests) / sizeof(tests[0]); i++) {
        with_fixture[i].setup_func = tracked_heap;
        with_fixture[i].teardown_func = end_heap;
    }
    return cmocka_run_group_tests(with_fixture, NULL, NULL);
}
