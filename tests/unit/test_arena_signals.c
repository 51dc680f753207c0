/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas, used by a signal handler that interrupted them. The handler runs inside of a system call
 * that the arena makes: while it has its lock (commit), and while it has not (decommit). */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/malloc.h>
#include "core/check.h"
#include "process/address_map.h"
#include "process/arena.h"
#include "process/options.h"
#include "process/region.h"
#include "../support/death.h"
#include "../support/fake_os.h"

#define MIB         ((size_t)1 << 20)
#define GROWS_BYTES (6 * MIB) /* a block of this size needs os_commit after arena_trim(0) */

/* What the handler finds and what it leaves. */
struct handler {
    void *given;   /* a block of the interrupted arena, made before */
    void *made;    /* a block that the handler made */
    bool shrunk;   /* whether `given` could be made smaller */
    bool grown;    /* ... and larger */
    size_t usable; /* of `given` */
    size_t runs;
};

static struct handler handler;

static struct region *region_of(const void *block)
{
    struct address_owner owner = address_map_find(block);

    assert_int_equal(owner.kind, ADDRESS_REGION);
    return owner.region;
}

static void free_block(void *block)
{
    arena_free(region_of(block), block);
}

static struct quarry_malloc_stats stats(void)
{
    struct quarry_malloc_stats now = {0};

    quarry_malloc_stats_get(&now);
    return now;
}

static int trimmed_arenas(void **state)
{
    fake_os_reset();
    options_set_arenas(2);
    options_set_purge_delay_ms(0);
    arena_trim(0);
    handler = (struct handler){.given = arena_alloc(REGION_ALIGN, 100)};
    assert_int_equal(handler.usable, 0);
    return 0;
}

static int nothing_live(void **state)
{
    fake_os_watch(FAKE_OS_COMMIT, NULL, NULL);
    fake_os_watch(FAKE_OS_DECOMMIT, NULL, NULL);
    free_block(arena_alloc(REGION_ALIGN, 1)); /* whoever leaves an arena frees what was deferred */
    assert_int_equal(stats().live_bytes, 0);
    return 0;
}

/* Has `work` done by a handler while a block is made, and returns that block. */
static void *interrupt_growth(void (*work)(void *))
{
    fake_os_watch(FAKE_OS_COMMIT, work, &handler);
    void *block = arena_alloc(REGION_ALIGN, GROWS_BYTES);
    fake_os_watch(FAKE_OS_COMMIT, NULL, NULL);
    assert_non_null(block);
    assert_true(handler.runs > 0);
    return block;
}

static void allocate(void *arg)
{
    struct handler *h = arg;

    h->runs++;
    if (h->made == NULL) {
        h->made = arena_alloc(REGION_ALIGN, 100);
    }
}

static void handler_gets_a_block_of_another_arena(void **state)
{
    void *block = interrupt_growth(allocate);

    assert_non_null(handler.made);
    assert_ptr_not_equal(region_of(handler.made)->arena, region_of(block)->arena);
    free_block(handler.made);
    free_block(handler.given);
    free_block(block);
}

static void handler_gets_none_if_there_is_no_other_arena(void **state)
{
    options_set_arenas(1);
    void *block = interrupt_growth(allocate);

    assert_null(handler.made);
    free_block(handler.given);
    free_block(block);
}

static void free_given(void *arg)
{
    struct handler *h = arg;

    h->runs++;
    if (h->given != NULL) {
        free_block(h->given);
        h->given = NULL;
    }
}

static void freed_block_comes_back_when_the_arena_is_left(void **state)
{
    uint64_t frees = stats().frees;
    size_t usable = arena_usable_bytes(region_of(handler.given), handler.given);
    size_t live = stats().live_bytes;
    void *block = interrupt_growth(free_given);

    assert_int_equal(stats().frees, frees + 1);
    live += arena_usable_bytes(region_of(block), block) - usable;
    assert_int_equal(stats().live_bytes, live);
    free_block(block);
}

/* So that a chain of deferred blocks is followed. */
#define MANY 50
static void *many[MANY];

static void free_many(void *arg)
{
    struct handler *h = arg;

    for (size_t i = 0; h->runs == 0 && i < MANY; i++) {
        free_block(many[i]);
    }
    h->runs++;
}

static void many_freed_blocks_come_back(void **state)
{
    for (size_t i = 0; i < MANY; i++) {
        many[i] = arena_alloc(REGION_ALIGN, i);
    }
    uint64_t frees = stats().frees;
    void *block = interrupt_growth(free_many);
    assert_int_equal(stats().frees, frees + MANY);
    free_block(block);
    free_block(handler.given);
}

static void look_at_given(void *arg)
{
    struct handler *h = arg;

    h->runs++;
    h->usable = arena_usable_bytes(region_of(h->given), h->given);
    h->shrunk = arena_resize(region_of(h->given), h->given, 1);
    h->grown = arena_resize(region_of(h->given), h->given, h->usable + 1);
}

