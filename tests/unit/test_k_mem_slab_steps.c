/* SPDX-License-Identifier: Apache-2.0 */
/* A thread waits for a block that a signal handler gives back after so many instructions: from the
 * first one on until the thread sleeps, no moment loses the block. The processor's trap flag sends
 * a signal after each instruction. All moments would take long, so every 17th is tried; another
 * distance may be given as an argument. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel/mem_slab.h>
#include "../support/slab_queue.h"

#define BLOCK_BYTES 32u
#define WATCHDOG_S  110u
#define BACKSTOP_NS 2000000
#define TRAP_FLAG   0x100
#define DISTANCE    17u /* less than there are in any stretch with the lock held */

/* Sanitizers put many instructions of their own around each, and Valgrind has no trap flag. */
#ifndef QUARRY_SANITIZED
#define QUARRY_SANITIZED 0
#endif

static size_t distance = DISTANCE;

static struct k_mem_slab slab;
static _Alignas(16) char buffer[BLOCK_BYTES];
static void *held;            /* what is to be given back; NULL: it was */
static volatile size_t steps; /* instructions until then */
static volatile bool slept;   /* the thread came to sleep first */

static bool can_step(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    bool under_valgrind = preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;

#if defined(__x86_64__)
    return !QUARRY_SANITIZED && !under_valgrind;
#else
    return false;
#endif
}

static void give(void)
{
    void *mem = held;

    held = NULL;
    k_mem_slab_free(&slab, mem);
}

static void set_trap_flag(void *context, bool on)
{
#if defined(__x86_64__)
    greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];

    *flags = on ? *flags | TRAP_FLAG : *flags & ~TRAP_FLAG;
#else
    (void)context;
    (void)on;
#endif
}

static void begin_to_step(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    set_trap_flag(context, true);
}

static void step(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    if (held == NULL || --steps == 0) {
        set_trap_flag(context, false);
        if (held != NULL) {
            give();
        }
    }
}

/* If the thread has made no step since the last time. */
static void end_sleep(int number, siginfo_t *info, void *context)
{
    static size_t seen;
    bool sleeps = steps == seen;

    (void)number;
    (void)info;
    seen = steps;
    if (sleeps && held != NULL && slab.wait_q.first != 0) {
        set_trap_flag(context, false);
        slept = true;
        give();
    }
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

    /* one handler at a time, so that each instruction is of the thread */
    sigfillset(&action.sa_mask);
    sigaction(number, &action, NULL);
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

static void wait_while_stepping(size_t count, k_timeout_t timeout)
{
    void *mem = NULL;
    void *same = NULL;

    assert_int_equal(k_mem_slab_init(&slab, buffer, BLOCK_BYTES, 1), 0);
    assert_int_equal(k_mem_slab_alloc(&slab, &mem, K_NO_WAIT), 0);
    steps = count;
    held = mem;
    raise(SIGUSR2);
    int result = k_mem_slab_alloc(&slab, &same, timeout);
    assert_int_equal(result, 0);
    assert_ptr_equal(same, mem);
    assert_true(slab_is_at_rest(&slab, 1));
}

/* It may also have been the machine that was busy, so the thread must have slept several times. */
#define SLEEPS 10u

static void a_handler_may_give_a_block_at_any_moment(void **state)
{
    size_t sleeps = 0;

    if (!can_step()) {
        skip();
    }
    handle(SIGUSR1, end_sleep);
    handle(SIGUSR2, begin_to_step);
    handle(SIGTRAP, step);
    alarm(WATCHDOG_S);
    timer_t timer = begin_backstop();
    for (size_t count = 1; sleeps < SLEEPS; count += distance) {
        slept = false;
        wait_while_stepping(count, K_FOREVER);
        sleeps += slept;
    }
    timer_delete(timer);
    alarm(0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_may_give_a_block_at_any_moment),
    };

    if (argc > 1) {
        distance = strtoul(argv[1], NULL, 10);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
