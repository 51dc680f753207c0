/* SPDX-License-Identifier: Apache-2.0 */
/* Bit arrays and threads: each bit has one owner, calls on regions happen at once, calls with two
 * arrays wait for each other in no circle, and a child of a fork can use what other threads were
 * in the middle of changing. */
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
#include <unistd.h>
#include <cmocka.h>
#include <quarry/bitarray.h>
#include "../support/bit_owners.h"
#include "../support/death.h"
#include "../support/race_detector.h"
#include "../support/random.h"

#define THREADS    3u
#define RUNS       16u
#define ROUNDS     20000u
#define FORKS      300u
#define LARGE      4500u
#define WATCHDOG_S 100u

static sys_bitarray_t array, other;
static uint32_t storage[QUARRY_BITARRAY_WORDS(LARGE)], other_storage[QUARRY_BITARRAY_WORDS(LARGE)];
static sem_t stops; /* one for each thread that is to end */

static bool is_to_stop(void)
{
    return sem_trywait(&stops) == 0;
}

static void begin(uint32_t num_bits)
{
    const size_t words = sizeof(storage) / sizeof(storage[0]);

    alarm(WATCHDOG_S);
    bit_owners_begin();
    assert_int_equal(quarry_bitarray_init(&array, num_bits, storage, words), 0);
    assert_int_equal(quarry_bitarray_init(&other, num_bits, other_storage, words), 0);
}

/* --- Allocating --- */

static void *take_and_give(void *arg)
{
    struct random random = random_from((uintptr_t)arg);
    struct bit_run runs[RUNS] = {{0, 0}};

    for (size_t round = scaled_rounds(ROUNDS); round > 0; round--) {
        struct bit_run *run = &runs[random_below(&random, RUNS)];

        bit_owners_give(&array, run);
        *run = bit_owners_take(&array, random_log_uniform(&random, 200));
    }
    for (size_t i = 0; i < RUNS; i++) {
        bit_owners_give(&array, &runs[i]);
    }
    return NULL;
}

static void share(uint32_t num_bits)
{
    pthread_t threads[THREADS];

    begin(num_bits);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, (void *)(i + 1)), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(bit_owners_were_right());
    assert_true(sys_bitarray_is_region_cleared(&array, num_bits, 0));
    assert_true(bit_owners_find_all(&array));
}

static void each_bit_has_one_owner(void **state)
{
    (void)state;
    share(300);
    share(2048);
    share(LARGE);
}

/* --- Regions --- */

#define REGION_BITS 150u
#define REGION_AT   21u

static void *set_and_clear(void *arg)
{
    size_t value = 0;

    while (!is_to_stop()) {
        if (value++ % 2 == 0) {
            sys_bitarray_set_region(&array, REGION_BITS, REGION_AT);
        } else {
            sys_bitarray_clear_region(&array, REGION_BITS, REGION_AT);
        }
    }
    return arg;
}

static void regions_change_at_once(void **state)
{
    pthread_t thread;
    (void)state;

    begin(300);
    assert_int_equal(pthread_create(&thread, NULL, set_and_clear, NULL), 0);
    for (size_t round = scaled_rounds(ROUNDS); round > 0; round--) {
        size_t count, found = 0;

        sys_bitarray_popcount_region(&array, REGION_BITS, REGION_AT, &count);
        assert_true(count == 0 || count == REGION_BITS);
        int result = sys_bitarray_find_nth_set(&array, 1, REGION_BITS, REGION_AT, &found);
        assert_true(result == 1 || found == REGION_AT);
        result = sys_bitarray_test_and_set_region(&array, REGION_BITS, REGION_AT, false);
        assert_true(result == 0 || result == -EEXIST);
    }
    sem_post(&stops);
    pthread_join(thread, NULL);
}

/* --- Two arrays --- */

static void *invert_other(void *arg)
{
    for (size_t round = scaled_rounds(ROUNDS); round > 0; round--) {
        sys_bitarray_xor(&other, &array, 300, 0);
    }
    return arg;
}

/* However they take turns, each array holds one of two patterns or what both make, in all words the
 * same. */
static void arrays_may_be_named_in_either_order(void **state)
{
    const uint32_t a = 0x0f3355aa, b = 0x13579bdf;
    pthread_t thread;
    (void)state;

    begin(300);
    for (size_t i = 0; i < 10; i++) {
        array.bundles[i] = a;
        other.bundles[i] = b;
    }
    assert_int_equal(pthread_create(&thread, NULL, invert_other, NULL), 0);
    for (size_t round = scaled_rounds(ROUNDS); round > 0; round--) {
        assert_int_equal(sys_bitarray_xor(&array, &other, 300, 0), 0);
    }
    pthread_join(thread, NULL);
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(array.bundles[i], array.bundles[0]);
        assert_int_equal(other.bundles[i], other.bundles[0]);
    }
    assert_true(array.bundles[0] == a || array.bundles[0] == b || array.bundles[0] == (a ^ b));
    assert_true(other.bundles[0] == a || other.bundles[0] == b || other.bundles[0] == (a ^ b));
    assert_int_not_equal(array.bundles[0], other.bundles[0]);
}

/* --- Forks --- */

/* All but some bits are set, so that words of the summary fill up and empty all the time. */
static void *fill_and_empty(void *arg)
{
    struct random random = random_from((uintptr_t)arg);

    while (!is_to_stop()) {
        size_t length = 1 + (size_t)random_below(&random, 3), offset;

        if (sys_bitarray_alloc(&array, length, &offset) == 0) {
            sys_bitarray_free(&array, length, offset);
        }
    }
    return NULL;
}

static void find_all(void *arg)
{
    (void)arg;
    if (!bit_owners_find_all(&array)) {
        _exit(1);
    }
    if (sys_bitarray_clear_region(&array, LARGE, 0) != 0 || sys_bitarray_free(&array, 1, 0) == 0) {
        _exit(2);
    }
}

static void a_child_finds_all_bits(void **state)
{
    pthread_t threads[2];
    (void)state;

    if (race_detector_announce()) {
        skip(); /* they believe that a thread of the parent holds the lock still */
    }
    begin(LARGE);
    sys_bitarray_set_region(&array, LARGE, 0);
    sys_bitarray_clear_region(&array, 1, 10);
    sys_bitarray_clear_region(&array, 3, LARGE - 4);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, fill_and_empty, (void *)(i + 1)), 0);
    }
    for (size_t i = scaled_rounds(FORKS); i > 0; i--) {
        struct death death = death_of(find_all, NULL);

        assert_string_equal(death.message, "");
        assert_int_equal(death.signal, 0);
        assert_int_equal(death.exit_code, 0);
    }
    sem_post(&stops);
    sem_post(&stops);
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(bit_owners_find_all(&array));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bit_has_one_owner),
        cmocka_unit_test(regions_change_at_once),
        cmocka_unit_test(arrays_may_be_named_in_either_order),
        cmocka_unit_test(a_child_finds_all_bits),
    };

    sem_init(&stops, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
