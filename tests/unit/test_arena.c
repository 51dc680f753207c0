/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: which region serves, when memory goes back, and how threads are spread. Signal handlers
 * are in test_arena_signals.c, fork in test_arena_fork.c.
 *
 * Arenas live as long as the process, so a test looks at differences, and frees what it makes. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/malloc.h>
#include "process/address_map.h"
#include "process/arena.h"
#include "process/options.h"
#include "process/region.h"
#include "../support/fake_os.h"

#define KIB         ((size_t)1 << 10)
#define MIB         ((size_t)1 << 20)
#define GIB         ((size_t)1 << 30)
#define BLOCK_BYTES (256 * KIB)
#define MAX_BLOCKS  512
#define DELAY_MS    1000u
#define DELAY_NS    ((uint64_t)DELAY_MS * 1000000u)
#define CHECKED     64 /* so many frees are sure to make an arena look for unused memory */

/* What the running test allocated. */
static void *blocks[MAX_BLOCKS];
static size_t block_count;

static struct quarry_malloc_stats stats(void)
{
    struct quarry_malloc_stats now = {0};

    quarry_malloc_stats_get(&now);
    return now;
}

static struct region *region_of(const void *block)
{
    struct address_owner owner = address_map_find(block);

    assert_int_equal(owner.kind, ADDRESS_REGION);
    return owner.region;
}

static void *make_block(size_t bytes)
{
    void *block = arena_alloc(REGION_ALIGN, bytes);

    assert_non_null(block);
    assert_in_range(block_count, 0, MAX_BLOCKS - 1);
    blocks[block_count++] = block;
    return block;
}

static void free_blocks(void)
{
    while (block_count > 0) {
        block_count--;
        arena_free(region_of(blocks[block_count]), blocks[block_count]);
    }
}

/* One arena, which has one region with little in it. */
static int one_region(void **state)
{
    fake_os_reset();
    options_set_arenas(1);
    options_set_purge_delay_ms(DELAY_MS);
    make_block(1);
    free_blocks();
    arena_trim(0);
    fake_os_reset();
    return 0;
}

static int all_freed(void **state)
{
    fake_os_reset();
    free_blocks();
    arena_trim(0);
    assert_int_equal(stats().live_bytes, 0);
    return 0;
}

/* Makes blocks until one is in a new region, because the others may not grow. */
static void make_region_somehow(void)
{
    size_t regions = stats().regions;

    while (stats().regions == regions) {
        fake_os_fail_next(FAKE_OS_COMMIT, (unsigned int)regions);
        make_block(BLOCK_BYTES);
    }
    fake_os_fail_none();
}

static struct region *make_region(void)
{
    make_region_somehow();
    return region_of(blocks[block_count - 1]);
}

/* Makes the arena of the first region look whether it has unused memory. */
static void provoke_look(void)
{
    for (int i = 0; i < CHECKED; i++) {
        void *block = arena_alloc(REGION_ALIGN, 16);

        arena_free(region_of(block), block);
    }
}

static void stats_add_up(void **state)
{
    struct quarry_malloc_stats before = stats();
    size_t usable = 0;

    for (size_t bytes = 0; bytes < 200; bytes++) {
        void *block = make_block(bytes * 7);
        usable += arena_usable_bytes(region_of(block), block);
    }
    struct quarry_malloc_stats now = stats();
    assert_int_equal(now.allocations - before.allocations, 200);
    assert_int_equal(now.live_bytes - before.live_bytes, usable);
    assert_int_equal(now.large, 0);
    assert_int_equal(now.regions, 1);
    assert_int_equal(now.arenas, 1);
    assert_int_equal(now.committed_bytes, region_of(blocks[0])->committed_bytes);
    assert_int_equal(now.reserved_bytes, region_of(blocks[0])->reserved_bytes);
    assert_int_equal(now.trimmable_bytes, region_tail_bytes(region_of(blocks[0])));
    assert_true(arena_resize(region_of(blocks[3]), blocks[3], 1));
    usable -= 24 - 8;
    assert_int_equal(stats().live_bytes - before.live_bytes, usable);
    assert_int_equal(stats().resizes - before.resizes, 1);
    free_blocks();
    assert_int_equal(stats().frees - before.frees, 200);
    assert_int_equal(stats().live_bytes, before.live_bytes);
    assert_int_equal(stats().free_chunks, 1);
}

static void full_region_grows_before_another_is_made(void **state)
{
    while (stats().committed_bytes < 8 * MIB) {
        make_block(BLOCK_BYTES);
    }
    assert_int_equal(stats().regions, 1);
    assert_int_equal(fake_os_calls(FAKE_OS_RESERVE), 0);
    assert_int_equal(stats().committed_bytes, region_of(blocks[0])->committed_bytes);
}

static void further_region_serves_when_the_first_cannot_grow(void **state)
{
    struct region *first = region_of(make_block(1));
    struct region *second = make_region();

    assert_ptr_not_equal(second, first);
    assert_ptr_equal(second->arena, first->arena);
    assert_ptr_equal(region_of(make_block(BLOCK_BYTES)), second);
    assert_int_equal(stats().regions, 2);
    assert_int_equal(stats().committed_bytes, first->committed_bytes + second->committed_bytes);
}

