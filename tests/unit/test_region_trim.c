/* SPDX-License-Identifier: Apache-2.0 */
/* Regions: what they give back to the kernel, and that nothing of live blocks goes with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "os/os.h"
#include "process/address_map.h"
#include "process/region.h"
#include "../support/fake_os.h"

#define KIB  ((size_t)1 << 10)
#define MIB  ((size_t)1 << 20)
#define PAGE ((size_t)4096)

#define RESERVED_BYTES (ADDRESS_MAP_SPAN_BYTES * 2)
#define OVERHEAD_BYTES Z_HEAP_CHUNK_(Z_HEAP_BIG_HEADER_BYTES_, 0)
#define BLOCK_BYTES    ((size_t)1000)
#define PATTERN        0x6b

static char arena_bytes;
static struct region *region;
static unsigned char *block; /* live during each test, filled with PATTERN */

/* A region with one small block at its start and 12 MiB or more of free memory behind it. */
static int grown_region(void **state)
{
    fake_os_reset();
    region = region_create((struct arena *)(void *)&arena_bytes, RESERVED_BYTES, 16, 12 * MIB);
    block = region_alloc(region, 16, BLOCK_BYTES);
    memset(block, PATTERN, BLOCK_BYTES);
    fake_os_reset();
    return 0;
}

static int intact_region(void **state)
{
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        assert_int_equal(block[i], PATTERN);
    }
    region_free(region, block);
    region_destroy(region);
    return 0;
}

/* A whole trim, as an arena does it. */
static size_t trim(size_t keep_bytes)
{
    struct range range = region_begin_trim(region, keep_bytes, region);

    if (range.bytes != 0) {
        os_decommit(range.start, range.bytes);
        region_end_trim(region);
    }
    return range.bytes;
}

/* Leaves no free chunk that could hold a block. */
static void fill_region(void)
{
    for (size_t bytes = 8 * MIB; bytes > 0; bytes /= 2) {
        while (region_alloc(region, 16, bytes) != NULL) {
        }
    }
}

static void trimming_takes_the_tail_but_for_what_is_kept(void **state)
{
    size_t tail = region_tail_bytes(region);
    size_t committed = region->committed_bytes;

    assert_true(tail > 11 * MIB);
    struct range range = region_begin_trim(region, MIB, region);
    assert_int_equal(range.bytes % PAGE, 0);
    assert_in_range(range.bytes, tail - MIB - PAGE + 1, tail - MIB);
    assert_ptr_equal(range.start, (char *)region + committed - range.bytes);
    assert_int_equal(region->committed_bytes, committed - range.bytes);
    assert_true(os_decommit(range.start, range.bytes));
    region_end_trim(region);
    assert_in_range(region_tail_bytes(region), MIB, MIB + PAGE - 1);
}

static void nothing_is_taken_below_a_page(void **state)
{
    struct range range = region_begin_trim(region, region_tail_bytes(region), region);

    assert_int_equal(range.bytes, 0);
    range = region_begin_trim(region, region_tail_bytes(region) - PAGE + 1, region);
    assert_int_equal(range.bytes, 0);
    range = region_begin_trim(region, SIZE_MAX, region);
    assert_int_equal(range.bytes, 0);
    assert_null(region->trimming_thread);
}

static void all_can_be_taken_but_less_than_a_page(void **state)
{
    assert_int_not_equal(trim(0), 0);
    assert_in_range(region_tail_bytes(region), 0, PAGE - 1);
    assert_int_equal(trim(0), 0);
}

static void tail_cannot_be_used_while_the_kernel_has_it(void **state)
{
    struct range range = region_begin_trim(region, MIB, region);

    assert_int_equal(region_tail_bytes(region), 0);
    assert_int_equal(region_begin_trim(region, 0, region).bytes, 0);
    assert_false(region_extend(region, 16, 1));
    assert_int_equal(fake_os_calls(FAKE_OS_COMMIT), 0);
    unsigned char *other = region_alloc(region, 16, 100 * KIB); /* what was kept is of use */
    assert_non_null(other);
    assert_true(other + 100 * KIB <= (unsigned char *)range.start);
    assert_null(region_alloc(region, 16, 2 * MIB));
    os_decommit(range.start, range.bytes);
    region_end_trim(region);
    assert_true(region_extend(region, 16, 2 * MIB));
    assert_non_null(region_alloc(region, 16, 2 * MIB));
    region->live_blocks = 1; /* the block that the test's end frees */
}

