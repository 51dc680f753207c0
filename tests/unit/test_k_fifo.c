/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of items: their order, who is served, cancelled threads and waits, handlers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include <zephyr/kernel/fifo.h>
#include "../support/death.h"
#include "../support/heap_client.h"
#include "../support/race_detector.h"
#include "../support/sanitizers.h"
#include "kernel/guard.h"

#define ITEMS        8u
#define WAITERS      3u
#define PRODUCERS    3u
#define ROUNDS       1000u
#define SHORT_WAIT   K_MSEC(20)
#define HANG_SECONDS 60u

struct item {
    void *reserved;
    unsigned int number;
};

static K_FIFO_DEFINE(defined);
static struct k_fifo fifo;
static struct item items[ITEMS];

static int begin(void **state)
{
    k_fifo_init(&fifo);
    for (unsigned int i = 0; i < ITEMS; i++) {
        items[i].number = i;
    }
    return 0;
}

static void first_in_first_out(void **state)
{
    assert_true(k_fifo_is_empty(&defined));
    for (unsigned int round = 0; round < 2; round++) {
        for (unsigned int i = 0; i < ITEMS; i++) {
            k_fifo_put(&defined, &items[i]);
        }
        assert_false(k_fifo_is_empty(&defined));
        for (unsigned int i = 0; i < ITEMS; i++) {
            assert_ptr_equal(k_fifo_get(&defined, i % 2 == 0 ? K_NO_WAIT : K_FOREVER), &items[i]);
        }
        assert_null(k_fifo_get(&defined, K_NO_WAIT));
        assert_true(k_fifo_is_empty(&defined));
    }
}

static void a_timeout_lasts_as_long_as_it_says(void **state)
{
    int64_t before = k_uptime_ticks();

    assert_null(k_fifo_get(&fifo, SHORT_WAIT));
    assert_true(k_uptime_ticks() - before >= SHORT_WAIT.ticks);
}

/* --- Threads that wait --- */

static struct k_thread threads[WAITERS + PRODUCERS];
static struct item *got[WAITERS];

static void get_one(void *number, void *p2, void *p3)
{
    got[(uintptr_t)number] = k_fifo_get(&fifo, K_FOREVER);
}

/* A little later it waits, most likely; who gets what is right in any case. */
static void queue_up(uintptr_t number, int priority)
{
    k_thread_create(&threads[number], NULL, 0, get_one, (void *)number, NULL, NULL, priority, 0,
                    K_NO_WAIT);
    k_msleep(20);
}

static void end(uintptr_t number)
{
    assert_int_equal(k_thread_join(&threads[number], K_FOREVER), 0);
}

static void waiting_threads_are_given_items(void **state)
{
    bool seen[WAITERS] = {false};

    for (uintptr_t i = 0; i < WAITERS; i++) {
        queue_up(i, (int)i);
    }
    for (unsigned int i = 0; i < WAITERS; i++) {
        k_fifo_put(&fifo, &items[i]);
    }
    for (uintptr_t i = 0; i < WAITERS; i++) {
        end(i);
        assert_false(seen[got[i]->number]);
        seen[got[i]->number] = true;
    }
    assert_true(k_fifo_is_empty(&fifo));
}

static void a_wait_can_be_ended(void **state)
{
    k_fifo_cancel_wait(&fifo); /* nobody waits */
    got[0] = &items[0];
    k_thread_create(&threads[0], NULL, 0, get_one, NULL, NULL, NULL, 0, 0, K_NO_WAIT);
    while (k_thread_join(&threads[0], K_MSEC(5)) != 0) {
        k_fifo_cancel_wait(&fifo);
    }
    assert_null(got[0]);
}

static void who_is_cancelled_leaves_no_trace(void **state)
{
    if (UNDER_ASAN || UNDER_TSAN || race_detector_is_drd()) {
        skip();
    }
    queue_up(0, 1);
    k_thread_abort(&threads[0]);
    k_fifo_put(&fifo, &items[4]);
    assert_ptr_equal(k_fifo_get(&fifo, K_NO_WAIT), &items[4]);
}

