/* SPDX-License-Identifier: Apache-2.0 */
/* Large blocks as runs of slices: where they lie, what calloc finds, what is refused. Each test is
 * a process of its own, for there is one range of slices in a process. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/malloc.h>
#include "process/address_map.h"
#include "process/run.h"
#include "process/setup.h"
#include "process/thread_cache.h"
#include "../support/death.h"
#include "../support/fake_os.h"
#include "../support/good_child.h"

#define KIB  ((size_t)1 << 10)
#define MIB  ((size_t)1 << 20)
#define MOST (256 * MIB)

static bool is_run(const void *block)
{
    const struct slab *slab = slab_at(block);

    return slab != NULL && slab_is_run(slab_first((struct slab *)(uintptr_t)slab)) &&
           address_map_find(block).kind == ADDRESS_FOREIGN;
}

static struct quarry_malloc_stats stats(void)
{
    struct quarry_malloc_stats now;

    quarry_malloc_stats_get(&now);
    return now;
}

static void make_and_free(void *arg)
{
    char *block = quarry_malloc(MIB + 1);
    CHECK_THAT(is_run(block) && quarry_malloc_usable_size(block) == MIB + SLICE_BYTES);
    memset(block, 1, MIB + SLICE_BYTES);
    CHECK_THAT(stats().large_blocks == 1 && stats().large_bytes == MIB + SLICE_BYTES);
    CHECK_THAT(stats().live_bytes == MIB + SLICE_BYTES);
    char *next = quarry_malloc(512 * KIB);
    CHECK_THAT(next == block + MIB + SLICE_BYTES);
    quarry_free(block);
    CHECK_THAT(stats().large_blocks == 1 && stats().frees == 1 && stats().large == 2);
    CHECK_THAT(quarry_malloc(600 * KIB) == block && *block == 1); /* its pages are there already */
    CHECK_THAT(fake_os_calls(FAKE_OS_MAP) == 0 && fake_os_calls(FAKE_OS_DISCARD) == 0);
}

static void large_blocks_are_runs(void **state)
{
    expect_good_child(make_and_free, NULL);
}

static void ask_for_what_runs_are_not(void *arg)
{
    CHECK_THAT(!is_run(quarry_malloc(MOST + 1)));
    CHECK_THAT(!is_run(quarry_aligned_alloc(2 * SLICE_BYTES, MIB)));
    char *aligned = quarry_aligned_alloc(SLICE_BYTES, MIB);
    CHECK_THAT(is_run(aligned) && (uintptr_t)aligned % SLICE_BYTES == 0);
    CHECK_THAT(address_map_find(quarry_aligned_alloc(2 * SLICE_BYTES, 1)).kind == ADDRESS_REGION);
    CHECK_THAT(is_run(quarry_malloc(MOST)) && is_run(quarry_malloc(32 * KIB + 1)));
    CHECK_THAT(!is_run(quarry_malloc(32 * KIB)));
    fake_os_fail_all(FAKE_OS_COMMIT);
    void *block = quarry_malloc(MOST);
    CHECK_THAT(block != NULL && !is_run(block));
}

static void what_no_run_can_be_is_a_mapping_or_chunk(void **state)
{
    expect_good_child(ask_for_what_runs_are_not, NULL);
}

static void expect_zeros(const unsigned char *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        CHECK_THAT(block[i] == 0);
    }
}

static void calloc_over_what_was_used(void *arg)
{
    unsigned char *blocks[3];

    for (size_t i = 0; i < 3; i++) {
        blocks[i] = quarry_malloc(MIB);
        memset(blocks[i], 0xff, MIB);
    }
    quarry_free(blocks[0]);
    quarry_free(blocks[2]);
    unsigned char *small = quarry_calloc(1, 700 * KIB);
    CHECK_THAT(small == blocks[0]);
    expect_zeros(small, quarry_malloc_usable_size(small));
    unsigned char *large = quarry_calloc(1, 4 * MIB);
    CHECK_THAT(large == blocks[2]);
    expect_zeros(large, quarry_malloc_usable_size(large));
    CHECK_THAT(blocks[1][0] == 0xff && blocks[1][MIB - 1] == 0xff);
}

