/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that are cancelled before they wait for a block, while they do, and at the moment when
 * they get it: nothing stays locked, and no block is lost. The number of rounds may be given as an
 * argument. */
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
#include "../support/race_detector.h"
#include "../support/random.h"
#include "../support/sanitizers.h"
#include "../support/slab_client.h"
#include "../support/slab_queue.h"

/* ThreadSanitizer does not see which locks a thread takes after it was cancelled in sem_wait. */
#define CAN_CANCEL_WAITER (CAN_CANCEL && !UNDER_TSAN)

#define BLOCK_BYTES 32u
#define FEW         3u
#define SAME        K_PRIO_PREEMPT(5)
#define ROUNDS      500u
#define MOST_SPINS  3000u

static size_t rounds = ROUNDS;

static struct k_mem_slab slab; /* of one block, which `held` is */
static _Alignas(16) char buffer[BLOCK_BYTES];
static void *held;
static struct slab_client clients[FEW];
static size_t next_place;

static int begin(void **state)
{
    next_place = 0;
    if (k_mem_slab_init(&slab, buffer, BLOCK_BYTES, 1) != 0) {
        return 1;
    }
    return k_mem_slab_alloc(&slab, &held, K_NO_WAIT);
}

static void skip_where_nothing_can_be_cancelled(void)
{
    if (!CAN_CANCEL_WAITER || race_detector_is_drd()) {
        skip();
    }
}

static void give_held(void)
{
    k_mem_slab_free(&slab, held);
}

static void queue_up_clients(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        clients[i] = (struct slab_client){.slab = &slab,
                                          .timeout = K_FOREVER,
                                          .priority = SAME,
                                          .next_place = &next_place,
                                          .made_by_pthread = true};
        client_queue_up(&clients[i], i + 1);
    }
}

static void cancel(size_t number)
{
    void *result = NULL;

    assert_int_equal(pthread_cancel(clients[number].posix_thread), 0);
    pthread_join(clients[number].posix_thread, &result);
    assert_ptr_equal(result, PTHREAD_CANCELED);
}

/* --- Before --- */

static void *wait_although_cancelled(void *arg)
{
    void *mem;

    pthread_cancel(pthread_self());
    k_mem_slab_alloc(&slab, &mem, K_FOREVER);
    return arg;
}

