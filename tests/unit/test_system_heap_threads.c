/* SPDX-License-Identifier: Apache-2.0 */
/* k_malloc from several threads: the first use by all at once, blocks that change hands, and
 * handlers that interrupt each thread at any moment. */
#define CONFIG_HEAP_MEM_POOL_SIZE 250000 /* as a build of a program would say it */

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
#include "../support/sanitizers.h"
#include "../support/signal_timer.h"

#define THREADS      3u
#define SLOTS        32u
#define ROUNDS       60000u
#define LARGEST      3000u
#define PAUSE_NS     100000 /* between the end of a handler and the next one */
#define HANG_SECONDS 300u

/* --- The first use --- */

static pthread_barrier_t all_are_here;

static void *use_first(void *arg)
{
    (void)arg;
    pthread_barrier_wait(&all_are_here);
    return k_malloc(100);
}

static void the_first_use_can_be_that_of_many(void **state)
{
    pthread_t threads[THREADS];
    void *blocks[THREADS];

    assert_null(_system_heap.heap.heap);
    pthread_barrier_init(&all_are_here, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_first, NULL), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &blocks[i]);
        assert_non_null(blocks[i]);
        for (size_t j = 0; j < i; j++) {
            assert_ptr_not_equal(blocks[i], blocks[j]);
        }
    }
    for (size_t i = 0; i < THREADS; i++) {
        k_free(blocks[i]);
    }
    assert_true(heap_is_empty(&_system_heap));
    pthread_barrier_destroy(&all_are_here);
}

/* --- Blocks that change hands --- */

/* A block knows its size and its tag in its first word. */
struct parcel {
    size_t bytes;
    char contents[];
};

/* Taken out and put back by exchange, so that each parcel is one thread's or a slot's. */
static struct parcel *slots[SLOTS];
static size_t damaged; /* atomic */
static size_t handled; /* atomic */
static volatile bool handlers_allocate;

static struct parcel *fill(struct parcel *parcel, size_t bytes)
{
    if (parcel != NULL) {
        parcel->bytes = bytes;
        heap_block_fill(parcel->contents, bytes, (unsigned int)bytes);
    }
    return parcel;
}

static void check(const struct parcel *parcel, size_t bytes)
{
    if (!heap_block_is_filled(parcel->contents, bytes, (unsigned int)parcel->bytes)) {
        __atomic_add_fetch(&damaged, 1, __ATOMIC_RELAXED);
    }
}

/* Valgrind's race detectors see no order between two who exchange. */
static bool under_race_detector;
static pthread_mutex_t for_detector = PTHREAD_MUTEX_INITIALIZER;

static struct parcel *exchange(size_t slot, struct parcel *parcel)
{
    if (under_race_detector) {
        pthread_mutex_lock(&for_detector);
    }
    struct parcel *other = __atomic_exchange_n(&slots[slot], parcel, __ATOMIC_ACQ_REL);
    if (under_race_detector) {
        pthread_mutex_unlock(&for_detector);
    }
    return other;
}

static void put(size_t slot, struct parcel *parcel)
{
    struct parcel *other = exchange(slot, parcel);

    if (other != NULL) {
        check(other, other->bytes);
    }
    k_free(other);
}

static struct parcel *make(struct random *random)
{
    size_t bytes = random_log_uniform(random, LARGEST);
    size_t align = (size_t)1 << random_below(random, 8);
    size_t size = sizeof(struct parcel) + bytes;

    switch (random_below(random, 3)) {
    case 0:
        return fill(k_malloc(size), bytes);
    case 1:
        return fill(k_calloc(1, size), bytes);
    default:
        return fill(k_aligned_alloc(align, size), bytes);
    }
}

static struct parcel *resize(struct random *random, struct parcel *parcel)
{
    size_t bytes = random_log_uniform(random, LARGEST);
    size_t both = parcel->bytes < bytes ? parcel->bytes : bytes;
    struct parcel *resized = random_below(random, 2) == 0
                                 ? k_realloc(parcel, sizeof(struct parcel) + bytes)
                                 : k_aligned_realloc(parcel, 64, sizeof(struct parcel) + bytes);

    if (resized == NULL) {
        return parcel;
    }
    check(resized, both);
    return fill(resized, bytes);
}

static void step(struct random *random)
{
    size_t slot = (size_t)random_below(random, SLOTS);
    struct parcel *parcel = exchange(slot, NULL);

    if (parcel == NULL) {
        parcel = make(random);
    } else if (random_below(random, 2) == 0) {
        check(parcel, parcel->bytes);
        parcel = resize(random, parcel);
    } else {
        check(parcel, parcel->bytes);
        k_free(parcel);
        parcel = NULL;
    }
    put(slot, parcel);
}

static _Thread_local struct random of_handler;
static _Thread_local timer_t timer;

static void interrupt(int number)
{
    (void)number;
    step(&of_handler);
    __atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
    signal_timer_set(timer, PAUSE_NS);
}

static void *hammer(void *seed)
{
    struct random random = random_from(*(const size_t *)seed);
    size_t rounds = scaled_rounds(ROUNDS);

    of_handler = random_from(*(const size_t *)seed + THREADS);
    if (handlers_allocate) {
        timer = signal_timer_make(SIGUSR2);
        signal_timer_set(timer, PAUSE_NS);
    }
    for (size_t i = 0; i < rounds; i++) {
        step(&random);
    }
    if (handlers_allocate) {
        timer_delete(timer);
    }
    return NULL;
}

static void run_hammers(void)
{
    pthread_t threads[THREADS];
    size_t seeds[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        seeds[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &seeds[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        put(i, NULL);
    }
    assert_int_equal(damaged, 0);
    assert_true(heap_is_empty(&_system_heap));
}

static void blocks_change_hands(void **state)
{
    handlers_allocate = false;
    run_hammers();
}

/* Race detectors do not see the order between a handler that has no lock and the thread that has.
 */
static void blocks_change_hands_with_handlers(void **state)
{
    if (UNDER_TSAN || under_race_detector) {
        skip();
    }
    handlers_allocate = true;
    signal(SIGUSR2, interrupt);
    run_hammers();
    print_message("%zu handlers\n", handled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_use_can_be_that_of_many), /* the first one */
        cmocka_unit_test(blocks_change_hands),
        cmocka_unit_test(blocks_change_hands_with_handlers),
    };

    under_race_detector = race_detector_announce();
    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
