/* SPDX-License-Identifier: Apache-2.0 */
/* Large blocks: made, resized in place and by moving, freed, and every failure on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/malloc.h>
#include "process/address_map.h"
#include "process/large.h"
#include "../support/death.h"
#include "../support/fake_os.h"

#define KIB   ((size_t)1 << 10)
#define MIB   ((size_t)1 << 20)
#define GIB   ((size_t)1 << 30)
#define PAGE  ((size_t)4096)
#define BYTES (3 * PAGE)
/* More than there is room for behind a mapping. */
#define TOO_MUCH_IN_PLACE (100 * MIB)

static struct quarry_malloc_stats before;

static struct quarry_malloc_stats stats(void)
{
    struct quarry_malloc_stats now = {0};

    large_add_stats(&now);
    return now;
}

/* So that the map's memory is not taken for a leak: addresses come back to the same nodes. */
static int fresh_script(void **state)
{
    fake_os_reset();
    before = stats();
    return 0;
}

static int all_freed(void **state)
{
    struct quarry_malloc_stats now = stats();

    assert_int_equal(now.large_blocks, 0);
    assert_int_equal(now.large_bytes, 0);
    assert_int_equal(now.live_bytes, 0);
    assert_int_equal(now.committed_bytes, 0);
    return 0;
}

static size_t mapped_bytes(const void *block)
{
    struct address_owner owner = address_map_find(block);

    assert_int_equal(owner.kind, ADDRESS_LARGE);
    return owner.large_bytes;
}

static void free_block(void *block)
{
    large_free(block, mapped_bytes(block));
}

static unsigned char *make(size_t bytes)
{
    unsigned char *block = large_alloc(1, bytes);

    assert_non_null(block);
    return block;
}

/* Each byte depends on its offset. */
static void fill(unsigned char *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        block[i] = (unsigned char)(i * 31 + i / PAGE + 1);
    }
}

static void expect_filled(const unsigned char *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (block[i] != (unsigned char)(i * 31 + i / PAGE + 1)) {
            fail_msg("byte %zu has changed", i);
        }
    }
}

static void expect_zero(const unsigned char *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (block[i] != 0) {
            fail_msg("byte %zu is not zero", i);
        }
    }
}

static void block_is_whole_pages_of_zeros(void **state)
{
    const struct {
        size_t wanted;
        size_t mapped;
    } sizes[] = {{0, PAGE}, {1, PAGE}, {PAGE, PAGE}, {PAGE + 1, 2 * PAGE}, {MIB - 1, MIB}};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned char *block = make(sizes[i].wanted);

        assert_int_equal((uintptr_t)block % PAGE, 0);
        assert_int_equal(mapped_bytes(block), sizes[i].mapped);
        assert_true(fake_os_is_usable(block, sizes[i].mapped));
        expect_zero(block, sizes[i].mapped);
        free_block(block);
        assert_false(fake_os_is_usable(block, PAGE));
    }
}

static void block_lies_at_any_power_of_two(void **state)
{
    for (size_t align = 1; align <= GIB; align *= 2) {
        unsigned char *block = large_alloc(align, BYTES);

        assert_non_null(block);
        assert_int_equal((uintptr_t)block % align, 0);
        assert_int_equal(mapped_bytes(block), BYTES);
        free_block(block);
    }
}

static void impossible_sizes_and_alignments_give_nothing(void **state)
{
    size_t usable = fake_os_usable_bytes();

    assert_null(large_alloc(1, PTRDIFF_MAX));
    assert_null(large_alloc(1, PTRDIFF_MAX - PAGE + 1));
    assert_null(large_alloc((size_t)1 << 62, 1));
    assert_null(large_alloc((size_t)1 << 63, 1));
    assert_null(large_alloc((size_t)1 << 63, PTRDIFF_MAX));
    assert_int_equal(fake_os_usable_bytes(), usable);
    assert_int_equal(stats().allocations, before.allocations);
}

static void refused_mapping_gives_nothing(void **state)
{
    size_t usable = fake_os_usable_bytes();

    fake_os_fail_nth(FAKE_OS_MAP, 1);
    assert_null(large_alloc(1, BYTES));
    assert_int_equal(fake_os_usable_bytes(), usable);
    free_block(make(BYTES));
}

/* The map's memory is needed once for each 16 MiB of addresses: blocks apart need more and more. */
static void refused_map_memory_gives_the_mapping_back(void **state)
{
    void *made[64];
    size_t count = 0;
    size_t usable;

    do {
        usable = fake_os_usable_bytes();
        fake_os_fail_nth(FAKE_OS_MAP, 2);
        made[count] = large_alloc(64 * MIB, BYTES);
    } while (made[count] != NULL && ++count < 64);
    assert_true(count < 64);
    assert_int_equal(fake_os_usable_bytes(), usable);
    assert_int_equal(stats().large_blocks, count);
    while (count > 0) {
        free_block(made[--count]);
    }
}