static void handler_measures_but_does_not_change(void **state)
{
    size_t usable = arena_usable_bytes(region_of(handler.given), handler.given);
    void *block = interrupt_growth(look_at_given);

    assert_int_equal(handler.usable, usable);
    assert_true(handler.shrunk); /* it stays as it is, which is large enough */
    assert_false(handler.grown);
    assert_int_equal(arena_usable_bytes(region_of(handler.given), handler.given), usable);
    free_block(block);
    free_block(handler.given);
}

static void trim_and_count(void *arg)
{
    struct handler *h = arg;
    struct quarry_malloc_stats now = {0};

    h->runs++;
    arena_trim(0);
    arena_reclaim();
    quarry_malloc_stats_get(&now);
}

static void be_trimmed_and_counted(void *arg)
{
    memset(interrupt_growth(trim_and_count), 1, GROWS_BYTES);
}

/* In a child process, which a check of the lock order may kill. */
static void expect_survival(void (*deed)(void *))
{
    struct death death = death_of(deed, NULL);

    free_block(handler.given);
    assert_string_equal(death.message, "");
    assert_int_equal(death.signal, 0);
    assert_int_equal(death.exit_code, 0);
}

static void handler_may_trim_and_count(void **state)
{
    expect_survival(be_trimmed_and_counted);
}

/* Whichever of the two has the higher number is interrupted once. */
static void be_interrupted_in_both_arenas(void *arg)
{
    interrupt_growth(allocate); /* ... and the handler's arena is home now */
    handler.made = NULL;
    interrupt_growth(allocate);
    if (handler.made == NULL) {
        fault("handler got no block", NULL, NULL);
    }
}

static void handler_may_enter_an_arena_of_lower_rank(void **state)
{
    expect_survival(be_interrupted_in_both_arenas);
}

static void use_normally(void *arg)
{
    struct handler *h = arg;

    h->runs++;
    if (h->runs == 1) {
        fake_os_watch(FAKE_OS_DECOMMIT, NULL, NULL);
        h->made = arena_alloc(REGION_ALIGN, GROWS_BYTES);
        memset(h->made, 0x3c, GROWS_BYTES);
        free_block(h->given);
    }
}

/* The tail that is on its way to the kernel is not used for what the handler makes. */
static void handler_may_interrupt_giving_back(void **state)
{
    void *block = arena_alloc(REGION_ALIGN, GROWS_BYTES);

    fake_os_watch(FAKE_OS_DECOMMIT, use_normally, &handler);
    free_block(block);
    arena_trim(0);
    assert_int_equal(handler.runs, 1);
    assert_non_null(handler.made);
    for (size_t i = 0; i < GROWS_BYTES; i++) {
        assert_int_equal(((unsigned char *)handler.made)[i], 0x3c);
    }
    free_block(handler.made);
}

static void on_signal(int number)
{
    (void)number;
    if (handler.given != NULL) {
        free_block(handler.given);
        handler.given = NULL;
        handler.made = arena_alloc(REGION_ALIGN, 100);
    }
}

static void raise_signal(void *arg)
{
    struct handler *h = arg;

    h->runs++;
    raise(SIGUSR1);
}

static void real_signal_is_handled_alike(void **state)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction before;
    uint64_t frees = stats().frees;

    sigemptyset(&action.sa_mask);
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    void *block = interrupt_growth(raise_signal);
    sigaction(SIGUSR1, &before, NULL);
    assert_null(handler.given);
    assert_non_null(handler.made);
    assert_int_equal(stats().frees, frees + 1);
    free_block(handler.made);
    free_block(block);
}

/* Crimes. */

static void free_given_twice(void *arg)
{
    struct handler *h = arg;

    if (h->runs == 0) {
        free_block(h->given);
        free_block(h->given);
    }
    h->runs++;
}

static void free_twice_in_a_handler(void *arg)
{
    interrupt_growth(free_given_twice);
}

static void free_before_and_in_a_handler(void *arg)
{
    void *given = handler.given;

    free_block(given);
    interrupt_growth(free_given);
}

static void double_frees_in_a_handler_die(void **state)
{
    void *given = handler.given;

    if (QUARRY_HEAP_HARDENING >= 1) {
        expect_death(free_twice_in_a_handler, NULL, "block is not in use: double free");
        expect_death(free_before_and_in_a_handler, NULL, "block is not in use: double free");
    }
    free_block(given);
    skip_below_hardening(1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, trimmed_arenas, nothing_live)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(handler_gets_a_block_of_another_arena),
        TEST(handler_gets_none_if_there_is_no_other_arena),
        TEST(freed_block_comes_back_when_the_arena_is_left),
        TEST(many_freed_blocks_come_back),
        TEST(handler_measures_but_does_not_change),
        TEST(handler_may_trim_and_count),
        TEST(handler_may_enter_an_arena_of_lower_rank),
        TEST(handler_may_interrupt_giving_back),
        TEST(real_signal_is_handled_alike),
        TEST(double_frees_in_a_handler_die),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
