/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of heaps by kind of memory: it is initialised once; requests of a kind go to the first
 * region of that kind with room, here the smallest; an unknown kind, 0 bytes and more than any
 * region has get nothing; blocks of another size stay in the pool. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/multi_heap/shared_multi_heap.h>
#include <zephyr/sys/util.h>

#define SMALL_BYTES 0x1000u
#define LARGE_BYTES 0x4000u
#define MARGIN      0x100u /* more than a heap's own bytes */

static char small_cacheable[SMALL_BYTES] __aligned(64);
static char large_cacheable[LARGE_BYTES] __aligned(64);
static char non_cacheable[SMALL_BYTES] __aligned(64);

static int add(uint32_t attr, char *memory, size_t bytes)
{
    struct shared_multi_heap_region region = {
        .attr = attr, .addr = (uintptr_t)memory, .size = bytes};

    return shared_multi_heap_add(&region, NULL);
}

static bool lies_in(const void *block, const char *memory, size_t bytes)
{
    return block != NULL && (uintptr_t)block - (uintptr_t)memory < bytes;
}

static void the_pool_is_initialised_once(void **state)
{
    assert_int_equal(shared_multi_heap_pool_init(), 0);
    assert_int_equal(shared_multi_heap_pool_init(), -EALREADY);
    assert_int_equal(add(SMH_REG_ATTR_CACHEABLE, small_cacheable, SMALL_BYTES), 0);
    assert_int_equal(add(SMH_REG_ATTR_NON_CACHEABLE, non_cacheable, SMALL_BYTES), 0);
    assert_int_equal(add(SMH_REG_ATTR_CACHEABLE, large_cacheable, LARGE_BYTES), 0);
    assert_int_equal(add(SMH_REG_ATTR_NUM, large_cacheable, LARGE_BYTES), -EINVAL);
}

static void the_first_region_with_room_serves(void **state)
{
    void *small = shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 0x40);
    void *large = shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, SMALL_BYTES - 0x40);
    void *uncached = shared_multi_heap_alloc(SMH_REG_ATTR_NON_CACHEABLE, 0x40);

    assert_true(lies_in(small, small_cacheable, SMALL_BYTES));
    assert_true(lies_in(large, large_cacheable, LARGE_BYTES)); /* the small one has less */
    assert_true(lies_in(uncached, non_cacheable, SMALL_BYTES));
    shared_multi_heap_free(small);
    shared_multi_heap_free(large);
    shared_multi_heap_free(uncached);
}

static void what_no_region_has_is_not_had(void **state)
{
    assert_null(shared_multi_heap_alloc(SMH_REG_ATTR_NON_CACHEABLE, SMALL_BYTES));
    assert_null(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, LARGE_BYTES));
    assert_null(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, SIZE_MAX));
    assert_null(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 0));
    assert_null(shared_multi_heap_alloc(SMH_REG_ATTR_NUM, 0x40));
    assert_null(shared_multi_heap_aligned_alloc(SMH_REG_ATTR_NUM, 32, 0x40));
    assert_null(shared_multi_heap_realloc(SMH_REG_ATTR_NUM, NULL, 0x40));
    shared_multi_heap_free(NULL);
}

static void alignments_are_kept(void **state)
{
    for (size_t align = 32; align <= 64; align *= 2) {
        void *block = shared_multi_heap_aligned_alloc(SMH_REG_ATTR_NON_CACHEABLE, align, 0x40);

        assert_true(lies_in(block, non_cacheable, SMALL_BYTES));
        assert_int_equal((uintptr_t)block % align, 0);
        shared_multi_heap_free(block);
    }
}

static void a_block_that_grows_moves_on_when_it_must(void **state)
{
    char *block = shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, NULL, 0x100);

    assert_true(lies_in(block, small_cacheable, SMALL_BYTES));
    memset(block, 0x5a, 0x100);
    assert_ptr_equal(shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, block, 0x200), block);
    assert_null(shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, block, LARGE_BYTES));
    block = shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, block, SMALL_BYTES);
    assert_true(lies_in(block, large_cacheable, LARGE_BYTES));
    for (size_t i = 0; i < 0x100; i++) {
        assert_int_equal(block[i], 0x5a);
    }
    assert_null(shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, block, 0));
}

static void all_memory_came_back(void **state)
{
    void *small = shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, SMALL_BYTES - MARGIN);
    void *large = shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, LARGE_BYTES - MARGIN);

    assert_true(lies_in(small, small_cacheable, SMALL_BYTES));
    assert_true(lies_in(large, large_cacheable, LARGE_BYTES));
    assert_null(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, MARGIN));
    shared_multi_heap_free(small);
    shared_multi_heap_free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pool_is_initialised_once),
        cmocka_unit_test(the_first_region_with_room_serves),
        cmocka_unit_test(what_no_region_has_is_not_had),
        cmocka_unit_test(alignments_are_kept),
        cmocka_unit_test(a_block_that_grows_moves_on_when_it_must),
        cmocka_unit_test(all_memory_came_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
