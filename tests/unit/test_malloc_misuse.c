/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions, given addresses that are no blocks, or not ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/malloc.h>
#include <quarry/config.h>
#include "process/options.h"
#include "process/setup.h"
#include "../support/death.h"
#include "../support/fake_os.h"

#define MIB  ((size_t)1 << 20)
#define PAGE ((size_t)4096)

static uint64_t foreign_count(void)
{
    struct quarry_malloc_stats stats;

    quarry_malloc_stats_get(&stats);
    return stats.foreign;
}

static int usual_policy(void **state)
{
    fake_os_reset();
    fake_os_set_options("foreign=ignore");
    options_read();
    return 0;
}

static void free_it(void *address)
{
    quarry_free(address);
}

static void resize_it(void *address)
{
    quarry_realloc(address, 10);
}

static void measure_it(void *address)
{
    quarry_malloc_usable_size(address);
}

static void free_as_foreign(void *address)
{
    fake_os_set_options("foreign=abort");
    options_read();
    quarry_free(address);
}

static void resize_as_foreign(void *address)
{
    fake_os_set_options("foreign=abort");
    options_read();
    quarry_realloc(address, 10);
}

static void foreign_addresses_are_ignored_and_counted(void **state)
{
    int on_stack = 0;
    void *const addresses[] = {&on_stack,
                               (char *)&on_stack + 1,
                               (void *)1,
                               (void *)SIZE_MAX,
                               (void *)(uintptr_t)&foreign_count,
                               (void *)((uintptr_t)1 << 63),
                               (void *)(PAGE * 3)};
    const size_t count = sizeof(addresses) / sizeof(addresses[0]);
    uint64_t before = foreign_count();

    for (size_t i = 0; i < count; i++) {
        quarry_free(addresses[i]);
        quarry_free_sized(addresses[i], 4);
        quarry_free_aligned_sized(addresses[i], 4, 4);
        assert_null(quarry_realloc(addresses[i], 100));
        assert_null(quarry_realloc(addresses[i], 0));
        assert_null(quarry_reallocarray(addresses[i], 1, 1));
        assert_int_equal(quarry_malloc_usable_size(addresses[i]), 0);
    }
    assert_int_equal(foreign_count() - before, 6 * count);
}

static void foreign_addresses_abort_if_wished(void **state)
{
    int on_stack = 0;

    expect_death(free_as_foreign, &on_stack, "address is not from this allocator");
    expect_death(resize_as_foreign, &on_stack, "address is not from this allocator");
    assert_false(options_foreign_aborts());
}

static void nothing_is_no_foreign_address(void **state)
{
    uint64_t before = foreign_count();

    quarry_free(NULL);
    quarry_free_sized(NULL, 1);
    quarry_free_aligned_sized(NULL, 1, 1);
    assert_int_equal(quarry_malloc_usable_size(NULL), 0);
    assert_int_equal(foreign_count(), before);
}

static void freed_large_blocks_die(void **state)
{
    void *block = quarry_malloc(MIB);

    quarry_free(block);
    expect_death(free_it, block, "large block was freed already");
    expect_death(resize_it, block, "large block was freed already");
    expect_death(measure_it, block, "large block was freed already");
}

static void moved_large_blocks_are_freed_ones(void **state)
{
    void *block = quarry_malloc(MIB);
    void *moved = quarry_realloc(block, 200 * MIB);

    assert_ptr_not_equal(moved, block);
    expect_death(free_it, block, "large block was freed already");
    quarry_free(moved);
}

static void addresses_inside_of_large_blocks_die(void **state)
{
    const size_t offsets[] = {1, 8, 16, PAGE, PAGE + 16, 20 * MIB, 40 * MIB - 1};
    char *block = quarry_malloc(40 * MIB);

    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        expect_death(free_it, block + offsets[i], "address is in the middle of a large block");
        expect_death(resize_it, block + offsets[i], "address is in the middle of a large block");
    }
    uint64_t before = foreign_count();
    quarry_free(block + 40 * MIB);
    assert_int_equal(foreign_count(), before + 1);
    quarry_free(block);
}

static void freed_small_blocks_die(void **state)
{
    skip_below_hardening(1);
    void *block = quarry_malloc(100);
    void *neighbour = quarry_malloc(100);

    quarry_free(block);
    expect_death(free_it, block, "block is not in use: double free, or not a block");
    expect_death(resize_it, block, "block is not in use: double free, or not a block");
    expect_death(measure_it, block, "block is not in use: double free, or not a block");
    quarry_free(neighbour);
}

static void addresses_inside_of_small_blocks_die(void **state)
{
    skip_below_hardening(1);
    char *block = quarry_calloc(1, 1000);

    for (size_t offset = 1; offset < 16; offset++) {
        expect_death(free_it, block + offset, "address is not aligned as a block is");
    }
    expect_death(free_it, block + 16, "block is not in use: double free, or not a block");
    expect_death(measure_it, block + 512, "block is not in use: double free, or not a block");
    quarry_free(block);
}

static void overflow_is_found_when_the_block_is_freed(void **state)
{
    skip_below_hardening(1);
    char *block = quarry_malloc(24);
    char *neighbour = quarry_malloc(24);

    memset(block, 0x41, quarry_malloc_usable_size(block) + 4); /* into what follows the block */
    expect_death(free_it, block,
                 QUARRY_HEAP_HARDENING >= 3 ? "canary is damaged: written past the end"
                                            : "block size is damaged: written past its end");
    (void)neighbour;
}

static void fail_to_register(void *arg)
{
    fake_os_fail_all(FAKE_OS_AT_FORK);
    setup_state = SETUP_NOT_BEGUN;
    quarry_free(quarry_malloc(1));
}

static void without_fork_handlers_nothing_starts(void **state)
{
    expect_death(fail_to_register, NULL, "cannot register fork handlers");
}

#define TEST(name) cmocka_unit_test_setup(name, usual_policy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(foreign_addresses_are_ignored_and_counted),
        TEST(foreign_addresses_abort_if_wished),
        TEST(nothing_is_no_foreign_address),
        TEST(freed_large_blocks_die),
        TEST(moved_large_blocks_are_freed_ones),
        TEST(addresses_inside_of_large_blocks_die),
        TEST(freed_small_blocks_die),
        TEST(addresses_inside_of_small_blocks_die),
        TEST(without_fork_handlers_nothing_starts),
        TEST(overflow_is_found_when_the_block_is_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
