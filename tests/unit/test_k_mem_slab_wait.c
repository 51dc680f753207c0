/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a block of a slab: hand-over, the order in which threads are served, priorities that
 * change meanwhile, and timeouts. The number of runs with 50 waiters may be given as an argument.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/kernel/mem_slab.h>
#include <zephyr/kernel/thread.h>
#include "os/checkers.h"
#include "os/os.h"
#include "../support/race_detector.h"
#include "../support/random.h"
#include "../support/slab_client.h"
#include "../support/slab_queue.h"

#define BLOCK_BYTES 32u
#define BLOCKS      3u
#define FEW         3u
#define MANY        50u
#define NS_PER_MS   1000000u
#define RUNS        20u
#define CHANGES     2000u
#define PRIORITIES  5u
#define SAME        K_PRIO_PREEMPT(5)

static size_t runs = RUNS;

static struct k_mem_slab slab; /* of one block, which `held` is, unless said otherwise */
static _Alignas(16) char buffer[BLOCK_BYTES * BLOCKS];
static void *held;
static struct slab_client clients[MANY];
static size_t next_place;

static int begin_with(uint32_t num_blocks)
{
    next_place = 0;
    memset(clients, 0, sizeof(clients));
    if (k_mem_slab_init(&slab, buffer, BLOCK_BYTES, num_blocks) != 0) {
        return 1;
    }
    return k_mem_slab_alloc(&slab, &held, K_NO_WAIT);
}

static int begin(void **state)
{
    return begin_with(1);
}

/* A client that takes a place in the order, and gives the block on. */
static struct slab_client *client_of(size_t number, int priority, k_timeout_t timeout)
{
    struct slab_client *client = &clients[number];

    *client = (struct slab_client){
        .slab = &slab, .timeout = timeout, .priority = priority, .next_place = &next_place};
    return client;
}

/* One that keeps the block. */
static struct slab_client *keeper_of(size_t number, int priority, k_timeout_t timeout)
{
    struct slab_client *client = client_of(number, priority, timeout);

    client->next_place = NULL;
    return client;
}

static void give_held(void)
{
    k_mem_slab_free(&slab, held);
}

static void end_clients(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        client_end(&clients[i]);
    }
}

/* --- Hand-over --- */

static void a_waiter_gets_the_very_block_and_no_counter_moves(void **state)
{
    struct slab_client *client = keeper_of(0, SAME, K_FOREVER);

    client_queue_up(client, 1);
    struct k_mem_slab_info before = slab.info;
    memset(held, 0x33, BLOCK_BYTES);
    give_held();
    client_end(client);
    assert_int_equal(client->result, 0);
    assert_ptr_equal(client->mem, held);
    assert_int_equal(slab.info.num_used, before.num_used);
    assert_int_equal(slab.info.max_used, before.max_used);
    assert_int_equal(slab.info.changes, before.changes); /* never on the stack */
    assert_true(slab_is_at_rest(&slab, 1));
}

/* Even before the waiter has run. */
static void a_block_that_was_handed_over_is_not_to_be_had(void **state)
{
    void *mem = held;

    client_queue_up(keeper_of(0, SAME, K_FOREVER), 1);
    assert_int_equal(k_mem_slab_alloc(&slab, &mem, K_NO_WAIT), -ENOMEM);
    give_held();
    assert_int_equal(k_mem_slab_alloc(&slab, &mem, K_NO_WAIT), -ENOMEM);
    assert_null(mem);
    client_end(&clients[0]);
    assert_ptr_equal(clients[0].mem, held);
}

static void each_waiter_gets_another_block(void **state)
{
    void *mem[BLOCKS];

    begin_with(BLOCKS);
    mem[0] = held;
    for (size_t i = 1; i < BLOCKS; i++) {
        assert_int_equal(k_mem_slab_alloc(&slab, &mem[i], K_FOREVER), 0);
    }
    client_queue_up(keeper_of(0, SAME, K_FOREVER), 1);
    client_queue_up(keeper_of(1, SAME, K_FOREVER), 2);
    k_mem_slab_free(&slab, mem[1]);
    k_mem_slab_free(&slab, mem[0]);
    assert_int_equal(k_mem_slab_num_used_get(&slab), BLOCKS);
    k_mem_slab_free(&slab, mem[2]); /* nobody waits for it */
    end_clients(2);
    assert_ptr_equal(clients[0].mem, mem[1]);
    assert_ptr_equal(clients[1].mem, mem[0]);
    assert_true(slab_is_at_rest(&slab, BLOCKS - 1));
}

