/* SPDX-License-Identifier: Apache-2.0 */
/* Set-up, and what happens around fork.
 *
 * The first call into the allocator may come before any constructor of ours, from the C library
 * itself; it sets everything up without allocating. Others that come meanwhile wait. Fork handlers
 * are registered right afterwards, when the allocator already works, because registering may
 * allocate; being first they run last before a fork and first after it.
 *
 * Lock order around fork: the orphans, then the arenas by number; nothing else in the allocator has
 * a lock. */
#include "process/setup.h"

#include <stdbool.h>

#include "core/check.h"
#include "os/os.h"
#include "process/arena.h"
#include "process/hardened.h"
#include "process/options.h"
#include "process/realtime.h"
#include "process/report.h"
#include "process/thread_cache.h"

_Atomic(int) setup_state;

/* Owner thread and its signal handlers only. */
static _Thread_local volatile bool in_setup;

/* Written by the thread that sets up, or by the loader's before there are others. */
static bool options_are_read;

static void wait_until_done(void)
{
    while (atomic_load_explicit(&setup_state, memory_order_acquire) != SETUP_DONE) {
        os_yield();
    }
}

/* What is allocated before the options can be read comes from the arenas. */
static void read_options(void)
{
    options_are_read = options_read();
    if (options_are_read && options_slabs()) {
        thread_cache_init();
    }
    if (options_are_read) {
        report_begin();
    }
}

static void before_fork(void)
{
    thread_cache_before_fork();
    arena_before_fork();
}

static void after_fork_in_parent(void)
{
    arena_after_fork_in_parent();
    thread_cache_after_fork_in_parent();
}

static void after_fork_in_child(void)
{
    arena_after_fork_in_child();
    thread_cache_after_fork_in_child();
}

void setup_run(void)
{
    int expected = SETUP_NOT_BEGUN;

    if (in_setup) {
        return; /* a signal handler: until set-up is done, the usual options hold */
    }
    if (HARDENED) {
        hardened_draw_keys();
    }
    in_setup = true;
    if (!atomic_compare_exchange_strong(&setup_state, &expected, SETUP_RUNNING)) {
        wait_until_done();
        in_setup = false;
        return;
    }
    read_options();
    atomic_store_explicit(&setup_state, SETUP_DONE, memory_order_release);
    in_setup = false;
    REQUIRE(os_at_fork(before_fork, after_fork_in_parent, after_fork_in_child),
            "cannot register fork handlers", NULL, NULL);
}

/* For programs that fork before they allocate, and allocations that came before the environment.
 * What the main thread's first small block takes is done here, lest that call be slow. */
__attribute__((constructor)) static void setup_at_load(void)
{
    setup();
    if (!options_are_read) {
        read_options();
    }
    realtime_begin();
    thread_cache_prepare();
}