static void calloc_clears_what_was_used(void **state)
{
    expect_good_child(calloc_over_what_was_used, NULL);
}

static void fill(unsigned char *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 509) {
        block[i] = (unsigned char)(i % 251);
    }
}

static void expect_filled(const unsigned char *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 509) {
        CHECK_THAT(block[i] == i % 251);
    }
}

static void grow_and_shrink(void *arg)
{
    unsigned char *block = quarry_malloc(MIB);

    fill(block, MIB);
    CHECK_THAT(quarry_realloc(block, 3 * MIB) == block);
    expect_filled(block, MIB);
    fill(block, 3 * MIB);
    CHECK_THAT(stats().large_bytes == 3 * MIB && stats().resizes == 1);
    fake_os_fail_all_memory();
    CHECK_THAT(quarry_realloc(block, 2 * MIB - 10) == block);
    expect_filled(block, 2 * MIB - 10);
    CHECK_THAT(quarry_malloc_usable_size(block) == 2 * MIB && stats().large_bytes == 2 * MIB);
    CHECK_THAT((unsigned char *)quarry_malloc(MIB) == block + 2 * MIB);
    CHECK_THAT(quarry_realloc(block, PTRDIFF_MAX) == NULL &&
               quarry_realloc(block, SIZE_MAX) == NULL);
    expect_filled(block, 2 * MIB);
}

static void runs_are_resized_in_place(void **state)
{
    expect_good_child(grow_and_shrink, NULL);
}

/* And what shrinks to half a slice is a slab's block again. */
static void grow_out_of_a_slab(void *arg)
{
    unsigned char *small = quarry_malloc(SIZE_CLASS_MOST_BYTES);

    fill(small, SIZE_CLASS_MOST_BYTES);
    unsigned char *grown = quarry_realloc(small, SIZE_CLASS_MOST_BYTES + 16);
    CHECK_THAT(is_run(grown) && quarry_malloc_usable_size(grown) == SLICE_BYTES);
    expect_filled(grown, SIZE_CLASS_MOST_BYTES);
    CHECK_THAT(quarry_realloc(grown, SLICE_BYTES) == grown && stats().resizes == 1);
    CHECK_THAT(quarry_realloc(grown, SLICE_BYTES / 2) == grown && stats().resizes == 2);
    grown = quarry_realloc(grown, SLICE_BYTES / 2 - 1);
    CHECK_THAT(!is_run(grown) && stats().resizes == 2);
}

static void what_outgrows_slabs_is_a_run(void **state)
{
    expect_good_child(grow_out_of_a_slab, NULL);
}

/* With a cache of its own, or without one. */
static void *free_and_make(void *block)
{
    quarry_free(block);
    return quarry_realloc(quarry_malloc(2 * MIB), 3 * MIB);
}

static void *free_with_cache(void *block)
{
    return quarry_malloc(16) != NULL ? free_and_make(block) : NULL;
}

static void count_over_threads(void *arg)
{
    void *(*const ways[])(void *) = {free_and_make, free_with_cache};
    pthread_t thread;

    for (unsigned int i = 0; i < 2; i++) {
        void *block = quarry_malloc(MIB), *other = NULL;

        CHECK_THAT(pthread_create(&thread, NULL, ways[i], block) == 0);
        CHECK_THAT(pthread_join(thread, &other) == 0 && is_run(other));
        CHECK_THAT(stats().large == 2 * (i + 1) && stats().resizes == i + 1);
        CHECK_THAT(stats().large_blocks == 1 && stats().large_bytes == 3 * MIB);
        quarry_free(other);
        CHECK_THAT(stats().large_blocks == 0 && stats().large_bytes == 0);
    }
}

static void counts_of_threads_add_up(void **state)
{
    expect_good_child(count_over_threads, NULL);
}

