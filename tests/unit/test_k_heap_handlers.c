/* SPDX-License-Identifier: Apache-2.0 */
/* k_heap, used by several threads and by handlers that interrupt each of them at any moment. */
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
#include "../support/heap_client.h"
#include "../support/race_detector.h"
#include "../support/random.h"
#include "../support/signal_timer.h"

#define HEAP_BYTES   4096u
#define PIECE        200u
#define HAMMERS      2u
#define SLOTS        8u
#define ROUNDS       100000u
#define PAUSE_NS     100000 /* between the end of a handler and the next one */
#define HANG_SECONDS 300u

static struct k_heap heap;
static _Alignas(64) char buffer[HEAP_BYTES];

/* A thread and its handler, which take from each other's slots. Both check what is in the blocks:
 * the number of their slot. */
struct hammer {
    pthread_t thread;
    timer_t timer;
    struct random random;
    void *
        for_handler[SLOTS]; /* atomic, as the next: blocks of the thread, for the handler to free */
    void *for_thread[SLOTS]; /* blocks that the handler has made */
    size_t damaged;          /* the handler's and the thread's, which are one thread */
    size_t handled;
    size_t made;
};

/* Race detectors do not see the order between a handler that has no lock and the thread that has.
 */
static size_t hammer_count = HAMMERS;
static struct hammer hammers[HAMMERS];
static _Thread_local struct hammer *own_hammer;

static void free_from(struct hammer *hammer, void **slot, size_t number)
{
    unsigned char *block = __atomic_exchange_n(slot, NULL, __ATOMIC_RELAXED);

    if (block != NULL) {
        hammer->damaged += !heap_block_is_filled(block, 8, (unsigned int)number);
        k_heap_free(&heap, block);
    }
}

static bool make_for(void **slot, size_t number, size_t bytes)
{
    void *block = k_heap_alloc(&heap, bytes, K_NO_WAIT);

    if (block == NULL) {
        return false;
    }
    heap_block_fill(block, 8, (unsigned int)number);
    block = __atomic_exchange_n(slot, block, __ATOMIC_RELAXED);
    k_heap_free(&heap, block); /* a handler has been here in between */
    return true;
}

static void hammer_in_handler(int number)
{
    struct hammer *hammer = own_hammer;
    size_t slot = hammer->handled++ % SLOTS;

    (void)number;
    free_from(hammer, &hammer->for_handler[slot], slot);
    if (hammer->for_thread[slot] == NULL) {
        hammer->made += make_for(&hammer->for_thread[slot], slot, 8 + slot);
    }
    signal_timer_set(hammer->timer, PAUSE_NS);
}

static void *hammer_heap(void *arg)
{
    struct hammer *hammer = arg;
    size_t rounds = scaled_rounds(ROUNDS);

    own_hammer = hammer;
    hammer->timer = signal_timer_make(SIGUSR2);
    signal_timer_set(hammer->timer, PAUSE_NS);
    for (size_t i = 0; i < rounds || hammer->handled < 4 * SLOTS; i++) {
        size_t slot = (size_t)random_below(&hammer->random, SLOTS);

        free_from(hammer, &hammer->for_thread[slot], slot);
        make_for(&hammer->for_handler[slot], slot,
                 8 + (size_t)random_below(&hammer->random, PIECE));
    }
    timer_delete(hammer->timer);
    return NULL;
}

static void nothing_is_lost_between_threads_and_their_handlers(void **state)
{
    signal(SIGUSR2, hammer_in_handler);
    for (size_t i = 0; i < hammer_count; i++) {
        hammers[i] = (struct hammer){.random = random_from(i)};
        assert_int_equal(pthread_create(&hammers[i].thread, NULL, hammer_heap, &hammers[i]), 0);
    }
    for (size_t i = 0; i < hammer_count; i++) {
        pthread_join(hammers[i].thread, NULL);
    }
    for (size_t i = 0; i < hammer_count; i++) {
        print_message("%zu handlers made %zu blocks\n", hammers[i].handled, hammers[i].made);
        for (size_t slot = 0; slot < SLOTS; slot++) {
            free_from(&hammers[i], &hammers[i].for_handler[slot], slot);
            free_from(&hammers[i], &hammers[i].for_thread[slot], slot);
        }
        assert_int_equal(hammers[i].damaged, 0);
    }
    assert_true(heap_is_empty(&heap));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_between_threads_and_their_handlers),
    };

    if (race_detector_announce()) {
        hammer_count = 1;
    }
    k_heap_init(&heap, buffer, sizeof(buffer));
    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