static void region_grows_again_after_a_trim(void **state)
{
    for (int round = 0; round < 5; round++) {
        size_t bytes = 10 * MIB + (size_t)round;
        unsigned char *large = region_alloc(region, 16, bytes);

        if (large == NULL) {
            assert_true(region_extend(region, 16, bytes));
            large = region_alloc(region, 16, bytes);
        }
        assert_non_null(large);
        memset(large, round, bytes);
        assert_int_equal((region_usable_bytes(region, large) + OVERHEAD_BYTES) % 16, 0);
        region_free(region, large);
        assert_true(trim(0) > 9 * MIB);
    }
}

static void refused_decommit_costs_memory_and_nothing_else(void **state)
{
    fake_os_fail_nth(FAKE_OS_DECOMMIT, 1);
    assert_int_not_equal(trim(0), 0);
    assert_true(region_extend(region, 16, 10 * MIB));
    unsigned char *large = region_alloc(region, 16, 10 * MIB);
    assert_non_null(large);
    memset(large, 1, 10 * MIB);
    region_free(region, large);
    assert_true(trim(0) > 9 * MIB);
}

static void full_region_has_no_tail(void **state)
{
    fill_region();
    assert_int_equal(region_tail_bytes(region), 0);
    assert_int_equal(trim(0), 0);
    region->live_blocks = 1;
}

/* A free chunk between two blocks, in the middle of the heap. */
static void discarding_empties_free_chunks_only(void **state)
{
    unsigned char *hole = region_alloc(region, 16, 64 * KIB);
    unsigned char *behind = region_alloc(region, 16, BLOCK_BYTES);
    fill_region();
    memset(hole, 0xff, 64 * KIB);
    memset(behind, 0x77, BLOCK_BYTES);
    region_free(region, hole);

    size_t before = fake_os_calls(FAKE_OS_DISCARD);
    size_t discarded = region_discard_free(region);
    assert_true(discarded >= 64 * KIB - 2 * PAGE);
    assert_int_equal(discarded % PAGE, 0);
    assert_true(fake_os_calls(FAKE_OS_DISCARD) > before);
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        assert_int_equal(behind[i], 0x77);
    }
    assert_int_equal(hole[32 * KIB], 0);
    assert_ptr_equal(region_alloc(region, 16, 64 * KIB), hole);
    memset(hole, 1, 64 * KIB);
    region->live_blocks = 1;
}

static void discarding_needs_a_whole_page(void **state)
{
    unsigned char *small = region_alloc(region, 16, PAGE / 2);
    region_alloc(region, 16, 1);
    fill_region();
    region_free(region, small);
    assert_int_equal(region_discard_free(region), 0);
    assert_int_equal(fake_os_calls(FAKE_OS_DISCARD), 0);
    region->live_blocks = 1;
}

static void refused_discard_counts_as_nothing(void **state)
{
    fake_os_fail_all(FAKE_OS_DISCARD);
    assert_int_equal(region_discard_free(region), 0);
    assert_true(fake_os_calls(FAKE_OS_DISCARD) > 0);
    assert_non_null(region_alloc(region, 16, 10 * MIB));
    region->live_blocks = 1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, grown_region, intact_region)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(trimming_takes_the_tail_but_for_what_is_kept),
        TEST(nothing_is_taken_below_a_page),
        TEST(all_can_be_taken_but_less_than_a_page),
        TEST(tail_cannot_be_used_while_the_kernel_has_it),
        TEST(region_grows_again_after_a_trim),
        TEST(refused_decommit_costs_memory_and_nothing_else),
        TEST(full_region_has_no_tail),
        TEST(discarding_empties_free_chunks_only),
        TEST(discarding_needs_a_whole_page),
        TEST(refused_discard_counts_as_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
