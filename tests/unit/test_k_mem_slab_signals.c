/* SPDX-License-Identifier: Apache-2.0 */
/* Slabs in signal handlers that come at any moment: the same slab that the interrupted thread uses,
 * the very block that it waits for, and threads that hold the slab's lock. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
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
#include <zephyr/kernel/mem_slab.h>
#include "../support/random.h"
#include "../support/slab_queue.h"

#define BLOCK_BYTES     32u
#define BLOCKS          4u
#define THREADS         3u
#define ROUNDS          20000u
#define WAITS           500u
#define INTERRUPTS      500u
#define WATCHDOG_S      100u
#define TIMER_NS        100000
#define OWN_STAMP       0x11
#define HANDLER_STAMP   0x22
#define ERRNO_OF_OTHERS 99

static struct k_mem_slab slab;
static _Alignas(16) char buffer[BLOCK_BYTES * BLOCKS];

/* What handlers find out; they may not fail a test. Both are atomic. */
static size_t handled;
static bool wrong;

static void note_handled(void)
{
    __atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
}

static size_t count_handled(void)
{
    return __atomic_load_n(&handled, __ATOMIC_RELAXED);
}

static void expect(bool condition)
{
    if (!condition) {
        __atomic_store_n(&wrong, true, __ATOMIC_RELAXED);
    }
}

static void begin_with(uint32_t num_blocks, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};

    assert_int_equal(k_mem_slab_init(&slab, buffer, BLOCK_BYTES, num_blocks), 0);
    handled = 0;
    wrong = false;
    sigaction(SIGUSR1, &action, NULL);
    alarm(WATCHDOG_S);
}

static void *take(void)
{
    void *mem = NULL;

    k_mem_slab_alloc(&slab, &mem, K_NO_WAIT);
    return mem;
}

static void end(uint32_t num_used)
{
    alarm(0);
    signal(SIGUSR1, SIG_IGN);
    assert_false(wrong);
    assert_true(slab_is_at_rest(&slab, num_used));
}

static bool is_filled(const void *mem, int stamp)
{
    char expected[BLOCK_BYTES];

    memset(expected, stamp, sizeof(expected));
    return memcmp(mem, expected, sizeof(expected)) == 0;
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) { /* a handler came in between */
    }
}

/* --- A thread that interrupts others all the time --- */

struct pest {
    pthread_t thread;
    pthread_t targets[THREADS];
    size_t count;
    bool stop; /* atomic */
};

static void *interrupt_all_the_time(void *arg)
{
    const struct pest *pest = arg;

    while (!__atomic_load_n(&pest->stop, __ATOMIC_ACQUIRE)) {
        for (size_t i = 0; i < pest->count; i++) {
            pthread_kill(pest->targets[i], SIGUSR1);
            k_busy_wait(5);
        }
    }
    return NULL;
}

static void begin_pest(struct pest *pest)
{
    __atomic_store_n(&pest->stop, false, __ATOMIC_RELEASE);
    assert_int_equal(pthread_create(&pest->thread, NULL, interrupt_all_the_time, pest), 0);
}

static void end_pest(struct pest *pest)
{
    __atomic_store_n(&pest->stop, true, __ATOMIC_RELEASE);
    pthread_join(pest->thread, NULL);
}

/* --- The same slab --- */

static void use_block_in_handler(int number)
{
    void *mem = &slab;
    int saved_errno = errno;

    (void)number;
    errno = ERRNO_OF_OTHERS;
    if (k_mem_slab_alloc(&slab, &mem, K_NO_WAIT) == 0) {
        memset(mem, HANDLER_STAMP, BLOCK_BYTES);
        expect(is_filled(mem, HANDLER_STAMP));
        k_mem_slab_free(&slab, mem);
    } else {
        expect(mem == NULL);
    }
    expect(errno == ERRNO_OF_OTHERS);
    errno = saved_errno;
    note_handled();
}

