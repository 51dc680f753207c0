/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions: which part of the allocator serves a call, realloc between the parts, what
 * happens out of memory, and addresses that are not ours. Sizes and alignments at the limits are in
 * test_malloc_limits.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/malloc.h>
#include "process/address_map.h"
#include "process/options.h"
#include "../support/death.h"
#include "../support/fake_os.h"

#define KIB       ((size_t)1 << 10)
#define MIB       ((size_t)1 << 20)
#define PAGE      ((size_t)4096)
#define THRESHOLD (512 * KIB)
#define ODD_ERRNO 9999

static struct quarry_malloc_stats stats(void)
{
    struct quarry_malloc_stats now;

    quarry_malloc_stats_get(&now);
    return now;
}

static int usual_options(void **state)
{
    fake_os_reset();
    quarry_malloc_option_set(QUARRY_MALLOC_LARGE_THRESHOLD, THRESHOLD);
    quarry_malloc_option_set(QUARRY_MALLOC_ARENAS, 1);
    assert_int_equal(stats().live_bytes, 0);
    errno = ODD_ERRNO;
    return 0;
}

static int nothing_live(void **state)
{
    assert_int_equal(errno, ODD_ERRNO);
    fake_os_reset();
    assert_int_equal(stats().live_bytes, 0);
    quarry_malloc_trim(0);
    return 0;
}

static enum address_kind kind(const void *block)
{
    return address_map_find(block).kind;
}

static void fill(unsigned char *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        block[i] = (unsigned char)(i % 251);
    }
}

static void expect_filled(const unsigned char *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (block[i] != i % 251) {
            fail_msg("byte %zu has changed", i);
        }
    }
}

static unsigned char *filled_block(size_t bytes)
{
    unsigned char *block = quarry_malloc(bytes);

    assert_non_null(block);
    fill(block, bytes);
    return block;
}

static void threshold_divides_small_from_large(void **state)
{
    void *small = quarry_malloc(THRESHOLD - 1);
    void *large = quarry_malloc(THRESHOLD);
    void *aligned = quarry_aligned_alloc(THRESHOLD, 1);
    void *less_aligned = quarry_aligned_alloc(THRESHOLD / 2, 1);

    assert_int_equal(kind(small), ADDRESS_REGION);
    assert_int_equal(kind(large), ADDRESS_LARGE);
    assert_int_equal(kind(aligned), ADDRESS_LARGE);
    assert_int_equal(kind(less_aligned), ADDRESS_REGION);
    quarry_free(small);
    quarry_free(large);
    quarry_free(aligned);
    quarry_free(less_aligned);
}

static void threshold_can_be_set(void **state)
{
    assert_int_equal(quarry_malloc_option_set(QUARRY_MALLOC_LARGE_THRESHOLD, 64 * KIB), 0);
    void *small = quarry_malloc(64 * KIB - 1);
    void *large = quarry_malloc(64 * KIB);
    assert_int_equal(kind(small), ADDRESS_REGION);
    assert_int_equal(kind(large), ADDRESS_LARGE);
    quarry_free(small);
    quarry_free(large);
    assert_int_equal(quarry_malloc_option_set(QUARRY_MALLOC_LARGE_THRESHOLD, 1), EINVAL);
    assert_int_equal(quarry_malloc_option_set(QUARRY_MALLOC_ARENAS, 0), EINVAL);
    assert_int_equal(quarry_malloc_option_set(QUARRY_MALLOC_PURGE_DELAY_MS, SIZE_MAX), EINVAL);
    assert_int_equal(quarry_malloc_option_set((enum quarry_malloc_option)77, 1), EINVAL);
}

static void realloc_crosses_the_threshold_both_ways(void **state)
{
    unsigned char *block = filled_block(1000);
    void *neighbour = quarry_malloc(1); /* so that it cannot grow in place */

    block = quarry_realloc(block, 3 * MIB);
    assert_int_equal(kind(block), ADDRESS_LARGE);
    expect_filled(block, 1000);
    fill(block, 3 * MIB);
    block = quarry_realloc(block, THRESHOLD / 2);
    assert_int_equal(kind(block), ADDRESS_LARGE); /* too little to be gained */
    expect_filled(block, THRESHOLD / 2);
    block = quarry_realloc(block, THRESHOLD / 2 - 1);
    assert_int_equal(kind(block), ADDRESS_REGION);
    expect_filled(block, THRESHOLD / 2 - 1);
    quarry_free(block);
    quarry_free(neighbour);
}

