/* SPDX-License-Identifier: Apache-2.0 */
/* k_heap under threads that are cancelled, whose time runs out just when they are served, and that
 * do all of it at once: no byte is lost, and no thread waits for what is free. The number of rounds
 * may be given as an argument. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "kernel/shared_heap.h"
#include "kernel/wait_queue.h"
#include "../support/heap_client.h"
#include "../support/race_detector.h"
#include "../support/random.h"
#include "../support/sanitizers.h"

#define HEAP_BYTES   2048u
#define PIECE        200u
#define FEW          3u
#define ROUNDS       1000u
#define STRESSED     4u
#define STEPS        20000u
#define OWN_BLOCKS   6u
#define MOST_WAIT_US 150u
#define HANG_SECONDS 300u

static size_t rounds = ROUNDS;
static uint64_t seed;

static struct k_heap heap; /* with room for one piece */
static _Alignas(64) char buffer[Z_HEAP_MIN_SIZE_FOR(PIECE)];
static struct k_heap large_heap; /* for everything at once */
static _Alignas(64) char large_buffer[HEAP_BYTES];
static void *held; /* all memory that there is for a piece */
static struct heap_client clients[FEW];

static int begin(void **state)
{
    held = k_heap_alloc(&heap, PIECE, K_NO_WAIT);
    return held != NULL ? 0 : -1;
}

static int end(void **state)
{
    k_heap_free(&heap, held);
    return heap_is_empty(&heap) ? 0 : -1;
}

static void skip_where_nothing_can_be_cancelled(void)
{
    if (UNDER_ASAN || UNDER_TSAN || race_detector_is_drd()) {
        skip();
    }
}

static void begin_client(size_t number, k_timeout_t timeout)
{
    clients[number] = (struct heap_client){
        .heap = &heap, .bytes = PIECE, .timeout = timeout, .priority = (int)number};
    heap_client_begin(&clients[number]);
}

static void queue_up_clients(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        begin_client(i, K_FOREVER);
        await_heap_waiters(&heap, i + 1);
    }
}

static void cancel(size_t number)
{
    assert_int_equal(pthread_cancel(clients[number].thread), 0);
    assert_true(heap_client_end(&clients[number]));
    assert_false(heap_client_is_done(&clients[number]));
}

/* --- Cancelled before, and while asleep --- */

static void *wait_although_cancelled(void *arg)
{
    pthread_cancel(pthread_self());
    k_heap_alloc(&heap, PIECE, K_FOREVER);
    return arg;
}