/* --- Order --- */

static void begin_mixed_client(size_t i, struct random *random)
{
    int priority = (int)random_below(random, PRIORITIES) - 2;
    struct slab_client *client = client_of(i, priority, K_FOREVER);

    client->made_by_pthread = random_below(random, 2) == 0;
    if (client->made_by_pthread && random_below(random, 4) == 0) {
        client->priority = CLIENT_NO_PRIORITY;
    }
    client_queue_up(client, i + 1);
}

static size_t place_by_counting(size_t number)
{
    size_t place = 0;

    for (size_t i = 0; i < MANY; i++) {
        place += clients[i].priority < clients[number].priority ||
                 (clients[i].priority == clients[number].priority && i < number);
    }
    return place;
}

static void expect_exact_order(struct random *random)
{
    for (size_t i = 0; i < MANY; i++) {
        begin_mixed_client(i, random);
    }
    give_held();
    end_clients(MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(clients[i].result, 0);
        assert_int_equal(clients[i].place, place_by_counting(i));
    }
    assert_int_equal(next_place, MANY);
    assert_true(slab_is_at_rest(&slab, 0));
}

static void threads_are_served_by_priority_and_arrival(void **state)
{
    struct random random = random_from(11);

    for (size_t i = scaled_rounds(runs); i > 0; i--) {
        begin(NULL);
        expect_exact_order(&random);
    }
}

/* False if that many do not wait before the time is over. */
static bool await_waiters_until(size_t count, uint64_t deadline_ns)
{
    while (slab_waiters(&slab) != count && os_now_ns() < deadline_ns) {
        k_yield();
    }
    return os_now_ns() < deadline_ns;
}

/* Zephyr's test_mslab_alloc_wait_prio. False if the time was too short for this machine. */
static bool the_first_of_the_highest_gets_it(uint64_t ns)
{
    static const int priorities[FEW] = {K_PRIO_PREEMPT(1), K_PRIO_PREEMPT(0), K_PRIO_PREEMPT(0)};
    uint64_t deadline_ns = os_now_ns() + ns;
    bool in_time = true;

    begin(NULL);
    for (size_t i = 0; i < FEW; i++) {
        client_begin(keeper_of(i, priorities[i], K_TIMEOUT_ABS_NS(deadline_ns)));
        in_time = await_waiters_until(i + 1, deadline_ns) && in_time;
    }
    give_held();
    in_time = os_now_ns() < deadline_ns && in_time;
    end_clients(FEW);
    return in_time;
}

static void one_gets_the_block_and_two_time_out(void **state)
{
    uint64_t ns = 20 * NS_PER_MS;

    while (!the_first_of_the_highest_gets_it(ns)) {
        ns *= 2;
    }
    assert_int_equal(clients[0].result, -EAGAIN);
    assert_int_equal(clients[1].result, 0);
    assert_int_equal(clients[2].result, -EAGAIN);
    assert_ptr_equal(clients[1].mem, held);
    assert_ptr_equal(clients[0].mem, &clients[0]);
    assert_ptr_equal(clients[2].mem, &clients[2]);
    assert_true(slab_is_at_rest(&slab, 1));
}

static void queue_up_few_at_the_same_priority(void)
{
    for (size_t i = 0; i < FEW; i++) {
        client_queue_up(client_of(i, SAME, K_FOREVER), i + 1);
    }
}

static void expect_places(size_t first, size_t second, size_t third)
{
    give_held();
    end_clients(FEW);
    assert_int_equal(clients[0].place, first);
    assert_int_equal(clients[1].place, second);
    assert_int_equal(clients[2].place, third);
    assert_true(slab_is_at_rest(&slab, 0));
}

static void a_higher_priority_moves_a_waiter_forward(void **state)
{
    queue_up_few_at_the_same_priority();
    k_thread_priority_set(&clients[2].thread, SAME - 1);
    expect_places(1, 2, 0);
}

static void a_lower_priority_moves_a_waiter_back(void **state)
{
    queue_up_few_at_the_same_priority();
    k_thread_priority_set(&clients[0].thread, SAME + 1);
    expect_places(2, 0, 1);
}

static void the_same_priority_moves_a_waiter_behind_its_equals(void **state)
{
    queue_up_few_at_the_same_priority();
    k_thread_priority_set(&clients[1].thread, SAME);
    expect_places(0, 2, 1);
}