static void use_blocks(size_t count)
{
    void *mem[BLOCKS] = {NULL};

    for (size_t i = 0; i < count; i++) {
        if (k_mem_slab_alloc(&slab, &mem[i], K_NO_WAIT) == 0) {
            memset(mem[i], OWN_STAMP, BLOCK_BYTES);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (mem[i] != NULL) {
            expect(is_filled(mem[i], OWN_STAMP));
            k_mem_slab_free(&slab, mem[i]);
        }
    }
}

static void a_handler_may_use_the_slab_of_the_thread_it_interrupts(void **state)
{
    static struct pest pest = {.count = 1};
    size_t enough = scaled_rounds(INTERRUPTS);

    begin_with(BLOCKS, use_block_in_handler);
    pest.targets[0] = pthread_self();
    begin_pest(&pest);
    for (size_t i = scaled_rounds(ROUNDS); i > 0 || count_handled() < enough; i -= i > 0) {
        use_blocks(1 + i % BLOCKS);
    }
    end_pest(&pest);
    end(0);
}

/* --- The block that is waited for --- */

static void *held; /* atomic: what handlers give back */

static void give_in_handler(int number)
{
    int saved_errno = errno;
    void *mem = __atomic_exchange_n(&held, NULL, __ATOMIC_ACQ_REL);

    (void)number;
    errno = ERRNO_OF_OTHERS;
    if (mem != NULL) {
        k_mem_slab_free(&slab, mem);
        note_handled();
    }
    expect(errno == ERRNO_OF_OTHERS);
    errno = saved_errno;
}

/* Not before the thread is in the queue. */
static void give_to_waiter_in_handler(int number)
{
    if (slab.wait_q.first != 0) {
        give_in_handler(number);
    }
}

/* One thread, whose timer gives its block back while it waits for one. */
static void expect_block_from_handler(void (*handler)(int))
{
    const struct itimerspec often = {.it_interval = {.tv_nsec = TIMER_NS},
                                     .it_value = {.tv_nsec = TIMER_NS}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    size_t rounds = scaled_rounds(WAITS);
    timer_t timer;

    begin_with(1, handler);
    void *mem = take();
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &often, NULL), 0);
    for (size_t i = 0; i < rounds; i++) {
        void *same = NULL;

        __atomic_store_n(&held, mem, __ATOMIC_RELEASE);
        assert_int_equal(k_mem_slab_alloc(&slab, &same, K_FOREVER), 0);
        assert_ptr_equal(same, mem);
    }
    timer_delete(timer);
    assert_int_equal(count_handled(), rounds);
    end(1);
}

static void a_handler_may_give_what_its_own_thread_waits_for(void **state)
{
    expect_block_from_handler(give_to_waiter_in_handler);
}

static void it_may_do_so_at_any_moment(void **state)
{
    expect_block_from_handler(give_in_handler);
}

/* --- While threads hold the lock --- */

/* Each thread passes its blocks to whatever handler comes first. */
static void *parcels[THREADS]; /* atomic */

static void give_parcels_in_handler(int number)
{
    int saved_errno = errno;

    (void)number;
    errno = ERRNO_OF_OTHERS;
    for (size_t i = 0; i < THREADS; i++) {
        void *mem = __atomic_exchange_n(&parcels[i], NULL, __ATOMIC_ACQ_REL);

        if (mem != NULL) {
            k_mem_slab_free(&slab, mem);
        }
    }
    expect(errno == ERRNO_OF_OTHERS);
    errno = saved_errno;
    note_handled();
}

static sem_t finished;
static sem_t may_end;

/* The thread is there until nobody sends it signals any more. */
static void *come_and_go(void *parcel)
{
    for (size_t i = scaled_rounds(ROUNDS); i > 0; i--) {
        void *mem;

        if (k_mem_slab_alloc(&slab, &mem, K_USEC(1 + i % 64)) == 0) {
            mem = __atomic_exchange_n((void **)parcel, mem, __ATOMIC_ACQ_REL);
            if (mem != NULL) {
                k_mem_slab_free(&slab, mem);
            }
        }
    }
    sem_post(&finished);
    wait_for(&may_end);
    return NULL;
}

static void end_threads(struct pest *pest)
{
    for (size_t i = 0; i < THREADS; i++) {
        wait_for(&finished);
    }
    end_pest(pest);
    for (size_t i = 0; i < THREADS; i++) {
        sem_post(&may_end);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(pest->targets[i], NULL);
    }
}

static void nothing_is_lost_when_holders_of_the_lock_are_interrupted(void **state)
{
    static struct pest pest = {.count = THREADS};

    begin_with(2, give_parcels_in_handler);
    sem_init(&finished, 0, 0);
    sem_init(&may_end, 0, 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&pest.targets[i], NULL, come_and_go, &parcels[i]), 0);
    }
    begin_pest(&pest);
    end_threads(&pest);
    assert_true(count_handled() > 0);
    give_parcels_in_handler(0);
    end(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_may_use_the_slab_of_the_thread_it_interrupts),
        cmocka_unit_test(a_handler_may_give_what_its_own_thread_waits_for),
        cmocka_unit_test(it_may_do_so_at_any_moment),
        cmocka_unit_test(nothing_is_lost_when_holders_of_the_lock_are_interrupted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