static void who_was_cancelled_before_does_not_wait(void **state)
{
    pthread_t thread;
    void *result = NULL;

    skip_where_nothing_can_be_cancelled();
    assert_int_equal(pthread_create(&thread, NULL, wait_although_cancelled, NULL), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_true(heap_is_at_rest(&heap));
}

static void *do_all_but_wait(void *arg)
{
    void **kept = arg;

    pthread_cancel(pthread_self());
    void *mem = k_heap_alloc(&heap, PIECE, K_FOREVER); /* there is some */
    void *same = k_heap_realloc(&heap, mem, PIECE / 2, K_FOREVER);
    void *none = k_heap_alloc(&heap, PIECE, K_NO_WAIT);
    void *never = k_heap_alloc(&heap, HEAP_BYTES, K_FOREVER);
    if (mem != NULL && same == mem && none == NULL && never == NULL) {
        *kept = mem;
    }
    k_heap_free(&heap, mem);
    return arg;
}

static void only_waiting_is_a_cancellation_point(void **state)
{
    pthread_t thread;
    void *result = NULL;
    void *kept = NULL;
    void *piece = held;

    skip_where_nothing_can_be_cancelled();
    k_heap_free(&heap, held);
    held = NULL;
    assert_int_equal(pthread_create(&thread, NULL, do_all_but_wait, &kept), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, &kept);
    assert_ptr_equal(kept, piece);
}

static void whoever_is_cancelled_asleep_leaves_the_queue(void **state)
{
    skip_where_nothing_can_be_cancelled();
    for (size_t victim = 0; victim < FEW; victim++) {
        queue_up_clients(FEW);
        cancel(victim);
        assert_int_equal(heap_waiters(&heap), FEW - 1);
        k_heap_free(&heap, held);
        for (size_t i = 0; i < FEW; i++) {
            if (i != victim) {
                assert_false(heap_client_end(&clients[i]));
                assert_ptr_equal(clients[i].mem, held);
                k_heap_free(&heap, held);
            }
        }
        held = k_heap_alloc(&heap, PIECE, K_NO_WAIT);
        assert_non_null(held);
    }
}

static void whoever_is_cancelled_in_time_leaves_too(void **state)
{
    skip_where_nothing_can_be_cancelled();
    begin_client(0, K_SECONDS(1000));
    await_heap_waiters(&heap, 1);
    cancel(0);
    assert_true(heap_is_at_rest(&heap));
}

/* --- Races --- */

/* The first of two is cancelled while memory is given to it: one of them gets it, and after that
 * the other. */
static void race_with_a_cancellation(struct random *random, size_t *served)
{
    queue_up_clients(2);
    if (random_below(random, 2) == 0) {
        pthread_cancel(clients[0].thread);
        k_busy_wait((uint32_t)random_below(random, MOST_WAIT_US));
        k_heap_free(&heap, held);
    } else {
        k_heap_free(&heap, held);
        k_busy_wait((uint32_t)random_below(random, MOST_WAIT_US));
        pthread_cancel(clients[0].thread);
    }
    heap_client_end(&clients[0]);
    if (heap_client_is_done(&clients[0])) {
        assert_ptr_equal(clients[0].mem, held);
        k_heap_free(&heap, held);
        (*served)++;
    }
    assert_false(heap_client_end(&clients[1]));
    assert_ptr_equal(clients[1].mem, held);
    assert_true(heap_is_at_rest(&heap));
}

static void nothing_is_lost_if_a_cancellation_meets_a_hand_over(void **state)
{
    struct random random = random_from(seed);
    size_t served = 0;

    skip_where_nothing_can_be_cancelled();
    for (size_t i = 0; i < rounds; i++) {
        race_with_a_cancellation(&random, &served);
    }
    print_message("%zu of %zu were served\n", served, rounds);
}

static k_timeout_t short_timeout(struct random *random)
{
    return K_USEC(random_below(random, MOST_WAIT_US));
}

/* The time of two clients runs out about when memory is given to them. */
static void race_with_deadlines(struct random *random, size_t *served)
{
    begin_client(0, short_timeout(random));
    begin_client(1, short_timeout(random));
    k_busy_wait((uint32_t)random_below(random, 2 * MOST_WAIT_US));
    k_heap_free(&heap, held);
    for (size_t i = 0; i < 2; i++) {
        assert_false(heap_client_end(&clients[i]));
        if (clients[i].mem != NULL) {
            assert_ptr_equal(clients[i].mem, held);
            k_heap_free(&heap, held);
            (*served)++;
        }
    }
    assert_true(heap_is_empty(&heap));
    assert_ptr_equal(k_heap_alloc(&heap, PIECE, K_NO_WAIT), held);
}

static void nothing_is_lost_if_a_deadline_meets_a_hand_over(void **state)
{
    struct random random = random_from(seed);
    size_t served = 0;

    for (size_t i = 0; i < rounds; i++) {
        race_with_deadlines(&random, &served);
    }
    print_message("%zu of %zu were served\n", served, 2 * rounds);
}

/* Its time is over, and it waits for the lock to say so, while it is served under that lock. */
static void who_is_served_too_late_has_the_block(void **state)
{
    struct wait_queue queue = k_heap_queue(&heap);
    struct stay stay;

    begin_client(0, K_MSEC(20));
    while (heap_waiters(&heap) == 0 && !heap_client_is_done(&clients[0])) {
        k_yield();
    }
    assert_true(wait_queue_enter(&queue, &stay));
    k_msleep(60);
    queue.rules->give(&queue, &stay, held);
    wait_queue_leave(&queue, &stay);
    heap_client_end(&clients[0]);
    if (clients[0].mem != NULL) { /* else it was over before this thread had the lock */
        assert_ptr_equal(clients[0].mem, held);
        k_heap_free(&heap, held);
    }
    held = NULL;
    assert_true(heap_is_empty(&heap));
}

/* --- Everything at once --- */

struct own_block {
    void *mem;
    size_t bytes;
    unsigned int tag;
};

struct stressed {
    pthread_t thread;
    struct random random;
    struct own_block blocks[OWN_BLOCKS];
    unsigned int tag; /* of the next block */
    size_t held;
    size_t damaged;
};

/* Who has a block does not wait for ever: another might do so, too. */
static k_timeout_t any_timeout(struct stressed *self)
{
    switch (random_below(&self->random, 3)) {
    case 0:
        return K_NO_WAIT;
    case 1:
        return self->held == 0 ? K_FOREVER : short_timeout(&self->random);
    default:
        return short_timeout(&self->random);
    }
}

static void fill(struct stressed *self, struct own_block *block, void *mem, size_t bytes)
{
    *block = (struct own_block){mem, bytes, self->tag++};
    heap_block_fill(mem, bytes, block->tag);
}

static void make_block(struct stressed *self, struct own_block *block)
{
    size_t bytes = 1 + (size_t)random_below(&self->random, HEAP_BYTES / 4);
    size_t align =
        random_below(&self->random, 3) == 0 ? (size_t)1 << random_below(&self->random, 8) : 0;
    void *mem = k_heap_aligned_alloc(&large_heap, align, bytes, any_timeout(self));

    if (mem != NULL) {
        self->damaged += align != 0 && (uintptr_t)mem % align != 0;
        fill(self, block, mem, bytes);
        self->held++;
    }
}

static void free_block(struct stressed *self, struct own_block *block)
{
    self->damaged += !heap_block_is_filled(block->mem, block->bytes, block->tag);
    k_heap_free(&large_heap, block->mem);
    block->mem = NULL;
    self->held--;
}

static void resize_block(struct stressed *self, struct own_block *block)
{
    size_t bytes = 1 + (size_t)random_below(&self->random, HEAP_BYTES / 4);
    size_t kept = bytes < block->bytes ? bytes : block->bytes;
    void *mem = k_heap_realloc(&large_heap, block->mem, bytes, any_timeout(self));

    if (mem != NULL) {
        self->damaged += !heap_block_is_filled(mem, kept, block->tag);
        fill(self, block, mem, bytes);
    }
}

static void *stress(void *arg)
{
    struct stressed *self = arg;
    size_t steps = scaled_rounds(STEPS);

    for (size_t i = 0; i < steps; i++) {
        struct own_block *block = &self->blocks[random_below(&self->random, OWN_BLOCKS)];

        if (i % 64 == 0) {
            k_thread_priority_set(k_current_get(), (int)random_below(&self->random, 4));
        }
        if (block->mem == NULL) {
            make_block(self, block);
        } else if (random_below(&self->random, 3) == 0) {
            resize_block(self, block);
        } else {
            free_block(self, block);
        }
    }
    for (size_t i = 0; i < OWN_BLOCKS; i++) {
        if (self->blocks[i].mem != NULL) {
            free_block(self, &self->blocks[i]);
        }
    }
    return NULL;
}

static void threads_keep_their_blocks_and_lose_none(void **state)
{
    static struct stressed threads[STRESSED];

    for (size_t i = 0; i < STRESSED; i++) {
        threads[i] =
            (struct stressed){.random = random_from(seed + i), .tag = (unsigned int)i * 60};
        assert_int_equal(pthread_create(&threads[i].thread, NULL, stress, &threads[i]), 0);
    }
    for (size_t i = 0; i < STRESSED; i++) {
        pthread_join(threads[i].thread, NULL);
        assert_int_equal(threads[i].damaged, 0);
        assert_int_equal(threads[i].held, 0);
    }
    assert_true(heap_is_empty(&large_heap));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(who_was_cancelled_before_does_not_wait),
        TEST(only_waiting_is_a_cancellation_point),
        TEST(whoever_is_cancelled_asleep_leaves_the_queue),
        TEST(whoever_is_cancelled_in_time_leaves_too),
        TEST(nothing_is_lost_if_a_cancellation_meets_a_hand_over),
        TEST(nothing_is_lost_if_a_deadline_meets_a_hand_over),
        TEST(who_is_served_too_late_has_the_block),
        TEST(threads_keep_their_blocks_and_lose_none),
    };

    if (argc > 1) {
        rounds = strtoul(argv[1], NULL, 10);
    } else {
        rounds = scaled_rounds(ROUNDS);
    }
    seed = random_seed_from_args(argc, argv);
    race_detector_announce();
    k_heap_init(&heap, buffer, sizeof(buffer));
    k_heap_init(&large_heap, large_buffer, sizeof(large_buffer));
    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