static void the_last_priority_counts(void **state)
{
    queue_up_few_at_the_same_priority();
    k_thread_priority_set(&clients[0].thread, SAME + 3);
    k_thread_priority_set(&clients[1].thread, SAME + 2);
    k_thread_priority_set(&clients[2].thread, SAME + 1);
    k_thread_priority_set(&clients[0].thread, SAME - 3);
    expect_places(0, 2, 1);
}

static void a_lonely_waiter_can_change_its_priority(void **state)
{
    client_queue_up(client_of(0, SAME, K_FOREVER), 1);
    k_thread_priority_set(&clients[0].thread, SAME - 1);
    k_thread_priority_set(&clients[0].thread, SAME + 1);
    client_queue_up(client_of(1, SAME, K_FOREVER), 2);
    client_queue_up(client_of(2, SAME + 1, K_FOREVER), 3);
    expect_places(1, 0, 2);
}

static void come_and_go(void *rounds, void *p2, void *p3)
{
    (void)p2;
    (void)p3;
    for (size_t i = *(size_t *)rounds; i > 0; i--) {
        void *mem;

        if (k_mem_slab_alloc(&slab, &mem, K_USEC(i % 200)) == 0) {
            k_mem_slab_free(&slab, mem);
        }
    }
}

/* Helgrind and DRD do not know that a thread's priority is an atomic variable. */
static void priorities_may_change_all_the_time(void **state)
{
    struct random random = random_from(5);
    size_t rounds = scaled_rounds(CHANGES);

    if (checkers_present != 0) {
        skip();
    }
    for (size_t i = 0; i < FEW; i++) {
        k_thread_create(&clients[i].thread, NULL, 0, come_and_go, &rounds, NULL, NULL, SAME, 0,
                        K_NO_WAIT);
    }
    for (size_t i = rounds; i > 0; i--) {
        k_thread_priority_set(&clients[i % FEW].thread, (int)random_below(&random, PRIORITIES));
        if (i % 64 == 0) {
            give_held();
            k_mem_slab_alloc(&slab, &held, K_FOREVER);
        }
    }
    give_held();
    end_clients(FEW);
    assert_true(slab_is_at_rest(&slab, 0));
}

/* --- Timeouts --- */

static void many_time_out_at_once(void **state)
{
    for (size_t i = 0; i < MANY; i++) {
        client_begin(client_of(i, (int)(i % PRIORITIES), K_MSEC(10)));
    }
    end_clients(MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(clients[i].result, -EAGAIN);
        assert_ptr_equal(clients[i].mem, &clients[i]);
        assert_true(clients[i].waited_ns >= 10 * NS_PER_MS);
    }
    assert_true(slab_is_at_rest(&slab, 1));
    give_held();
    assert_int_equal(k_mem_slab_alloc(&slab, &held, K_NO_WAIT), 0);
}

static void those_around_one_that_times_out_keep_their_order(void **state)
{
    client_queue_up(client_of(0, SAME, K_FOREVER), 1);
    client_queue_up(client_of(1, SAME, K_FOREVER), 2);
    client_begin(client_of(FEW, SAME, K_MSEC(10)));
    client_begin(client_of(FEW + 1, SAME - 1, K_MSEC(10)));
    client_end(&clients[FEW]);
    client_end(&clients[FEW + 1]);
    assert_int_equal(clients[FEW].result, -EAGAIN);
    assert_int_equal(clients[FEW + 1].result, -EAGAIN);
    client_queue_up(client_of(2, SAME, K_FOREVER), 3);
    expect_places(0, 1, 2);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_waiter_gets_the_very_block_and_no_counter_moves),
        TEST(a_block_that_was_handed_over_is_not_to_be_had),
        TEST(each_waiter_gets_another_block),
        TEST(threads_are_served_by_priority_and_arrival),
        TEST(one_gets_the_block_and_two_time_out),
        TEST(a_higher_priority_moves_a_waiter_forward),
        TEST(a_lower_priority_moves_a_waiter_back),
        TEST(the_same_priority_moves_a_waiter_behind_its_equals),
        TEST(the_last_priority_counts),
        TEST(a_lonely_waiter_can_change_its_priority),
        TEST(priorities_may_change_all_the_time),
        TEST(many_time_out_at_once),
        TEST(those_around_one_that_times_out_keep_their_order),
    };

    if (argc > 1) {
        runs = strtoul(argv[1], NULL, 10);
    }
    race_detector_announce();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
