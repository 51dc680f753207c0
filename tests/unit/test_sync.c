/* SPDX-License-Identifier: Apache-2.0 */
/* Locks, and the order that builds with internal checks enforce. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "os/sync.h"
#include "../support/death.h"

#define ROUNDS 20000

static struct lock low = {.rank = LOCK_RANK_ARENA};
static struct lock middle = {.rank = LOCK_RANK_ARENA + 1};
static struct lock high = {.rank = LOCK_RANK_LAST - 1};

static void *try_in_thread(void *lock)
{
    bool got = lock_try(lock);

    if (got) {
        lock_release(lock);
    }
    return got ? lock : NULL;
}

static bool others_can_take(struct lock *lock)
{
    pthread_t thread;
    void *got = NULL;

    assert_int_equal(pthread_create(&thread, NULL, try_in_thread, lock), 0);
    pthread_join(thread, &got);
    return got != NULL;
}

static void lock_excludes_others(void **state)
{
    assert_true(others_can_take(&low));
    lock_acquire(&low);
    assert_false(others_can_take(&low));
    lock_release(&low);
    assert_true(others_can_take(&low));
    assert_true(lock_try(&low));
    assert_false(others_can_take(&low));
    lock_release(&low);
    assert_true(others_can_take(&low));
}

static void locks_are_released_in_any_order(void **state)
{
    lock_acquire(&low);
    lock_acquire(&middle);
    lock_acquire(&high);
    lock_release(&middle);
    lock_release(&low);
    assert_true(others_can_take(&low));
    assert_true(others_can_take(&middle));
    assert_false(others_can_take(&high));
    lock_release(&high);
    lock_acquire(&low); /* nothing is remembered */
    lock_release(&low);
}

static void trying_keeps_no_order(void **state)
{
    lock_acquire(&high);
    assert_true(lock_try(&middle));
    assert_true(lock_try(&low));
    lock_release(&high);
    lock_release(&middle);
    lock_acquire(&middle); /* higher than low, which is still held */
    lock_release(&low);
    lock_release(&middle);
}

static void *wait_in_thread(void *lock)
{
    bool got = lock_acquire_within(lock, 1);

    if (got) {
        lock_release(lock);
    }
    return got ? lock : NULL;
}

static void waiting_can_end_without_the_lock(void **state)
{
    pthread_t thread;
    void *got = &low;

    lock_acquire(&low);
    assert_int_equal(pthread_create(&thread, NULL, wait_in_thread, &low), 0);
    pthread_join(thread, &got);
    assert_null(got);
    lock_release(&low);
    assert_int_equal(pthread_create(&thread, NULL, wait_in_thread, &low), 0);
    pthread_join(thread, &got);
    assert_ptr_equal(got, &low);
}

static void wait_for_low_after_high(void *arg)
{
    lock_acquire(&high);
    lock_acquire_within(&low, 1);
}

static size_t shared_count;

static void *count_up(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        lock_acquire(&low);
        shared_count++;
        lock_release(&low);
    }
    return arg;
}

static void lock_serialises_threads(void **state)
{
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, NULL), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(shared_count, 4 * ROUNDS);
}

static void take_low_after_high(void *arg)
{
    lock_acquire(&high);
    lock_acquire(&low);
}

static void take_low_after_tried_high(void *arg)
{
    lock_acquire(&middle);
    lock_try(&high);
    lock_release(&middle);
    lock_acquire(&low);
}

static void take_low_between(void *arg)
{
    lock_acquire(&high);
    lock_try(&low); /* the last taken is not the highest */
    lock_acquire(&middle);
}

static void take_same_rank_twice(void *arg)
{
    static struct lock same = {.rank = LOCK_RANK_ARENA};

    lock_acquire(&low);
    lock_acquire(&same);
}

/* Instead of waiting for itself for ever. */
static void take_twice(void *arg)
{
    lock_acquire(&low);
    lock_acquire(&low);
}

static void take_without_rank(void *arg)
{
    static struct lock none;

    lock_acquire(&low);
    lock_acquire(&none);
}

static void locks_against_their_order_die(void **state)
{
    const char *phrase = "locks are taken against their order";

    expect_death(wait_for_low_after_high, NULL, "locks are taken against their order");
    expect_death(take_low_after_high, NULL, phrase);
    expect_death(take_low_after_tried_high, NULL, phrase);
    expect_death(take_low_between, NULL, phrase);
    expect_death(take_same_rank_twice, NULL, phrase);
    expect_death(take_twice, NULL, phrase);
    expect_death(take_without_rank, NULL, phrase);
}

static void release_free_lock(void *arg)
{
    lock_release(&low);
}

static void release_twice(void *arg)
{
    lock_acquire(&low);
    lock_release(&low);
    lock_release(&low);
}

static void *release_in_thread(void *arg)
{
    lock_release(&low);
    return arg;
}

static void release_lock_of_another(void *arg)
{
    pthread_t thread;

    lock_acquire(&low);
    pthread_create(&thread, NULL, release_in_thread, NULL);
    pthread_join(thread, NULL);
}

static void releasing_what_is_not_held_dies(void **state)
{
    const char *phrase = "lock is released by a thread that does not hold it";

    expect_death(release_free_lock, NULL, phrase);
    expect_death(release_twice, NULL, phrase);
    expect_death(release_lock_of_another, NULL, phrase);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lock_excludes_others),
        cmocka_unit_test(locks_are_released_in_any_order),
        cmocka_unit_test(trying_keeps_no_order),
        cmocka_unit_test(locks_against_their_order_die),
        cmocka_unit_test(releasing_what_is_not_held_dies),
        cmocka_unit_test(waiting_can_end_without_the_lock),
        cmocka_unit_test(lock_serialises_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
