/* SPDX-License-Identifier: Apache-2.0 */
/* heap_listener: callbacks beside threads, signal handlers and fork, and what they may not do. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/sys/heap_listener.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/death.h"
#include "../support/heap_events.h"
#include "../support/random.h"

#define BYTES   4096u
#define THREADS 4u
#define ROUNDS  2000u

static _Alignas(64) uint8_t buffer[BYTES];
static _Alignas(64) uint8_t other_buffer[BYTES];
static struct sys_heap heap;
static struct sys_heap other_heap;

static HEAP_LISTENER_ALLOC_DEFINE(alloc_listener, HEAP_ID_FROM_POINTER(&heap), on_alloc);
static HEAP_LISTENER_ALLOC_DEFINE(second_listener, HEAP_ID_FROM_POINTER(&heap), on_alloc_too);

static int fresh_heaps_and_listeners(void **state)
{
    sys_heap_init(&heap, buffer, BYTES);
    sys_heap_init(&other_heap, other_buffer, BYTES);
    heap_listener_register(&alloc_listener);
    event_count = 0;
    return 0;
}

static int no_listeners(void **state)
{
    heap_listener_unregister(&alloc_listener);
    return 0;
}

static void use_other_heap(uintptr_t heap_id, void *mem, size_t bytes)
{
    sys_heap_free(&other_heap, sys_heap_alloc(&other_heap, 100));
    event_count++;
}

static void heaps_used_in_a_callback_tell_nobody(void **state)
{
    HEAP_LISTENER_ALLOC_DEFINE(user, HEAP_ID_FROM_POINTER(&heap), use_other_heap);
    HEAP_LISTENER_ALLOC_DEFINE(of_other, HEAP_ID_FROM_POINTER(&other_heap), on_alloc_too);

    heap_listener_unregister(&alloc_listener);
    heap_listener_register(&of_other);
    heap_listener_register(&user);
    sys_heap_alloc(&heap, 10);
    assert_int_equal(event_count, 1);
    sys_heap_alloc(&other_heap, 10);
    assert_int_equal(event_count, 2);
    heap_listener_unregister(&user);
    heap_listener_unregister(&of_other);
    heap_listener_register(&alloc_listener);
}

static void register_another(uintptr_t heap_id, void *mem, size_t bytes)
{
    heap_listener_register(&second_listener);
}

static void unregister_another(uintptr_t heap_id, void *mem, size_t bytes)
{
    heap_listener_unregister(&second_listener);
}

static void commit(void *callback)
{
    struct heap_listener listener = {.heap_id = HEAP_ID_FROM_POINTER(&heap), .event = HEAP_ALLOC};

    memcpy(&listener.alloc_cb, callback, sizeof(listener.alloc_cb));
    heap_listener_register(&listener);
    sys_heap_alloc(&heap, 10);
}

static void changing_the_list_in_a_callback_dies(void **state)
{
    heap_listener_alloc_cb_t registers = register_another;
    heap_listener_alloc_cb_t unregisters = unregister_another;

    expect_death(commit, &registers, "heap listener is registered or unregistered inside of a");
    expect_death(commit, &unregisters, "heap listener is registered or unregistered inside of a");
}

static void allocate_in_handler(int number)
{
    (void)number;
    sys_heap_alloc(&other_heap, 10);
}

static void interrupt(uintptr_t heap_id, void *mem, size_t bytes)
{
    raise(SIGUSR1);
    heard((struct event){.who = "interrupted", .heap_id = heap_id, .mem = mem, .bytes = bytes});
}

/* The handler runs when the callback is over, and what it does is heard. */
static void handlers_do_not_interrupt_callbacks_and_lose_nothing(void **state)
{
    HEAP_LISTENER_ALLOC_DEFINE(interrupted, HEAP_ID_FROM_POINTER(&heap), interrupt);
    HEAP_LISTENER_ALLOC_DEFINE(of_other, HEAP_ID_FROM_POINTER(&other_heap), on_alloc_too);

    signal(SIGUSR1, allocate_in_handler);
    heap_listener_register(&interrupted);
    heap_listener_register(&of_other);
    sys_heap_alloc(&heap, 10);
    heap_listener_unregister(&of_other);
    heap_listener_unregister(&interrupted);
    signal(SIGUSR1, SIG_DFL);
    assert_int_equal(event_count, 3);
    assert_string_equal(events[0].who, "alloc");
    assert_string_equal(events[1].who, "interrupted");
    assert_string_equal(events[2].who, "alloc too");
}

/* One listener for each thread's heap; the lock makes their plain counters safe. */
static struct sys_heap thread_heaps[THREADS];
static _Alignas(8) uint8_t thread_buffers[THREADS][BYTES];
static size_t allocs_heard;
static size_t frees_heard;

static void count_alloc(uintptr_t heap_id, void *mem, size_t bytes)
{
    allocs_heard++;
}

static void count_free(uintptr_t heap_id, void *mem, size_t bytes)
{
    frees_heard++;
}

static void *use_heap(void *arg)
{
    struct sys_heap *own = arg;
    struct heap_listener passing = {.heap_id = HEAP_ID_FROM_POINTER(own), .event = HEAP_RESIZE};

    for (size_t i = 0; i < scaled_rounds(ROUNDS); i++) {
        void *block = sys_heap_alloc(own, 1 + i % 100);

        heap_listener_register(&passing);
        sys_heap_free(own, block);
        heap_listener_unregister(&passing);
    }
    return NULL;
}

static void threads_are_heard_one_at_a_time(void **state)
{
    struct heap_listener listeners[THREADS][2];
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        uintptr_t id = HEAP_ID_FROM_POINTER(&thread_heaps[i]);

        sys_heap_init(&thread_heaps[i], thread_buffers[i], BYTES);
        listeners[i][0] =
            (struct heap_listener){.heap_id = id, .event = HEAP_ALLOC, {.alloc_cb = count_alloc}};
        listeners[i][1] =
            (struct heap_listener){.heap_id = id, .event = HEAP_FREE, {.free_cb = count_free}};
        heap_listener_register(&listeners[i][0]);
        heap_listener_register(&listeners[i][1]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_heap, &thread_heaps[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        heap_listener_unregister(&listeners[i][0]);
        heap_listener_unregister(&listeners[i][1]);
    }
    assert_int_equal(allocs_heard, THREADS * scaled_rounds(ROUNDS));
    assert_int_equal(frees_heard, THREADS * scaled_rounds(ROUNDS));
}

static void child_has_the_same_listeners(void **state)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        sys_heap_alloc(&heap, 10);
        heap_listener_register(&second_listener);
        sys_heap_alloc(&heap, 10);
        if (event_count != 3) {
            abort();
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heaps_used_in_a_callback_tell_nobody),
        cmocka_unit_test(changing_the_list_in_a_callback_dies),
        cmocka_unit_test(handlers_do_not_interrupt_callbacks_and_lose_nothing),
        cmocka_unit_test(threads_are_heard_one_at_a_time),
        cmocka_unit_test(child_has_the_same_listeners),
    };
    struct CMUnitTest with_fixture[sizeof(tests) / sizeof(tests[0])];

    memcpy(with_fixture, tests, sizeof(tests));
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        with_fixture[i].setup_func = fresh_heaps_and_listeners;
        with_fixture[i].teardown_func = no_listeners;
    }
    return cmocka_run_group_tests(with_fixture, NULL, NULL);
}