static void block_grows_and_shrinks_in_place(void **state)
{
    unsigned char *block = make(BYTES);

    fill(block, BYTES);
    assert_ptr_equal(large_resize(block, BYTES, BYTES + MIB), block);
    assert_int_equal(mapped_bytes(block), BYTES + MIB);
    expect_filled(block, BYTES);
    expect_zero(block + BYTES, MIB);
    memset(block + BYTES, 1, MIB);
    assert_ptr_equal(large_resize(block, BYTES + MIB, PAGE + 1), block);
    assert_int_equal(mapped_bytes(block), 2 * PAGE);
    assert_false(fake_os_is_usable(block + 2 * PAGE, PAGE));
    expect_filled(block, 2 * PAGE);
    assert_ptr_equal(large_resize(block, 2 * PAGE, BYTES), block);
    expect_zero(block + 2 * PAGE, PAGE);
    assert_int_equal(fake_os_calls(FAKE_OS_MOVE), 0);
    assert_int_equal(stats().resizes - before.resizes, 3);
    assert_int_equal(stats().live_bytes, BYTES);
    free_block(block);
}

static void same_number_of_pages_is_no_work(void **state)
{
    unsigned char *block = make(BYTES);

    assert_ptr_equal(large_resize(block, BYTES, BYTES - PAGE + 1), block);
    assert_ptr_equal(large_resize(block, BYTES, BYTES), block);
    assert_int_equal(fake_os_calls(FAKE_OS_RESIZE), 0);
    free_block(block);
}

static void block_moves_if_it_cannot_grow_in_place(void **state)
{
    unsigned char *block = make(BYTES);

    fill(block, BYTES);
    unsigned char *moved = large_resize(block, BYTES, TOO_MUCH_IN_PLACE);
    assert_non_null(moved);
    assert_ptr_not_equal(moved, block);
    assert_int_equal(mapped_bytes(moved), TOO_MUCH_IN_PLACE);
    assert_int_equal(address_map_find(block).kind, ADDRESS_LARGE_FREED);
    assert_false(fake_os_is_usable(block, PAGE));
    expect_filled(moved, BYTES);
    expect_zero(moved + BYTES, MIB);
    assert_int_equal(stats().large_blocks, 1);
    assert_int_equal(stats().live_bytes, TOO_MUCH_IN_PLACE);
    free_block(moved);
    assert_int_equal(address_map_find(moved).kind, ADDRESS_LARGE_FREED);
}

static void refused_shrinking_keeps_the_block_as_it_is(void **state)
{
    unsigned char *block = make(BYTES);

    fill(block, BYTES);
    fake_os_fail_all_memory();
    assert_ptr_equal(large_resize(block, BYTES, 1), block);
    assert_int_equal(mapped_bytes(block), BYTES);
    expect_filled(block, BYTES);
    assert_int_equal(stats().live_bytes, BYTES);
    fake_os_fail_none();
    free_block(block);
}

/* Lets one step of moving fail: nothing may have happened. */
static void expect_failing_move_changes_nothing(enum fake_os_call step)
{
    unsigned char *block = make(BYTES);
    size_t usable = fake_os_usable_bytes();
    size_t reserved = fake_os_reserved_bytes();

    fill(block, BYTES);
    fake_os_fail_all(step);
    assert_null(large_resize(block, BYTES, TOO_MUCH_IN_PLACE));
    assert_true(fake_os_calls(step) > 0);
    fake_os_fail_none();
    assert_int_equal(mapped_bytes(block), BYTES);
    expect_filled(block, BYTES);
    assert_int_equal(fake_os_reserved_bytes(), reserved);
    assert_in_range(fake_os_usable_bytes(), usable,
                    usable + 128 * KIB); /* the map may have grown */
    assert_int_equal(stats().live_bytes, BYTES);
    assert_int_equal(stats().resizes, before.resizes);
    unsigned char *moved = large_resize(block, BYTES, TOO_MUCH_IN_PLACE);
    assert_non_null(moved);
    expect_filled(moved, BYTES);
    free_block(moved);
}

static void refused_target_changes_nothing(void **state)
{
    expect_failing_move_changes_nothing(FAKE_OS_RESERVE);
}

static void refused_move_changes_nothing(void **state)
{
    expect_failing_move_changes_nothing(FAKE_OS_MOVE);
}

