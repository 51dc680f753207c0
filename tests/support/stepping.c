/* SPDX-License-Identifier: Apache-2.0 */
/* The flag is set and cleared where a handler returns to: a signal begins it, and SIGTRAP comes
 * after each instruction until it is cleared. One handler runs at a time, so that all instructions
 * counted are the thread's. */
#include "stepping.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <cmocka.h>

#define TRAP_FLAG 0x100

#ifndef QUARRY_SANITIZED
#define QUARRY_SANITIZED 0
#endif

static void (*volatile interruption)(void); /* to come; NULL: it was */
static volatile size_t steps_left;

#if defined(__x86_64__)
#define HAS_TRAP_FLAG 1
static void set_trap_flag(void *context, bool on)
{
    greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];

    *flags = on ? *flags | TRAP_FLAG : *flags & ~TRAP_FLAG;
}
#else
#define HAS_TRAP_FLAG 0
static void set_trap_flag(void *context, bool on)
{
    (void)context;
    (void)on;
}
#endif

bool stepping_is_under_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");

    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

static bool can_step(void)
{
    return HAS_TRAP_FLAG && !QUARRY_SANITIZED && !stepping_is_under_valgrind();
}

static void begin(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    set_trap_flag(context, true);
}

void stepping_come_now(void *context)
{
    void (*come)(void) = interruption;

    set_trap_flag(context, false);
    interruption = NULL;
    come();
}

static void step(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;

    if (interruption == NULL) {
        set_trap_flag(context, false);
    } else if (--steps_left == 0) {
        stepping_come_now(context);
    }
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};

    sigfillset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void stepping_prepare(void)
{
    if (!can_step()) {
        skip();
    }
    handle(SIGUSR2, begin);
    handle(SIGTRAP, step);
}

void stepping_begin(size_t count, void (*come)(void))
{
    steps_left = count;
    interruption = come;
    raise(SIGUSR2);
}

bool stepping_end(void)
{
    bool has_come = interruption == NULL;

    interruption = NULL; /* the next step is the last */
    return has_come;
}

bool stepping_is_still(void)
{
    static size_t seen;
    bool is_still = steps_left == seen;

    seen = steps_left;
    return is_still && interruption != NULL;
}
