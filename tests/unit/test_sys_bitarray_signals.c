/* SPDX-License-Identifier: Apache-2.0 */
/* Bit arrays in signal handlers, which come at any moment of several threads that use the same
 * array: no bit has two owners, and none is lost. test_sys_bitarray_steps.c has one thread, and all
 * moments. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/bitarray.h>
#include "../support/bit_owners.h"
#include "../support/random.h"
#include "../support/signal_timer.h"

#define THREADS      3u
#define RUNS         6u
#define ROUNDS       60000u
#define LARGE        4500u
#define HANDLER_RUNS 2u
#define LONGEST_NS   30000

static sys_bitarray_t array;
static uint32_t storage[QUARRY_BITARRAY_WORDS(LARGE)];

/* Of each thread's handler. */
static _Thread_local struct random random_of_handler;
static _Thread_local struct bit_run runs_of_handler[HANDLER_RUNS];
static _Thread_local timer_t timer;
static _Thread_local volatile bool handled;

static void take_and_give_in_handler(int number)
{
    struct bit_run *run = &runs_of_handler[random_below(&random_of_handler, HANDLER_RUNS)];
    (void)number;

    bit_owners_give(&array, run);
    *run = bit_owners_take(&array, random_log_uniform(&random_of_handler, 100));
    handled = true;
    signal_timer_set(timer, 1 + (long)random_below(&random_of_handler, LONGEST_NS));
}

/* At least until a handler has come: tools deliver signals late. */
static void take_and_give(struct random *random)
{
    struct bit_run runs[RUNS] = {{0, 0}};

    for (size_t round = 0; round < scaled_rounds(ROUNDS) || !handled; round++) {
        struct bit_run *run = &runs[random_below(random, RUNS)];

        bit_owners_give(&array, run);
        *run = bit_owners_take(&array, random_log_uniform(random, 100));
    }
    for (size_t i = 0; i < RUNS; i++) {
        bit_owners_give(&array, &runs[i]);
    }
}

static void *play(void *arg)
{
    struct random random = random_from((uintptr_t)arg);
    sigset_t signals;

    random_of_handler = random_from((uintptr_t)arg + 100);
    memset(runs_of_handler, 0, sizeof(runs_of_handler));
    handled = false;
    timer = signal_timer_make(SIGALRM);
    signal_timer_set(timer, 1000);
    take_and_give(&random);
    sigemptyset(&signals);
    sigaddset(&signals, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    timer_delete(timer);
    for (size_t i = 0; i < HANDLER_RUNS; i++) {
        bit_owners_give(&array, &runs_of_handler[i]);
    }
    return NULL;
}

/* All but `bits` bits in the middle are set by nobody, so that these are fought for. */
static void fight_for(uint32_t num_bits, size_t bits)
{
    struct sigaction action = {.sa_handler = take_and_give_in_handler, .sa_flags = SA_RESTART};
    const size_t first = (num_bits - bits) / 2;
    pthread_t threads[THREADS];

    assert_int_equal(
        quarry_bitarray_init(&array, num_bits, storage, sizeof(storage) / sizeof(storage[0])), 0);
    sys_bitarray_set_region(&array, num_bits, 0);
    sys_bitarray_clear_region(&array, bits, first);
    bit_owners_begin();
    sigaction(SIGALRM, &action, NULL);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, play, (void *)(i + 1)), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(bit_owners_were_right());
    assert_true(sys_bitarray_is_region_cleared(&array, bits, first));
    assert_true(sys_bitarray_is_region_set(&array, first, 0));
    assert_true(sys_bitarray_is_region_set(&array, num_bits - first - bits, first + bits));
    assert_true(bit_owners_find_all(&array));
}

static void small_arrays(void **state)
{
    (void)state;
    fight_for(300, 290);
    fight_for(2048, 100);
}

static void large_arrays(void **state)
{
    (void)state;
    fight_for(LARGE, 100);
    fight_for(LARGE, 700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_arrays),
        cmocka_unit_test(large_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