/* Targets are found elsewhere each time until one needs memory for the map. */
static void refused_map_memory_for_the_target_changes_nothing(void **state)
{
    enum { ENOUGH = 200 };
    static void *moved[ENOUGH];
    size_t count = 0;

    for (; count < ENOUGH; count++) {
        unsigned char *block = make(BYTES);
        size_t reserved = fake_os_reserved_bytes();
        size_t maps = fake_os_calls(FAKE_OS_MAP);

        fake_os_fail_all(FAKE_OS_MAP);
        moved[count] = large_resize(block, BYTES, TOO_MUCH_IN_PLACE);
        fake_os_fail_none();
        if (moved[count] == NULL) {
            assert_int_equal(fake_os_calls(FAKE_OS_MAP), maps + 1);
            assert_int_equal(fake_os_reserved_bytes(), reserved);
            assert_int_equal(mapped_bytes(block), BYTES);
            free_block(block);
            break;
        }
    }
    assert_true(count < ENOUGH);
    while (count > 0) {
        free_block(moved[--count]);
    }
}

static void impossible_size_changes_nothing(void **state)
{
    unsigned char *block = make(BYTES);

    assert_null(large_resize(block, BYTES, PTRDIFF_MAX));
    assert_int_equal(mapped_bytes(block), BYTES);
    free_block(block);
}

/* The address space is lost, but not the memory. */
static void refused_unmap_gives_the_pages_back(void **state)
{
    unsigned char *block = make(BYTES);

    memset(block, 1, BYTES);
    fake_os_fail_nth(FAKE_OS_UNMAP, 1);
    free_block(block);
    assert_int_equal(fake_os_calls(FAKE_OS_DISCARD), 1);
    expect_zero(block, BYTES);
    assert_int_equal(address_map_find(block).kind, ADDRESS_LARGE_FREED);
    assert_int_equal(stats().live_bytes, 0);
}

static void stats_count_large_blocks(void **state)
{
    void *made[5];

    for (size_t i = 0; i < 5; i++) {
        made[i] = make((i + 1) * PAGE);
    }
    struct quarry_malloc_stats now = stats();
    assert_int_equal(now.allocations - before.allocations, 5);
    assert_int_equal(now.large - before.large, 5);
    assert_int_equal(now.large_blocks, 5);
    assert_int_equal(now.large_bytes, 15 * PAGE);
    assert_int_equal(now.live_bytes, 15 * PAGE);
    assert_int_equal(now.committed_bytes, 15 * PAGE);
    for (size_t i = 0; i < 5; i++) {
        free_block(made[i]);
    }
    assert_int_equal(stats().frees - before.frees, 5);
}

/* Crimes of two threads, one after the other: what the first found in the map is out of date. */
static void free_it(void *block)
{
    large_free(block, BYTES);
}

static void move_it(void *block)
{
    large_resize(block, BYTES, TOO_MUCH_IN_PLACE);
}

static void block_freed_by_another_thread_dies(void **state)
{
    unsigned char *block = make(BYTES);

    free_block(block);
    expect_death(free_it, block, "large block was freed by two threads at once");
}

static unsigned char *victim;

static void free_victim(void *arg)
{
    fake_os_watch(FAKE_OS_RESERVE, NULL, NULL);
    free_block(victim);
}

static void be_freed_while_moving(void *arg)
{
    fake_os_watch(FAKE_OS_RESERVE, free_victim, NULL);
    fake_os_fail_all(FAKE_OS_RESIZE);
    move_it(victim);
}

static void block_freed_while_it_moves_dies(void **state)
{
    victim = make(BYTES);
    expect_death(be_freed_while_moving, NULL, "large block was freed while it was reallocated");
    free_block(victim);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_script, all_freed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(block_is_whole_pages_of_zeros),
        TEST(block_lies_at_any_power_of_two),
        TEST(impossible_sizes_and_alignments_give_nothing),
        TEST(refused_mapping_gives_nothing),
        TEST(refused_map_memory_gives_the_mapping_back),
        TEST(block_grows_and_shrinks_in_place),
        TEST(same_number_of_pages_is_no_work),
        TEST(block_moves_if_it_cannot_grow_in_place),
        TEST(refused_shrinking_keeps_the_block_as_it_is),
        TEST(refused_target_changes_nothing),
        TEST(refused_move_changes_nothing),
        TEST(refused_map_memory_for_the_target_changes_nothing),
        TEST(impossible_size_changes_nothing),
        TEST(refused_unmap_gives_the_pages_back),
        TEST(stats_count_large_blocks),
        TEST(block_freed_by_another_thread_dies),
        TEST(block_freed_while_it_moves_dies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