static void room_in_an_older_region_is_used(void **state)
{
    struct region *first = region_of(make_block(BLOCK_BYTES));

    struct region *second = make_region();
    arena_free(first, blocks[0]);
    blocks[0] = blocks[--block_count];
    fake_os_fail_all(FAKE_OS_COMMIT);
    while (region_of(make_block(BLOCK_BYTES)) == second) {
    }
    assert_ptr_equal(region_of(blocks[block_count - 1]), first);
}

static void regions_double_in_size(void **state)
{
    size_t last_bytes = make_region()->reserved_bytes;

    assert_true(last_bytes >= 64 * MIB);
    for (int i = 0; i < 3; i++) {
        size_t bytes = make_region()->reserved_bytes;

        assert_int_equal(bytes, last_bytes < 4 * GIB ? 2 * last_bytes : last_bytes);
        last_bytes = bytes;
    }
}

static void scarce_address_space_makes_smaller_regions(void **state)
{
    size_t usual_bytes = make_region()->reserved_bytes;
    size_t next_bytes = usual_bytes < 4 * GIB ? 2 * usual_bytes : usual_bytes;

    size_t reserved = stats().reserved_bytes;
    fake_os_fail_nth(FAKE_OS_RESERVE, 1);
    make_region_somehow();
    assert_int_equal(stats().reserved_bytes - reserved, next_bytes / 2);
}

static void no_address_space_means_no_block(void **state)
{
    struct region *first = region_of(make_block(1));

    fake_os_fail_all(FAKE_OS_COMMIT);
    fake_os_fail_all(FAKE_OS_RESERVE);
    void *block;
    while ((block = arena_alloc(REGION_ALIGN, BLOCK_BYTES)) != NULL) {
        assert_in_range(block_count, 0, MAX_BLOCKS - 1);
        blocks[block_count++] = block;
    }
    assert_null(arena_alloc(64 * KIB, BLOCK_BYTES));
    size_t tries = fake_os_calls(FAKE_OS_RESERVE);
    assert_in_range(tries, 2, 20); /* from the usual size down to the least, twice */
    fake_os_fail_none();
    assert_ptr_equal(region_of(make_block(BLOCK_BYTES)), first);
}

/* Leaves one empty region of two, with enough in it to be worth a look. The other has one block. */
static void empty_second_region(void)
{
    void *in_first = make_block(1);
    struct region *second = make_region();

    while (second->committed_bytes < 6 * MIB) {
        assert_ptr_equal(region_of(make_block(BLOCK_BYTES)), second);
    }
    while (blocks[block_count - 1] != in_first) {
        block_count--;
        arena_free(region_of(blocks[block_count]), blocks[block_count]);
    }
    assert_int_equal(stats().regions, 2);
}

static void empty_region_goes_back_after_the_delay(void **state)
{
    size_t reserved = fake_os_reserved_bytes();
    size_t usable = fake_os_usable_bytes();

    empty_second_region();
    fake_os_advance_ns(DELAY_NS - 1);
    provoke_look();
    assert_int_equal(stats().regions, 2);
    assert_int_equal(fake_os_calls(FAKE_OS_DECOMMIT), 0);
    fake_os_advance_ns(1);
    provoke_look();
    assert_int_equal(stats().regions, 1);
    free_blocks();
    arena_trim(0);
    assert_int_equal(fake_os_reserved_bytes(), reserved);
    assert_int_equal(fake_os_usable_bytes(), usable);
}

/* Also if so little of it is committed that its tail alone would not be worth a system call. */
static void hardly_used_empty_region_goes_back_too(void **state)
{
    struct region *second = make_region();

    assert_true(second->committed_bytes <= 2 * MIB);
    free_blocks();
    fake_os_advance_ns(DELAY_NS);
    provoke_look();
    fake_os_advance_ns(DELAY_NS);
    provoke_look();
    assert_int_equal(stats().regions, 1);
}

static void last_region_is_kept_but_trimmed(void **state)
{
    while (stats().committed_bytes < 8 * MIB) {
        make_block(BLOCK_BYTES);
    }
    free_blocks();
    provoke_look();
    fake_os_advance_ns(DELAY_NS);
    provoke_look();
    assert_int_equal(stats().regions, 1);
    assert_int_equal(fake_os_calls(FAKE_OS_DECOMMIT), 1);
    assert_in_range(stats().trimmable_bytes, MIB, 2 * MIB);
    assert_in_range(stats().committed_bytes, MIB, 2 * MIB);
}

