/* SPDX-License-Identifier: Apache-2.0 */
/* The program's own locks: one thread at a time, no signal handler meanwhile, in any order. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include <zephyr/spinlock.h>
#include "../support/race_detector.h"

#define THREADS      4u
#define ROUNDS       2000u
#define HANG_SECONDS 60u

static struct k_spinlock lock;
static struct k_spinlock other;
static unsigned int counter;
static volatile sig_atomic_t handled;

K_MEM_SLAB_DEFINE_STATIC(slab, 16, 1, 8);

static void count(void *p1, void *p2, void *p3)
{
    for (unsigned int i = 0; i < ROUNDS; i++) {
        k_spinlock_key_t key = k_spin_lock(&lock);
        counter++;
        k_spin_unlock(&lock, key);
        K_SPINLOCK(&lock)
        {
            counter++;
            if (i % 2 == 0) {
                K_SPINLOCK_BREAK;
            }
            counter++;
        }
    }
}

static void one_thread_at_a_time(void **state)
{
    static struct k_thread threads[THREADS];

    counter = 0;
    for (size_t i = 0; i < THREADS; i++) {
        k_thread_create(&threads[i], NULL, 0, count, NULL, NULL, NULL, 0, 0, K_NO_WAIT);
    }
    for (size_t i = 0; i < THREADS; i++) {
        k_thread_join(&threads[i], K_FOREVER);
    }
    assert_int_equal(counter, THREADS * (ROUNDS * 2 + ROUNDS / 2));
}

static void try_it(void *result, void *p2, void *p3)
{
    k_spinlock_key_t key;

    *(int *)result = k_spin_trylock(&lock, &key);
    if (*(int *)result == 0) {
        k_spin_unlock(&lock, key);
    }
}

static int tried_elsewhere(void)
{
    struct k_thread thread;
    int result = 1;

    k_thread_create(&thread, NULL, 0, try_it, &result, NULL, NULL, 0, 0, K_NO_WAIT);
    k_thread_join(&thread, K_FOREVER);
    return result;
}

static void who_tries_does_not_wait(void **state)
{
    k_spinlock_key_t key;

    assert_int_equal(k_spin_trylock(&lock, &key), 0);
    assert_int_equal(tried_elsewhere(), -EBUSY);
    k_spin_unlock(&lock, key);
    assert_int_equal(tried_elsewhere(), 0);
}

static void take_in_handler(int number)
{
    k_spinlock_key_t key = k_spin_lock(&lock);

    handled++;
    k_spin_unlock(&lock, key);
}

static void handlers_stay_away(void **state)
{
    signal(SIGUSR1, take_in_handler);
    handled = 0;
    k_spinlock_key_t outer = k_spin_lock(&lock);
    k_spinlock_key_t inner = k_spin_lock(&other);
    raise(SIGUSR1);
    k_spin_unlock(&lock, outer); /* in any order */
    assert_int_equal(handled, 0);
    k_spin_unlock(&other, inner);
    assert_int_equal(handled, 1);
    raise(SIGUSR1);
    assert_int_equal(handled, 2);
    signal(SIGUSR1, SIG_DFL);
}

static void what_was_blocked_stays_blocked(void **state)
{
    sigset_t set;
    sigset_t after;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    k_spin_unlock(&lock, k_spin_lock(&lock));
    pthread_sigmask(SIG_UNBLOCK, &set, &after);
    assert_true(sigismember(&after, SIGUSR2));
    assert_false(sigismember(&after, SIGUSR1));
}

static void memory_can_be_used_inside(void **state)
{
    void *mem = NULL;

    K_SPINLOCK(&lock)
    {
        K_SPINLOCK(&other)
        {
            k_mem_slab_alloc(&slab, &mem, K_NO_WAIT);
            k_mem_slab_free(&slab, mem);
        }
    }
    assert_non_null(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_at_a_time),
        cmocka_unit_test(who_tries_does_not_wait),
        cmocka_unit_test(handlers_stay_away),
        cmocka_unit_test(what_was_blocked_stays_blocked),
        cmocka_unit_test(memory_can_be_used_inside),
    };

    race_detector_announce();
    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