static void grow_beside_a_neighbour(void *arg)
{
    unsigned char *block = quarry_malloc(8 * MIB);
    unsigned char *neighbour = quarry_malloc(MIB);

    fill(block, 8 * MIB);
    fill(neighbour, MIB);
    unsigned char *moved = quarry_realloc(block, 20 * MIB);
    CHECK_THAT(address_map_find(moved).kind == ADDRESS_LARGE);
    CHECK_THAT(fake_os_calls(FAKE_OS_MOVE_OUT) == 1);
    expect_filled(moved, 8 * MIB);
    expect_filled(neighbour, MIB);
    CHECK_THAT(stats().large_blocks == 2 && stats().large_bytes == 21 * MIB && stats().frees == 0);
    CHECK_THAT(stats().live_bytes == 21 * MIB && slices_purge() == 0);
    unsigned char *zeros = quarry_calloc(1, 8 * MIB);
    CHECK_THAT(zeros == block);
    expect_zeros(zeros, 8 * MIB);
    quarry_free(moved);
    CHECK_THAT(stats().large_bytes == 9 * MIB);
}

static void what_cannot_grow_moves_without_a_copy(void **state)
{
    expect_good_child(grow_beside_a_neighbour, NULL);
}

static void grow_without_moving(void *arg)
{
    unsigned char *block = quarry_malloc(8 * MIB);
    void *neighbour = quarry_malloc(MIB);

    fill(block, 8 * MIB);
    fake_os_fail_all(FAKE_OS_MOVE_OUT);
    unsigned char *moved = quarry_realloc(block, 20 * MIB);
    CHECK_THAT(is_run(moved) && moved != block);
    expect_filled(moved, 8 * MIB);
    quarry_free(neighbour);
    fake_os_fail_all_memory();
    CHECK_THAT(quarry_realloc(moved, MOST) == NULL);
    expect_filled(moved, 8 * MIB);
    CHECK_THAT(stats().large_blocks == 1);
    fake_os_fail_none();
    moved = quarry_realloc(moved, 100);
    CHECK_THAT(!is_run(moved));
    expect_filled(moved, 100);
}

static void what_cannot_move_is_copied(void **state)
{
    expect_good_child(grow_without_moving, NULL);
}

static void free_inside_of_a_page(void *arg)
{
    quarry_free((char *)quarry_malloc(MIB) + 4096);
}

static void free_in_another_slice(void *arg)
{
    quarry_free((char *)quarry_malloc(MIB) + 5 * SLICE_BYTES);
}

/* What an older slab has left in the descriptors does not let it pass. */
static void free_where_a_slab_was(void *arg)
{
    quarry_free(quarry_malloc(32 * KIB)); /* of four slices */
    quarry_malloc_trim(0);
    char *block = quarry_malloc(MIB);
    CHECK_THAT(slab_of_slice(1)->lead == 1 && slab_at(block) == slab_of_slice(0));
    quarry_free(block + SLICE_BYTES);
}

static void free_twice(void *arg)
{
    void *block = quarry_malloc(MIB);

    quarry_free(block);
    quarry_free(block);
}

static void ask_for_the_size_of_a_page(void *arg)
{
    quarry_malloc_usable_size((char *)quarry_malloc(MIB) + 4096);
}

/* Both have looked the block up before either has freed it. */
static void free_twice_at_once(void *arg)
{
    struct slab *run = slab_of_block(quarry_malloc(MIB));

    slab_drop_run(run);
    slab_drop_run(run);
}

static void misuse_dies(void **state)
{
    expect_death(free_inside_of_a_page, NULL, "address is not the start of its large block");
    expect_death(ask_for_the_size_of_a_page, NULL, "address is not the start of its large block");
    expect_death(free_in_another_slice, NULL, "address is far behind the start of a large block");
    expect_death(free_where_a_slab_was, NULL, "address is not the start of its large block");
    expect_death(free_twice, NULL, "large block was freed before");
    expect_death(free_twice_at_once, NULL, "large block was freed by two threads at a time");
}

static int begin(void **state)
{
    fake_os_reset();
    return 0;
}

static int make_range(void **state)
{
    setup();
    thread_cache_init();
    return slice_range_exists() ? 0 : -1;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(large_blocks_are_runs),
        TEST(what_no_run_can_be_is_a_mapping_or_chunk),
        TEST(calloc_clears_what_was_used),
        TEST(runs_are_resized_in_place),
        TEST(what_outgrows_slabs_is_a_run),
        TEST(counts_of_threads_add_up),
        TEST(what_cannot_grow_moves_without_a_copy),
        TEST(what_cannot_move_is_copied),
        TEST(misuse_dies),
    };

    return cmocka_run_group_tests(tests, make_range, NULL);
}