/* Memory that is in use again before the delay is over stays; the delay begins anew. */
static void used_again_in_time_is_kept(void **state)
{
    while (stats().committed_bytes < 8 * MIB) {
        make_block(BLOCK_BYTES);
    }
    size_t count = block_count;
    free_blocks();
    provoke_look();
    fake_os_advance_ns(DELAY_NS - 1);
    while (block_count < count) {
        make_block(BLOCK_BYTES);
    }
    provoke_look();
    free_blocks();
    provoke_look();
    fake_os_advance_ns(DELAY_NS - 1);
    provoke_look();
    assert_int_equal(fake_os_calls(FAKE_OS_DECOMMIT), 0);
    fake_os_advance_ns(1);
    provoke_look();
    assert_int_equal(fake_os_calls(FAKE_OS_DECOMMIT), 1);
}

static void trimming_does_not_wait(void **state)
{
    size_t usable = fake_os_usable_bytes();

    make_region();
    make_region();
    free_blocks();
    assert_true(arena_trim(0) > 0);
    assert_int_equal(stats().regions, 1);
    assert_in_range(fake_os_usable_bytes(), 1, usable + 64 * KIB);
    fake_os_advance_ns(10 * DELAY_NS);
    assert_true(arena_trim(0) < 64 * KIB);
}

static void trimming_keeps_what_it_is_told(void **state)
{
    while (stats().committed_bytes < 8 * MIB) {
        make_block(BLOCK_BYTES);
    }
    free_blocks();
    assert_true(arena_trim(3 * MIB) > 4 * MIB);
    assert_in_range(stats().trimmable_bytes, 3 * MIB, 3 * MIB + 4 * KIB);
    size_t calls = fake_os_calls(FAKE_OS_DECOMMIT);
    arena_trim(SIZE_MAX);
    arena_trim(SIZE_MAX - 4 * KIB + 1);
    assert_int_equal(fake_os_calls(FAKE_OS_DECOMMIT), calls);
    assert_in_range(stats().trimmable_bytes, 3 * MIB, 3 * MIB + 4 * KIB);
}

static void *alloc_in_thread(void *arg)
{
    (void)arg;
    return arena_alloc(REGION_ALIGN, 1);
}

static void threads_are_spread_over_arenas(void **state)
{
    enum { THREADS = 4 };
    void *made[THREADS];

    options_set_arenas(THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, alloc_in_thread, NULL), 0);
        pthread_join(thread, &made[i]);
        assert_non_null(made[i]);
        for (size_t j = 0; j < i; j++) {
            assert_ptr_not_equal(region_of(made[i])->arena, region_of(made[j])->arena);
        }
    }
    assert_int_equal(stats().arenas, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        arena_free(region_of(made[i]), made[i]); /* none of them is this thread's */
    }
}

/* A thread that allocates while this one is in its arena. */
struct rival {
    pthread_barrier_t step;
    void *at_home; /* what the rival got before, in between, and after */
    void *away;
    void *after;
};

static void *allocate_in_steps(void *arg)
{
    struct rival *rival = arg;

    rival->at_home = arena_alloc(REGION_ALIGN, 1);
    pthread_barrier_wait(&rival->step); /* ready */
    pthread_barrier_wait(&rival->step); /* the other thread has the arena */
    rival->away = arena_alloc(REGION_ALIGN, 1);
    rival->after = arena_alloc(REGION_ALIGN, 1);
    pthread_barrier_wait(&rival->step); /* done */
    return NULL;
}

static void let_rival_allocate(void *arg)
{
    struct rival *rival = arg;

    options_set_arenas(2);
    pthread_barrier_wait(&rival->step);
    pthread_barrier_wait(&rival->step);
}

static void home_moves_when_its_arena_is_taken(void **state)
{
    struct rival rival = {.at_home = NULL};
    pthread_t thread;

    pthread_barrier_init(&rival.step, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, allocate_in_steps, &rival), 0);
    pthread_barrier_wait(&rival.step);
    fake_os_watch(FAKE_OS_COMMIT, let_rival_allocate, &rival);
    void *block = make_block(4 * MIB);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&rival.step);
    assert_ptr_equal(region_of(rival.at_home)->arena, region_of(block)->arena);
    assert_ptr_not_equal(region_of(rival.away)->arena, region_of(block)->arena);
    assert_ptr_equal(region_of(rival.after)->arena, region_of(rival.away)->arena);
    blocks[block_count++] = rival.at_home;
    blocks[block_count++] = rival.away;
    blocks[block_count++] = rival.after;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, one_region, all_freed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stats_add_up),
        TEST(full_region_grows_before_another_is_made),
        TEST(further_region_serves_when_the_first_cannot_grow),
        TEST(room_in_an_older_region_is_used),
        TEST(regions_double_in_size),
        TEST(scarce_address_space_makes_smaller_regions),
        TEST(no_address_space_means_no_block),
        TEST(empty_region_goes_back_after_the_delay),
        TEST(hardly_used_empty_region_goes_back_too),
        TEST(last_region_is_kept_but_trimmed),
        TEST(used_again_in_time_is_kept),
        TEST(trimming_does_not_wait),
        TEST(trimming_keeps_what_it_is_told),
        TEST(threads_are_spread_over_arenas),
        TEST(home_moves_when_its_arena_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
