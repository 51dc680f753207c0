/* SPDX-License-Identifier: Apache-2.0 */
/* A signal handler comes after each instruction of a thread that takes and gives blocks, and of one
 * that waits for a block, which the handler gives back: no moment is a bad one. The processor's
 * trap flag sends the signals. To wait takes so many instructions that only after every 7th the
 * block is given back; another distance may be given as an argument. QUARRY_TEST_SCALE multiplies
 * all distances. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel/mem_slab.h>
#include "../support/random.h"
#include "../support/slab_queue.h"
#include "../support/stepping.h"

#define BLOCK_BYTES 32u
#define BLOCKS      4u
#define WATCHDOG_S  110u
#define BACKSTOP_NS 2000000
#define DISTANCE    7u /* less than there are in any stretch with the lock held */

static size_t distance = DISTANCE;

static struct k_mem_slab slab;
static _Alignas(16) char buffer[BLOCK_BYTES * BLOCKS];

static void prepare(void)
{
    stepping_prepare();
    alarm(WATCHDOG_S);
}

/* --- To take and to give --- */

static void *kept[BLOCKS];
static size_t kept_count;

static void take_and_keep(void)
{
    if (k_mem_slab_alloc(&slab, &kept[kept_count], K_NO_WAIT) == 0) {
        kept_count++;
    }
}

static void give_kept(void)
{
    if (kept_count > 0) {
        k_mem_slab_free(&slab, kept[--kept_count]);
    }
}

static void take_and_give(void)
{
    take_and_keep();
    give_kept();
}

/* The stack begins with the same block afterwards, and is another one. */
static void turn_two_around(void)
{
    void *first = NULL;
    void *second = NULL;

    if (k_mem_slab_alloc(&slab, &first, K_NO_WAIT) == 0) {
        if (k_mem_slab_alloc(&slab, &second, K_NO_WAIT) == 0) {
            give_kept();
            k_mem_slab_free(&slab, second);
        }
        k_mem_slab_free(&slab, first);
    }
}

/* What is on the stack, what is fresh, and what the handler has. */
static void begin_slab(size_t used_before, bool handler_has_one)
{
    void *blocks[BLOCKS];

    k_mem_slab_init(&slab, buffer, BLOCK_BYTES, BLOCKS);
    kept_count = 0;
    if (handler_has_one) {
        take_and_keep();
    }
    for (size_t i = 0; i < used_before; i++) {
        k_mem_slab_alloc(&slab, &blocks[i], K_NO_WAIT);
    }
    for (size_t i = 0; i < used_before; i++) {
        k_mem_slab_free(&slab, blocks[i]);
    }
}

static void *own[2];

static void take_own(void)
{
    k_mem_slab_alloc(&slab, &own[1], K_NO_WAIT);
}

static void give_own(void)
{
    k_mem_slab_free(&slab, own[1]);
    own[1] = NULL;
}

static void expect_all_in_order(void)
{
    uint32_t count = (uint32_t)kept_count + (own[1] != NULL ? 2 : 1);

    assert_true(own[0] != own[1]);
    for (size_t i = 0; i < kept_count; i++) {
        assert_true(kept[i] != own[0] && kept[i] != own[1]);
    }
    assert_true(slab_is_at_rest(&slab, count));
}

/* False if the interruption would have come later. */
static bool use_while_stepping(size_t count, void (*use)(void), void (*come)(void))
{
    k_mem_slab_alloc(&slab, &own[0], K_NO_WAIT);
    own[1] = NULL;
    if (use == give_own) {
        take_own();
    }
    stepping_begin(count, come);
    use();
    bool has_come = stepping_end();
    assert_int_equal(own[1] != NULL, use == take_own); /* there are always enough */
    expect_all_in_order();
    return has_come;
}

static void expect_no_bad_moment(void (*use)(void), void (*come)(void), bool handler_has_one)
{
    for (size_t used_before = 0; used_before < BLOCKS; used_before++) {
        size_t count = 1 + used_before % test_scale();

        do {
            begin_slab(used_before, handler_has_one);
            count += test_scale();
        } while (use_while_stepping(count - test_scale(), use, come));
    }
}

static void expect_no_bad_moments(void)
{
    void (*const uses[])(void) = {take_own, give_own};

    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        expect_no_bad_moment(uses[i], take_and_keep, false);
        expect_no_bad_moment(uses[i], take_and_keep, true);
        expect_no_bad_moment(uses[i], give_kept, true);
        expect_no_bad_moment(uses[i], take_and_give, false);
        expect_no_bad_moment(uses[i], turn_two_around, true);
    }
}

static void a_handler_may_take_and_give_at_any_moment(void **state)
{
    prepare();
    expect_no_bad_moments();
    alarm(0);
}

static void *sleep_until_told(void *semaphore)
{
    sem_wait((sem_t *)semaphore);
    return NULL;
}

/* The library does without locked instructions in a process with one thread. */
static void it_may_do_so_in_a_process_with_threads(void **state)
{
    pthread_t thread;
    sem_t told;

    prepare();
    sem_init(&told, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, sleep_until_told, &told), 0);
    expect_no_bad_moments();
    sem_post(&told);
    pthread_join(thread, NULL);
    alarm(0);
}

/* --- To wait --- */

static void *held;
static volatile bool slept; /* the thread came to sleep before its handler came */

static void give_held(void)
{
    k_mem_slab_free(&slab, held);
}

/* If the thread has made no step since the last time. */
static void end_sleep(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    if (stepping_is_still() && slab.wait_q.first != 0) {
        slept = true;
        stepping_come_now(context);
    }
}

static timer_t begin_backstop(void)
{
    const struct itimerspec often = {.it_interval = {.tv_nsec = BACKSTOP_NS},
                                     .it_value = {.tv_nsec = BACKSTOP_NS}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    timer_t timer;

    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &often, NULL), 0);
    return timer;
}

static void wait_while_stepping(size_t count)
{
    void *same = NULL;

    assert_int_equal(k_mem_slab_init(&slab, buffer, BLOCK_BYTES, 1), 0);
    assert_int_equal(k_mem_slab_alloc(&slab, &held, K_NO_WAIT), 0);
    stepping_begin(count, give_held);
    int result = k_mem_slab_alloc(&slab, &same, K_FOREVER);
    stepping_end();
    assert_int_equal(result, 0);
    assert_ptr_equal(same, held);
    assert_true(slab_is_at_rest(&slab, 1));
}

/* It may also have been the machine that was busy, so the thread must have slept several times. */
#define SLEEPS 10u

static void a_handler_may_give_what_is_waited_for_at_any_moment(void **state)
{
    size_t sleeps = 0;

    struct sigaction action = {.sa_sigaction = end_sleep, .sa_flags = SA_SIGINFO | SA_RESTART};

    prepare();
    sigfillset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    timer_t timer = begin_backstop();
    for (size_t count = 1; sleeps < SLEEPS; count += distance) {
        slept = false;
        wait_while_stepping(count);
        sleeps += slept;
    }
    timer_delete(timer);
    alarm(0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_may_take_and_give_at_any_moment),
        cmocka_unit_test(it_may_do_so_in_a_process_with_threads),
        cmocka_unit_test(a_handler_may_give_what_is_waited_for_at_any_moment),
    };

    if (argc > 1) {
        distance = strtoul(argv[1], NULL, 10);
    }
    distance *= test_scale();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