static void realloc_of_nothing_and_to_nothing(void **state)
{
    void *block = quarry_realloc(NULL, 100);

    assert_non_null(block);
    assert_null(quarry_realloc(block, 0));
    block = quarry_realloc(NULL, 0);
    assert_non_null(block);
    assert_null(quarry_realloc(block, 0));
    assert_null(quarry_realloc(quarry_malloc(MIB), 0));
}

static void realloc_keeps_contents_at_every_step(void **state)
{
    unsigned char *block = NULL;
    size_t had = 0;

    for (size_t bytes = 1; bytes < 4 * MIB; bytes += bytes / 2 + 1) {
        block = quarry_realloc(block, bytes);
        assert_non_null(block);
        expect_filled(block, had);
        fill(block, bytes);
        had = bytes;
    }
    for (size_t bytes = had; bytes > 0; bytes /= 3) {
        block = quarry_realloc(block, bytes);
        assert_non_null(block);
        expect_filled(block, bytes);
    }
    quarry_free(block);
}

static void shrinking_never_fails(void **state)
{
    unsigned char *small = filled_block(100 * KIB);
    unsigned char *large = filled_block(4 * MIB);

    fake_os_fail_all_memory();
    while (quarry_malloc_trim(0) != 0) {
    }
    for (size_t bytes = 4 * MIB; bytes > 0; bytes /= 2) {
        large = quarry_realloc(large, bytes);
        assert_non_null(large);
        expect_filled(large, bytes);
        if (bytes <= 100 * KIB) {
            small = quarry_realloc(small, bytes);
            assert_non_null(small);
            expect_filled(small, bytes);
        }
    }
    fake_os_fail_none();
    quarry_free(small);
    quarry_free(large);
}

/* A handler cannot have the block's arena, nor another, nor memory of the system. */
static void shrink_in_handler(void *arg)
{
    unsigned char **block = arg;

    fake_os_fail_all_memory();
    *block = quarry_realloc(*block, 10);
}

static void shrinking_in_a_handler_never_fails(void **state)
{
    unsigned char *block = filled_block(100);
    unsigned char *shrunk = block;

    quarry_malloc_trim(0);
    fake_os_watch(FAKE_OS_COMMIT, shrink_in_handler, &shrunk);
    quarry_free(quarry_malloc(THRESHOLD - 1));
    fake_os_watch(FAKE_OS_COMMIT, NULL, NULL);
    fake_os_fail_none();
    assert_int_not_equal(fake_os_calls(FAKE_OS_COMMIT), 0);
    bool failed = shrunk == NULL;
    quarry_free(failed ? block : shrunk);
    assert_false(failed);
}

static void allocate_in_handler(void *arg)
{
    void **block = arg;

    if (*block == NULL) {
        *block = quarry_malloc(10);
    }
}

static void handler_gets_a_mapping_if_all_arenas_are_taken(void **state)
{
    void *made = NULL;

    quarry_malloc_trim(0);
    fake_os_watch(FAKE_OS_COMMIT, allocate_in_handler, &made);
    quarry_free(quarry_malloc(THRESHOLD - 1));
    fake_os_watch(FAKE_OS_COMMIT, NULL, NULL);
    assert_int_equal(kind(made), ADDRESS_LARGE);
    quarry_free(made);
}

static void calloc_zeroes_all_that_may_be_used(void **state)
{
    const size_t sizes[] = {0, 1, 7, 8, 9, 24, 25, 100, 4000, 100 * KIB, THRESHOLD, 3 * MIB};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned char *block = quarry_malloc(sizes[i]);
        memset(block, 0xff, quarry_malloc_usable_size(block));
        quarry_free(block);

        block = quarry_calloc(1, sizes[i]);
        assert_non_null(block);
        for (size_t byte = 0; byte < quarry_malloc_usable_size(block); byte++) {
            assert_int_equal(block[byte], 0);
        }
        quarry_free(block);
    }
}

