/* SPDX-License-Identifier: Apache-2.0 */
/* Slabs in signal handlers that come at any moment: the same slab that the interrupted thread uses,
 * the very block that it waits for, and threads that hold the slab's lock. */
#include <errno.h>
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
#include <zephyr/kernel/mem_slab.h>
#include "../support/random.h"
#include "../support/signal_timer.h"
#include "../support/slab_queue.h"

#define BLOCK_BYTES     32u
#define BLOCKS          4u
#define THREADS         3u
#define ROUNDS          20000u
#define SLEEPY_ROUNDS   1000u /* on a busy machine each may last for other threads' time slices */
#define WAITS           200u
#define INTERRUPTS      500u
#define WATCHDOG_S      100u
#define TIMER_NS        100000
#define SHORTEST_NS     5000 /* more than it takes to return from a handler */
#define LONGEST_NS      30000
#define STEP_NS         7919
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

/* --- Interruptions of the calling thread --- */

/* Its timer sends a signal, and the handler sets it again. So a thread is interrupted while it
 * runs, and gets on between two signals, on a machine that is as busy as may be: signals of another
 * thread would come once in a time slice there, or all the time. */
static _Thread_local timer_t timer;
static _Thread_local volatile bool is_interrupted;

static void interrupt_soon(void)
{
    static _Thread_local long step;

    if (is_interrupted) {
        step = (step + STEP_NS) % (LONGEST_NS - SHORTEST_NS);
        signal_timer_set(timer, SHORTEST_NS + step);
    }
}

static void begin_interruptions(void)
{
    timer = signal_timer_make(SIGUSR1);
    is_interrupted = true;
    interrupt_soon();
}

static void end_interruptions(void)
{
    is_interrupted = false;
    timer_delete(timer);
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
    note_handled();
    interrupt_soon();
    errno = saved_errno;
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
    size_t enough = scaled_rounds(INTERRUPTS);

    begin_with(BLOCKS, use_block_in_handler);
    begin_interruptions();
    for (size_t i = scaled_rounds(ROUNDS); i > 0 || count_handled() < enough; i -= i > 0) {
        use_blocks(1 + i % BLOCKS);
    }
    end_interruptions();
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
    size_t rounds = scaled_rounds(WAITS);

    begin_with(1, handler);
    void *mem = take();
    timer = signal_timer_make(SIGUSR1);
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
    note_handled();
    interrupt_soon();
    errno = saved_errno;
}

static void *come_and_go(void *parcel)
{
    begin_interruptions();
    for (size_t i = scaled_rounds(SLEEPY_ROUNDS); i > 0; i--) {
        void *mem;

        if (k_mem_slab_alloc(&slab, &mem, K_USEC(1 + i % 64)) == 0) {
            mem = __atomic_exchange_n((void **)parcel, mem, __ATOMIC_ACQ_REL);
            if (mem != NULL) {
                k_mem_slab_free(&slab, mem);
            }
        }
    }
    end_interruptions();
    return NULL;
}

static void nothing_is_lost_when_holders_of_the_lock_are_interrupted(void **state)
{
    pthread_t threads[THREADS];

    begin_with(2, give_parcels_in_handler);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &parcels[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
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