static void a_thread_that_was_cancelled_before_does_not_wait(void **state)
{
    pthread_t thread;
    void *result = NULL;

    skip_where_nothing_can_be_cancelled();
    assert_int_equal(pthread_create(&thread, NULL, wait_although_cancelled, NULL), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_true(slab_is_at_rest(&slab, 1));
    give_held();
    assert_true(slab_is_at_rest(&slab, 0));
}

static void *do_all_but_wait(void *done)
{
    void *mem = NULL;
    void *none = NULL;

    pthread_cancel(pthread_self());
    bool as_usual = k_mem_slab_alloc(&slab, &mem, K_FOREVER) == 0 &&
                    k_mem_slab_alloc(&slab, &none, K_NO_WAIT) == -ENOMEM;
    k_mem_slab_free(&slab, mem);
    *(bool *)done = as_usual;
    pthread_testcancel();
    return NULL;
}

static void what_does_not_wait_is_no_cancellation_point(void **state)
{
    pthread_t thread;
    void *result = NULL;
    bool done = false;

    skip_where_nothing_can_be_cancelled();
    give_held();
    assert_int_equal(pthread_create(&thread, NULL, do_all_but_wait, &done), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_true(done);
    assert_true(slab_is_at_rest(&slab, 0));
}

/* --- Meanwhile --- */

static void the_only_waiter_leaves_no_trace(void **state)
{
    skip_where_nothing_can_be_cancelled();
    queue_up_clients(1);
    cancel(0);
    assert_true(slab_is_at_rest(&slab, 1));
    give_held();
    assert_int_equal(k_mem_slab_alloc(&slab, &held, K_NO_WAIT), 0);
}

static void those_around_keep_their_order(void **state)
{
    skip_where_nothing_can_be_cancelled();
    for (size_t cancelled = 0; cancelled < FEW; cancelled++) {
        begin(NULL);
        queue_up_clients(FEW);
        cancel(cancelled);
        assert_int_equal(slab_waiters(&slab), FEW - 1);
        give_held();
        for (size_t i = 0; i < FEW; i++) {
            if (i != cancelled) {
                client_end(&clients[i]);
                assert_int_equal(clients[i].place, i < cancelled ? i : i - 1);
            }
        }
        assert_true(slab_is_at_rest(&slab, 0));
    }
}

static void a_waiting_thread_of_zephyrs_can_be_aborted(void **state)
{
    skip_where_nothing_can_be_cancelled();
    clients[0] = (struct slab_client){.slab = &slab, .timeout = K_FOREVER, .priority = SAME};
    client_queue_up(&clients[0], 1);
    k_thread_abort(&clients[0].thread);
    assert_true(slab_is_at_rest(&slab, 1));
    give_held();
    assert_true(slab_is_at_rest(&slab, 0));
}

struct cleaner {
    int result;
    k_tid_t thread;
};

/* The slab, and the priority of the thread itself, can be used. */
static void clean_up(void *arg)
{
    struct cleaner *cleaner = arg;
    void *mem = NULL;

    k_thread_priority_set(k_current_get(), 1);
    k_mem_slab_free(&slab, held);
    cleaner->result = k_mem_slab_alloc(&slab, &mem, K_FOREVER);
}

static void *wait_and_clean_up(void *cleaner)
{
    void *mem = NULL;

    pthread_cleanup_push(clean_up, cleaner);
    k_mem_slab_alloc(&slab, &mem, K_FOREVER);
    pthread_cleanup_pop(0);
    return NULL;
}

static void nothing_is_locked_when_cleanup_handlers_run(void **state)
{
    struct cleaner cleaner = {.result = 1};
    pthread_t thread;

    skip_where_nothing_can_be_cancelled();
    assert_int_equal(pthread_create(&thread, NULL, wait_and_clean_up, &cleaner), 0);
    await_slab_waiters(&slab, 1);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    assert_int_equal(cleaner.result, 0);
    assert_true(slab_is_at_rest(&slab, 1));
}

/* --- At the same moment --- */

/* A thread that cancels another one as soon as it is told to. */
struct canceller {
    pthread_t thread;
    sem_t go;
    sem_t done;
    pthread_t victim;
    uint64_t spins;
    bool ends;
};

static void spin(uint64_t count)
{
    for (volatile uint64_t i = 0; i < count; i++) {
    }
}

static void *cancel_when_told(void *arg)
{
    struct canceller *canceller = arg;

    for (;;) {
        sem_wait(&canceller->go);
        if (canceller->ends) {
            return NULL;
        }
        spin(canceller->spins);
        pthread_cancel(canceller->victim);
        sem_post(&canceller->done);
    }
}

static void begin_canceller(struct canceller *canceller)
{
    canceller->ends = false;
    sem_init(&canceller->go, 0, 0);
    sem_init(&canceller->done, 0, 0);
    assert_int_equal(pthread_create(&canceller->thread, NULL, cancel_when_told, canceller), 0);
}

static void end_canceller(struct canceller *canceller)
{
    canceller->ends = true;
    sem_post(&canceller->go);
    pthread_join(canceller->thread, NULL);
    sem_destroy(&canceller->go);
    sem_destroy(&canceller->done);
}

/* Cancels the first client while the block is given back. */
static void cancel_and_give(struct canceller *canceller, struct random *random)
{
    canceller->victim = clients[0].posix_thread;
    canceller->spins = random_below(random, MOST_SPINS);
    sem_post(&canceller->go);
    spin(random_below(random, MOST_SPINS));
    give_held();
    sem_wait(&canceller->done);
    client_end(&clients[0]);
}

static void hand_over_to_who_is_cancelled(size_t waiters)
{
    static struct canceller canceller;
    struct random random = random_from(waiters);

    begin_canceller(&canceller);
    for (size_t i = scaled_rounds(rounds); i > 0; i--) {
        begin(NULL);
        queue_up_clients(waiters);
        cancel_and_give(&canceller, &random);
        for (size_t j = 1; j < waiters; j++) {
            client_end(&clients[j]); /* it is served, whatever the first has done */
            assert_int_equal(clients[j].result, 0);
        }
        assert_true(next_place == waiters || next_place == waiters - 1);
        assert_true(slab_is_at_rest(&slab, 0));
    }
    end_canceller(&canceller);
}

static void a_block_for_who_is_cancelled_is_not_lost(void **state)
{
    skip_where_nothing_can_be_cancelled();
    hand_over_to_who_is_cancelled(1);
    hand_over_to_who_is_cancelled(FEW);
}

static void a_deadline_may_come_besides(void **state)
{
    static struct canceller canceller;
    struct random random = random_from(1);

    skip_where_nothing_can_be_cancelled();
    begin_canceller(&canceller);
    for (size_t i = scaled_rounds(rounds); i > 0; i--) {
        begin(NULL);
        clients[0] = (struct slab_client){.slab = &slab,
                                          .timeout = K_USEC(random_below(&random, 100)),
                                          .priority = SAME,
                                          .next_place = &next_place,
                                          .made_by_pthread = true};
        client_begin(&clients[0]);
        spin(random_below(&random, 10 * MOST_SPINS));
        cancel_and_give(&canceller, &random);
        assert_true(slab_is_at_rest(&slab, 0));
    }
    end_canceller(&canceller);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_thread_that_was_cancelled_before_does_not_wait),
        TEST(what_does_not_wait_is_no_cancellation_point),
        TEST(the_only_waiter_leaves_no_trace),
        TEST(those_around_keep_their_order),
        TEST(a_waiting_thread_of_zephyrs_can_be_aborted),
        TEST(nothing_is_locked_when_cleanup_handlers_run),
        TEST(a_block_for_who_is_cancelled_is_not_lost),
        TEST(a_deadline_may_come_besides),
    };

    if (argc > 1) {
        rounds = strtoul(argv[1], NULL, 10);
    }
    race_detector_announce();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