static void without_regions_blocks_are_mappings(void **state)
{
    quarry_malloc_trim(0);
    fake_os_fail_all(FAKE_OS_RESERVE);
    fake_os_fail_all(FAKE_OS_COMMIT);
    void *blocks[200];
    size_t count = 0;
    do {
        blocks[count] = quarry_malloc(64 * KIB);
        assert_non_null(blocks[count]);
    } while (kind(blocks[count++]) == ADDRESS_REGION);
    assert_int_equal(kind(blocks[count - 1]), ADDRESS_LARGE);
    assert_int_equal(quarry_malloc_usable_size(blocks[count - 1]), 64 * KIB);
    while (count > 0) {
        quarry_free(blocks[--count]);
    }
}

static void out_of_memory_is_survived(void **state)
{
    unsigned char *block = filled_block(THRESHOLD);
    unsigned char *grown;
    void *out = &out;

    fake_os_fail_all_memory();
    assert_null(quarry_malloc(THRESHOLD));
    assert_null(quarry_calloc(2, THRESHOLD));
    assert_null(quarry_aligned_alloc(MIB, 1));
    assert_null(quarry_memalign(MIB, 1));
    assert_null(quarry_valloc(THRESHOLD));
    assert_null(quarry_pvalloc(THRESHOLD));
    assert_int_equal(quarry_posix_memalign(&out, MIB, 1), ENOMEM);
    assert_ptr_equal(out, &out);
    assert_null(quarry_realloc(block, 2 * THRESHOLD));
    assert_null(quarry_reallocarray(block, 4, THRESHOLD));
    expect_filled(block, THRESHOLD);
    fake_os_fail_none();
    grown = quarry_realloc(block, 2 * THRESHOLD);
    assert_non_null(grown);
    expect_filled(grown, THRESHOLD);
    quarry_free(grown);
}

/* What is kept for later goes back to the system before an allocation fails. */
static void unused_regions_make_room_for_large_blocks(void **state)
{
    quarry_free(quarry_malloc(100));
    assert_int_equal(stats().regions, 1);
    fake_os_fail_nth(FAKE_OS_MAP, 1);
    void *large = quarry_malloc(MIB);
    assert_non_null(large);
    assert_int_equal(stats().regions, 0);
    void *small = quarry_malloc(100);
    assert_int_equal(kind(small), ADDRESS_REGION);
    fake_os_fail_nth(FAKE_OS_MAP, 1);
    void *second = quarry_malloc(MIB);
    assert_int_equal(stats().regions, 1); /* it is in use */
    quarry_free(second);
    quarry_free(large);
    quarry_free(small);
}

static void where_pages_cannot_be_moved_they_are_copied(void **state)
{
    unsigned char *block = filled_block(MIB);

    fake_os_fail_all(FAKE_OS_RESIZE);
    fake_os_fail_all(FAKE_OS_MOVE);
    block = quarry_realloc(block, 5 * MIB);
    assert_non_null(block);
    expect_filled(block, MIB);
    block = quarry_realloc(block, 2 * MIB);
    expect_filled(block, MIB);
    quarry_free(block);
}

static void trimming_says_whether_it_gave_back(void **state)
{
    quarry_free(quarry_malloc(THRESHOLD - 1));
    assert_int_equal(quarry_malloc_trim(0), 1);
    quarry_malloc_option_set(QUARRY_MALLOC_LARGE_THRESHOLD, 32 * MIB);
    quarry_free(quarry_malloc(8 * MIB));
    assert_int_equal(quarry_malloc_trim(0), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, usual_options, nothing_live)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(threshold_divides_small_from_large),
        TEST(threshold_can_be_set),
        TEST(realloc_crosses_the_threshold_both_ways),
        TEST(realloc_of_nothing_and_to_nothing),
        TEST(realloc_keeps_contents_at_every_step),
        TEST(shrinking_never_fails),
        TEST(shrinking_in_a_handler_never_fails),
        TEST(handler_gets_a_mapping_if_all_arenas_are_taken),
        TEST(calloc_zeroes_all_that_may_be_used),
        TEST(without_regions_blocks_are_mappings),
        TEST(out_of_memory_is_survived),
        TEST(unused_regions_make_room_for_large_blocks),
        TEST(where_pages_cannot_be_moved_they_are_copied),
        TEST(trimming_says_whether_it_gave_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
