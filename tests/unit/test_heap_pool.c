/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of heaps on its own: how many it has room for, and that all regions are added or none.
 * What its users promise is tested as theirs: test_shared_multi_heap.c, test_mem_attr_heap.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kernel/heap_pool.h"

#define REGION_BYTES 512u
#define ROOM         3u
#define LIMIT        2u
#define ONE          1u /* attributes */
#define OTHER        2u

static _Alignas(8) char buffers[ROOM + 2][REGION_BYTES];
static struct heap_pool_entry entries[ROOM + 2]; /* two more than the pool knows of */
static struct heap_pool pool;

static int begin(void **state)
{
    pool = (struct heap_pool)HEAP_POOL(entries, LIMIT);
    pool.capacity = ROOM;
    return 0;
}

static struct heap_pool_region region(size_t number, uint32_t attribute)
{
    return (struct heap_pool_region){(uintptr_t)buffers[number], REGION_BYTES, attribute,
                                     &buffers[number]};
}

static int add(size_t number, uint32_t attribute)
{
    struct heap_pool_region one = region(number, attribute);

    return heap_pool_add(&pool, &one, 1);
}

static void a_pool_is_full_at_its_capacity(void **state)
{
    assert_int_equal(heap_pool_add(&pool, NULL, 0), 0);
    assert_int_equal(add(0, ONE), 0);
    assert_int_equal(add(1, ONE), 0);
    assert_int_equal(add(2, ONE), -ENOMEM); /* as many of one attribute as there can be */
    assert_int_equal(add(2, OTHER), 0);
    assert_int_equal(add(3, OTHER), -ENOMEM);
    assert_int_equal(heap_pool_add(&pool, NULL, 0), 0);
    assert_int_equal(heap_pool_add(&pool, NULL, SIZE_MAX), -ENOMEM);
    assert_int_equal(pool.count, ROOM);
}

static void expect_nothing_added(const struct heap_pool_region *regions, size_t count, int result)
{
    assert_int_equal(heap_pool_add(&pool, regions, count), result);
    assert_int_equal(pool.count, 1);
    for (size_t i = pool.count; i < ROOM + 2; i++) {
        assert_null(entries[i].heap.heap); /* they have ended, or never began */
    }
    assert_null(heap_pool_alloc(&pool, OTHER, 0, 1));
    assert_null(heap_pool_origin(&pool, buffers[1]));
}

static void all_regions_are_added_or_none(void **state)
{
    struct heap_pool_region good[] = {region(1, OTHER), region(2, OTHER)};
    struct heap_pool_region too_many[] = {region(1, OTHER), region(2, OTHER), region(3, OTHER)};
    struct heap_pool_region of_one_kind[] = {region(1, ONE), region(2, ONE)};
    struct heap_pool_region twice[] = {region(1, OTHER), region(1, OTHER)};
    struct heap_pool_region too_small[] = {region(1, OTHER), region(2, OTHER)};

    too_small[1].bytes = Z_HEAP_MIN_SIZE - 1;
    assert_int_equal(add(0, ONE), 0);
    expect_nothing_added(too_many, 3, -ENOMEM);
    expect_nothing_added(of_one_kind, 2, -ENOMEM);
    expect_nothing_added(twice, 2, -EINVAL);
    expect_nothing_added(too_small, 2, -EINVAL);
    assert_int_equal(heap_pool_add(&pool, good, 2), 0);
    void *block = heap_pool_alloc(&pool, OTHER, 0, REGION_BYTES / 2);
    assert_ptr_equal(heap_pool_origin(&pool, block), &buffers[1]);
    heap_pool_free(&pool, block);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_regions_are_added_or_none),
        TEST(a_pool_is_full_at_its_capacity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
