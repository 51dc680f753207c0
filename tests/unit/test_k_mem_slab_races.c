/* SPDX-License-Identifier: Apache-2.0 */
/* Slabs that threads meet in: deadlines and blocks that come at the same moment, and more blocks
 * wanted than there are. The number of rounds may be given as an argument. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
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
#include "os/os.h"
#include "../support/race_detector.h"
#include "../support/random.h"
#include "../support/slab_queue.h"

#define BLOCK_BYTES 32u
#define BLOCKS      9u
#define THREADS     4u
#define ROUNDS      2000u
#define WAITERS     2u
#define LEAD_NS     60000u
/* A block comes that much before the deadline at most; and after it, because a thread needs time to
 * wake up and see that it is over. */
#define EARLY_NS 20000u
#define LATE_NS  120000u

static size_t rounds = ROUNDS;

static struct k_mem_slab slab;
static _Alignas(16) char buffer[BLOCK_BYTES * BLOCKS];

static void begin_with(uint32_t num_blocks)
{
    assert_int_equal(k_mem_slab_init(&slab, buffer, BLOCK_BYTES, num_blocks), 0);
}

/* --- Deadline and hand-over --- */

/* Waits until a deadline in each round, and says what came of it. */
struct racer {
    pthread_t thread;
    sem_t go;
    sem_t done;
    uint64_t deadline_ns; /* 0: end */
    int result;
    void *mem;
};

static void *race(void *arg)
{
    struct racer *racer = arg;

    for (;;) {
        sem_wait(&racer->go);
        if (racer->deadline_ns == 0) {
            return arg;
        }
        racer->mem = racer;
        racer->result = k_mem_slab_alloc(&slab, &racer->mem, K_TIMEOUT_ABS_NS(racer->deadline_ns));
        sem_post(&racer->done);
    }
}

static void begin_racer(struct racer *racer)
{
    sem_init(&racer->go, 0, 0);
    sem_init(&racer->done, 0, 0);
    assert_int_equal(pthread_create(&racer->thread, NULL, race, racer), 0);
}

static void go(struct racer *racer, uint64_t deadline_ns)
{
    racer->deadline_ns = deadline_ns;
    sem_post(&racer->go);
}

static void end_racer(struct racer *racer)
{
    go(racer, 0);
    pthread_join(racer->thread, NULL);
    sem_destroy(&racer->go);
    sem_destroy(&racer->done);
}

/* Returns how many got a block, and gives it back. */
static uint32_t count_winners(struct racer *racers, const void *block)
{
    uint32_t winners = 0;
    bool in_order = true;

    for (size_t i = 0; i < WAITERS; i++) {
        sem_wait(&racers[i].done);
        if (racers[i].result == 0) {
            in_order = in_order && racers[i].mem == block;
            winners++;
        } else {
            in_order = in_order && racers[i].result == -EAGAIN && racers[i].mem == &racers[i];
        }
    }
    assert_true(in_order);
    return winners;
}

static void run_race(struct racer *racers, struct random *random)
{
    uint64_t deadline_ns = os_now_ns() + LEAD_NS;
    uint64_t free_ns = deadline_ns - EARLY_NS + random_below(random, EARLY_NS + LATE_NS);
    void *mem = NULL;

    assert_int_equal(k_mem_slab_alloc(&slab, &mem, K_NO_WAIT), 0);
    for (size_t i = 0; i < WAITERS; i++) {
        go(&racers[i], deadline_ns + random_below(random, 1000));
    }
    while (os_now_ns() < free_ns) {
    }
    k_mem_slab_free(&slab, mem);
    uint32_t winners = count_winners(racers, mem);
    assert_true(winners <= 1);
    assert_true(slab_is_at_rest(&slab, winners));
    if (winners == 1) {
        k_mem_slab_free(&slab, mem);
    }
}

static void a_deadline_and_a_block_that_meet_have_one_outcome(void **state)
{
    static struct racer racers[WAITERS];
    struct random random = random_from(3);

    begin_with(1);
    for (size_t i = 0; i < WAITERS; i++) {
        begin_racer(&racers[i]);
    }
    for (size_t i = scaled_rounds(rounds); i > 0; i--) {
        run_race(racers, &random);
    }
    for (size_t i = 0; i < WAITERS; i++) {
        end_racer(&racers[i]);
    }
    assert_true(slab_is_at_rest(&slab, 0));
}

