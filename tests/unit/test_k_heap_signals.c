/* SPDX-License-Identifier: Apache-2.0 */
/* k_heap, used by signal handlers that interrupt its calls, or threads that wait in it. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "kernel/shared_heap.h"
#include "kernel/wait_queue.h"
#include "../support/heap_client.h"
#include "../support/insider.h"
#include "../support/race_detector.h"
#include "../support/random.h"
#include "../support/sanitizers.h"
#include "../support/signal_timer.h"

#define HEAP_BYTES   4096u
#define PIECE        200u
#define SLOTS        8u
#define INTERRUPTS   2000u
#define PAUSE_NS     100000 /* between the end of a handler and the next one */
#define HANG_SECONDS 300u

static struct k_heap heap;
static struct k_heap other_heap;
static _Alignas(64) char buffer[HEAP_BYTES];
static _Alignas(64) char other_buffer[HEAP_BYTES];

static int heaps_are_empty(void **state)
{
    return heap_is_empty(&heap) && heap_is_empty(&other_heap) ? 0 : -1;
}

/* --- What a handler does, told by the test --- */

static void *volatile to_be_freed;
static void *volatile made;
static volatile sig_atomic_t handled;

static void free_and_allocate(int number)
{
    (void)number;
    void *block = to_be_freed;

    handled++;
    if (block != NULL) {
        to_be_freed = NULL;
        k_heap_free(&heap, block);
        made = k_heap_alloc(&heap, PIECE, K_NO_WAIT);
    }
}

static void *take_all(void)
{
    void *all = NULL;

    for (size_t bytes = HEAP_BYTES; all == NULL; bytes -= 8) {
        all = k_heap_alloc(&heap, bytes, K_NO_WAIT);
    }
    return all;
}

/* The handler runs in the middle of a call, so to speak. */
static void handle_inside_of(struct k_heap *entered, void *block)
{
    struct wait_queue queue = k_heap_queue(entered);
    struct stay stay;

    signal(SIGUSR1, free_and_allocate);
    to_be_freed = block;
    made = &other_heap; /* nothing that a call returns */
    handled = 0;
    assert_true(wait_queue_enter(&queue, &stay));
    raise(SIGUSR1);
    wait_queue_leave(&queue, &stay);
    assert_int_equal(handled, 1);
}

static void a_block_that_a_handler_frees_inside_of_a_call_comes_back(void **state)
{
    void *block = k_heap_alloc(&heap, PIECE, K_NO_WAIT);

    handle_inside_of(&heap, block);
    assert_null(made); /* there is plenty, but it cannot be had now */
}

static void the_smallest_block_comes_back_too(void **state)
{
    handle_inside_of(&heap, k_heap_alloc(&heap, 1, K_NO_WAIT));
    assert_null(made);
}

static void a_handler_may_use_another_heap_than_it_interrupted(void **state)
{
    handle_inside_of(&other_heap, k_heap_alloc(&heap, PIECE, K_NO_WAIT));
    assert_non_null(made);
    k_heap_free(&heap, made);
}

static void free_many(int number)
{
    (void)number;
    void **blocks = to_be_freed;

    handled++;
    for (size_t i = 0; i < SLOTS; i++) {
        k_heap_free(&heap, blocks[i]);
    }
}

static void free_nothing(int number)
{
    (void)number;
    handled++;
    k_heap_free(&heap, NULL);
}

static void nothing_comes_back_of_nothing(void **state)
{
    struct wait_queue queue = k_heap_queue(&heap);
    struct stay stay;

    signal(SIGUSR1, free_nothing);
    handled = 0;
    assert_true(wait_queue_enter(&queue, &stay));
    raise(SIGUSR1);
    assert_null(heap.wait_q.deferred);
    wait_queue_leave(&queue, &stay);
    assert_int_equal(handled, 1);
}

static void many_blocks_come_back(void **state)
{
    struct wait_queue queue = k_heap_queue(&heap);
    struct stay stay;
    void *blocks[SLOTS];

    for (size_t i = 0; i < SLOTS; i++) {
        blocks[i] = k_heap_alloc(&heap, 8 + i, K_NO_WAIT);
    }
    signal(SIGUSR1, free_many);
    to_be_freed = blocks;
    assert_true(wait_queue_enter(&queue, &stay));
    raise(SIGUSR1);
    wait_queue_leave(&queue, &stay);
    to_be_freed = NULL;
}

static void who_waits_gets_a_block_that_comes_back(void **state)
{
    void *all = take_all();
    struct heap_client client = {.heap = &heap, .bytes = HEAP_BYTES / 2, .timeout = K_FOREVER};

    heap_client_queue_up(&client, 1);
    handle_inside_of(&heap, all);
    heap_client_end(&client);
    assert_ptr_equal(client.mem, all);
    k_heap_free(&heap, client.mem);
}

/* --- Another thread has the lock --- */

static void *stay_inside(void *arg)
{
    struct wait_queue queue = k_heap_queue(&heap);
    struct stay stay;

    wait_queue_enter(&queue, &stay);
    insider_stay();
    wait_queue_leave(&queue, &stay);
    return arg;
}