static void produce(void *mine, void *p2, void *p3)
{
    struct item *item = mine;

    for (unsigned int i = 1; i <= ROUNDS; i++) {
        item[i].number = i;
        k_fifo_put(&fifo, &item[i]);
    }
}

static void items_of_a_thread_stay_in_order(void **state)
{
    static struct item many[PRODUCERS][ROUNDS + 1];
    unsigned int last[PRODUCERS] = {0};

    for (size_t i = 0; i < PRODUCERS; i++) {
        k_thread_create(&threads[i], NULL, 0, produce, many[i], NULL, NULL, 0, 0, K_NO_WAIT);
    }
    for (unsigned int i = 0; i < PRODUCERS * ROUNDS; i++) {
        const struct item *item = k_fifo_get(&fifo, K_FOREVER);
        size_t whose = (size_t)(item - many[0]) / (ROUNDS + 1);

        assert_int_equal(item->number, last[whose] + 1);
        last[whose] = item->number;
    }
    for (uintptr_t i = 0; i < PRODUCERS; i++) {
        end(i);
    }
    assert_true(k_fifo_is_empty(&fifo));
}

/* --- Handlers --- */

/* As a handler that has interrupted its own thread inside of a call. */
static void in_interrupted_call(void (*handler)(void))
{
    struct visit interrupted;
    struct visit visit;

    guard_enter(&fifo.wait_q.lock, &interrupted);
    visit_begin(&visit);
    handler();
    visit_end(&visit);
    guard_leave(&fifo.wait_q.lock, &interrupted);
}

static void put_three(void)
{
    assert_null(k_fifo_get(&fifo, K_NO_WAIT));
    for (unsigned int i = 1; i <= 3; i++) {
        k_fifo_put(&fifo, &items[i]);
    }
}

static void what_handlers_put_is_put_later_in_order(void **state)
{
    k_fifo_put(&fifo, &items[0]);
    in_interrupted_call(put_three);
    k_fifo_put(&fifo, &items[4]);
    assert_ptr_equal(k_fifo_get(&fifo, K_NO_WAIT), &items[0]);
    assert_ptr_equal(k_fifo_get(&fifo, K_NO_WAIT), &items[4]); /* whose call came before */
    for (unsigned int i = 1; i <= 3; i++) {
        assert_ptr_equal(k_fifo_get(&fifo, K_NO_WAIT), &items[i]);
    }
    in_interrupted_call(put_three);
    assert_ptr_equal(k_fifo_get(&fifo, K_FOREVER), &items[1]); /* as it goes to sleep */
    assert_ptr_equal(k_fifo_get(&fifo, K_NO_WAIT), &items[2]);
}

static void cancel_wait(void)
{
    k_fifo_cancel_wait(&fifo);
}

static void cancel_wait_in_handler(void *arg)
{
    in_interrupted_call(cancel_wait);
}

static void a_handler_may_not_end_a_wait(void **state)
{
    expect_death(cancel_wait_in_handler, NULL,
                 "signal handler ends a wait for items while their queue's lock is taken");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(first_in_first_out, begin),
        cmocka_unit_test_setup(a_timeout_lasts_as_long_as_it_says, begin),
        cmocka_unit_test_setup(waiting_threads_are_given_items, begin),
        cmocka_unit_test_setup(a_wait_can_be_ended, begin),
        cmocka_unit_test_setup(who_is_cancelled_leaves_no_trace, begin),
        cmocka_unit_test_setup(items_of_a_thread_stay_in_order, begin),
        cmocka_unit_test_setup(what_handlers_put_is_put_later_in_order, begin),
        cmocka_unit_test_setup(a_handler_may_not_end_a_wait, begin),
    };

    race_detector_announce();
    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
