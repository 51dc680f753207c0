/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions on a machine with pages of 16 KiB. The fake system refuses every address and
 * size that is not a multiple of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/malloc.h>
#include "process/address_map.h"
#include "../support/fake_os.h"

#define KIB       ((size_t)1 << 10)
#define MIB       ((size_t)1 << 20)
#define PAGE      (16 * KIB)
#define THRESHOLD (512 * KIB)

static void page_functions_know_the_page(void **state)
{
    void *block = quarry_valloc(1);
    void *pages = quarry_pvalloc(PAGE + 1);

    assert_int_equal((uintptr_t)block % PAGE, 0);
    assert_int_equal((uintptr_t)pages % PAGE, 0);
    assert_true(quarry_malloc_usable_size(pages) >= 2 * PAGE);
    quarry_free(block);
    quarry_free(pages);
}

static void large_blocks_are_whole_pages(void **state)
{
    unsigned char *block = quarry_malloc(THRESHOLD + 1);

    assert_int_equal((uintptr_t)block % PAGE, 0);
    assert_int_equal(quarry_malloc_usable_size(block), THRESHOLD + PAGE);
    memset(block, 1, THRESHOLD + 1);
    block = quarry_realloc(block, 200 * MIB);
    assert_int_equal(block[THRESHOLD], 1);
    block = quarry_realloc(block, THRESHOLD + PAGE + 1);
    assert_int_equal(quarry_malloc_usable_size(block), THRESHOLD + 2 * PAGE);
    quarry_free(block);
}

static void regions_grow_and_shrink_by_pages(void **state)
{
    enum { COUNT = 64 };
    void *blocks[COUNT];
    struct quarry_malloc_stats stats;

    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = quarry_malloc(THRESHOLD / 2 + 1000 * i);
        assert_int_equal(address_map_find(blocks[i]).kind, ADDRESS_REGION);
    }
    for (size_t i = 0; i < COUNT; i += 2) {
        quarry_free(blocks[i]);
    }
    quarry_malloc_trim(0);
    for (size_t i = 1; i < COUNT; i += 2) {
        quarry_free(blocks[i]);
    }
    quarry_malloc_trim(0);
    quarry_malloc_stats_get(&stats);
    assert_int_equal(stats.live_bytes, 0);
    assert_int_equal(stats.committed_bytes % PAGE, 0);
    assert_in_range(stats.committed_bytes, PAGE, 2 * PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_functions_know_the_page),
        cmocka_unit_test(large_blocks_are_whole_pages),
        cmocka_unit_test(regions_grow_and_shrink_by_pages),
    };

    fake_os_set_page_bytes(PAGE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