/* --- More is wanted than there is --- */

#define UPSTREAM_ROUNDS 10u
#define UPSTREAM_BLOCKS 3u

struct user {
    struct k_thread thread;
    char stamp;
    uint32_t seed;
    bool intact;
};

/* Zephyr's mslab_threadsafe: each thread holds three blocks at once. There are enough for one of
 * them to get all of its own, whoever has the others. */
static void use_three_blocks(void *arg, void *p2, void *p3)
{
    void *blocks[UPSTREAM_BLOCKS];

    (void)p2;
    (void)p3;
    for (size_t round = 0; round < UPSTREAM_ROUNDS; round++) {
        for (size_t i = 0; i < UPSTREAM_BLOCKS; i++) {
            k_mem_slab_alloc(&slab, &blocks[i], K_FOREVER);
            memset(blocks[i], *(char *)arg, BLOCK_BYTES);
        }
        k_yield();
        for (size_t i = 0; i < UPSTREAM_BLOCKS; i++) {
            k_mem_slab_free(&slab, blocks[i]);
        }
    }
}

static void four_threads_with_three_blocks_each_go_on(void **state)
{
    static struct k_thread threads[THREADS];
    static char stamps[THREADS];

    begin_with(BLOCKS);
    for (size_t i = 0; i < THREADS; i++) {
        stamps[i] = (char)i;
        k_thread_create(&threads[i], NULL, 0, use_three_blocks, &stamps[i], NULL, NULL,
                        K_PRIO_PREEMPT((int)i), 0, K_NO_WAIT);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(k_thread_join(&threads[i], K_FOREVER), 0);
    }
    assert_true(slab_is_at_rest(&slab, 0));
}

static k_timeout_t any_timeout(struct random *random)
{
    switch (random_below(random, 4)) {
    case 0:
        return K_NO_WAIT;
    case 1:
        return K_USEC(random_below(random, 100));
    default:
        return K_FOREVER;
    }
}

static void use_block(void *arg, void *p2, void *p3)
{
    struct user *user = arg;
    struct random random = random_from(user->seed);
    char expected[BLOCK_BYTES];

    (void)p2;
    (void)p3;
    memset(expected, user->stamp, sizeof(expected));
    for (size_t i = scaled_rounds(rounds * 5); i > 0; i--) {
        void *mem = NULL;

        if (k_mem_slab_alloc(&slab, &mem, any_timeout(&random)) == 0) {
            memset(mem, user->stamp, BLOCK_BYTES);
            if (random_below(&random, 16) == 0) {
                k_yield();
            }
            user->intact = user->intact && memcmp(mem, expected, BLOCK_BYTES) == 0;
            k_mem_slab_free(&slab, mem);
        }
    }
}

static void expect_use_of(uint32_t num_blocks)
{
    static struct user users[THREADS];

    begin_with(num_blocks);
    for (uint32_t i = 0; i < THREADS; i++) {
        users[i] = (struct user){.stamp = (char)(i + 1), .seed = i, .intact = true};
        k_thread_create(&users[i].thread, NULL, 0, use_block, &users[i], NULL, NULL,
                        K_PRIO_PREEMPT((int)i / 2), 0, K_NO_WAIT);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(k_thread_join(&users[i].thread, K_FOREVER), 0);
        assert_true(users[i].intact);
    }
    assert_true(slab_is_at_rest(&slab, 0));
}

static void threads_share_what_there_is(void **state)
{
    expect_use_of(1);
    expect_use_of(2);
    expect_use_of(THREADS - 1);
    expect_use_of(THREADS);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_and_a_block_that_meet_have_one_outcome),
        cmocka_unit_test(four_threads_with_three_blocks_each_go_on),
        cmocka_unit_test(threads_share_what_there_is),
    };

    if (argc > 1) {
        rounds = strtoul(argv[1], NULL, 10);
    }
    race_detector_announce();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