/* It does not wait for the other thread, which a handler may have interrupted that waits for us. */
static void a_handler_inside_of_a_call_does_not_wait_for_others(void **state)
{
    void *block = k_heap_alloc(&heap, PIECE, K_NO_WAIT);
    insider_begin(stay_inside, NULL);

    handle_inside_of(&other_heap, block);
    assert_null(made);
    insider_end();
}

static void *let_out_later(void *arg)
{
    k_msleep(20);
    insider_let_out();
    return arg;
}

static void a_handler_outside_of_calls_waits_for_the_lock(void **state)
{
    void *block = k_heap_alloc(&heap, PIECE, K_NO_WAIT);
    insider_begin(stay_inside, NULL);
    pthread_t other;

    signal(SIGUSR1, free_and_allocate);
    to_be_freed = block;
    made = NULL;
    assert_int_equal(pthread_create(&other, NULL, let_out_later, NULL), 0);
    raise(SIGUSR1);
    assert_ptr_equal(made, block);
    k_heap_free(&heap, made);
    pthread_join(other, NULL);
    insider_join();
}

/* --- Interrupted while it waits --- */

static void free_what_is_waited_for(int number)
{
    void *block = to_be_freed;

    (void)number;
    to_be_freed = NULL;
    k_heap_free(&heap, block);
}

static void wait_for_own_handler(k_timeout_t timeout)
{
    void *all = take_all();
    timer_t timer = signal_timer_make(SIGUSR2);

    signal(SIGUSR2, free_what_is_waited_for);
    to_be_freed = all;
    signal_timer_set(timer, 20 * 1000 * 1000);
    void *mem = k_heap_alloc(&heap, HEAP_BYTES / 2, timeout);
    assert_ptr_equal(mem, all);
    timer_delete(timer);
    k_heap_free(&heap, mem);
}

static void a_handler_may_free_what_its_own_thread_waits_for(void **state)
{
    if (race_detector_is_drd()) {
        skip();
    }
    wait_for_own_handler(K_FOREVER);
    if (UNDER_TSAN) {
        skip(); /* it holds signals back in sem_clockwait */
    }
    wait_for_own_handler(K_SECONDS(1000));
}

static timer_t pestering;

static void pester_again(int number)
{
    (void)number;
    handled++;
    signal_timer_set(pestering, PAUSE_NS);
}

static void signals_do_not_shorten_a_wait(void **state)
{
    void *all = take_all();

    pestering = signal_timer_make(SIGUSR2);
    signal(SIGUSR2, pester_again);
    handled = 0;
    signal_timer_set(pestering, PAUSE_NS);
    errno = ENOTTY;
    int64_t began = k_uptime_ticks();
    assert_null(k_heap_alloc(&heap, HEAP_BYTES / 2, K_MSEC(100)));
    assert_true(k_uptime_ticks() - began >= K_MSEC(100).ticks);
    assert_int_equal(errno, ENOTTY);
    signal(SIGUSR2, SIG_IGN);
    timer_delete(pestering);
    assert_true(handled > 0);
    k_heap_free(&heap, all);
}

/* --- At any moment --- */

static void free_and_ask_for_more(int number)
{
    (void)number;
    void *block = to_be_freed;

    to_be_freed = NULL;
    k_heap_free(&heap, block);
    handled++;
    signal_timer_set(pestering, PAUSE_NS / 2 + handled % PAUSE_NS);
}

/* The only thread that uses the heap has left it, so nobody would give back later what a handler
 * has freed meanwhile. */
static void nothing_is_left_to_be_given_back_after_a_call(void **state)
{
    const int interrupts = (int)scaled_rounds(INTERRUPTS);

    pestering = signal_timer_make(SIGUSR2);
    signal(SIGUSR2, free_and_ask_for_more);
    handled = 0;
    to_be_freed = NULL;
    signal_timer_set(pestering, PAUSE_NS);
    while (handled < interrupts) {
        void *block = k_heap_alloc(&heap, PIECE, K_NO_WAIT);

        if (to_be_freed == NULL) {
            to_be_freed = block; /* no handler frees what is not there */
        } else {
            k_heap_free(&heap, block);
        }
        assert_null(heap.wait_q.deferred);
    }
    signal(SIGUSR2, SIG_IGN);
    timer_delete(pestering);
    k_heap_free(&heap, to_be_freed);
}

#define TEST(name) cmocka_unit_test_teardown(name, heaps_are_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_block_that_a_handler_frees_inside_of_a_call_comes_back),
        TEST(the_smallest_block_comes_back_too),
        TEST(a_handler_may_use_another_heap_than_it_interrupted),
        TEST(nothing_comes_back_of_nothing),
        TEST(many_blocks_come_back),
        TEST(who_waits_gets_a_block_that_comes_back),
        TEST(a_handler_inside_of_a_call_does_not_wait_for_others),
        TEST(a_handler_outside_of_calls_waits_for_the_lock),
        TEST(a_handler_may_free_what_its_own_thread_waits_for),
        TEST(signals_do_not_shorten_a_wait),
        TEST(nothing_is_left_to_be_given_back_after_a_call),
    };

    race_detector_announce();
    k_heap_init(&heap, buffer, sizeof(buffer));
    k_heap_init(&other_heap, other_buffer, sizeof(other_buffer));
    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
