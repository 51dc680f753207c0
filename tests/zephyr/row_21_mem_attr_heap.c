/* SPDX-License-Identifier: Apache-2.0 */
/* Heaps in the regions of the program's table: made once; a request gets memory of the first region
 * with exactly its attributes and room; alignments of 32 and 64 are kept; a block names its region.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <quarry/memory_region.h>
#include <zephyr/mem_mgmt/mem_attr_heap.h>
#include <zephyr/sys/util.h>

#define REGION_BYTES  0x1000u
#define CACHEABLE     (DT_MEM_CACHEABLE | DT_MEM_SW_ALLOC_CACHE)
#define NON_CACHEABLE DT_MEM_SW_ALLOC_NON_CACHE
#define DMA           (DT_MEM_DMA | DT_MEM_SW_ALLOC_DMA)

static char memory[5][REGION_BYTES] __aligned(64);

/* In the place of a devicetree. */
static struct mem_attr_region_t regions[] = {
    {"mem_cacheable", 0, REGION_BYTES / 4, CACHEABLE},
    {"mem_cacheable_big", 0, REGION_BYTES, CACHEABLE},
    {"mem_non_cacheable", 0, REGION_BYTES, NON_CACHEABLE},
    {"mem_dma", 0, REGION_BYTES, DMA},
    {"mem_other", 0, REGION_BYTES, DT_MEM_CACHEABLE}, /* not to be allocated from */
};

static void heaps_are_made_once(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
        regions[i].dt_addr = (uintptr_t)memory[i];
    }
    assert_int_equal(quarry_mem_attr_regions_set(regions, ARRAY_SIZE(regions)), 0);
    assert_int_equal(mem_attr_heap_pool_init(), 0);
    assert_int_equal(mem_attr_heap_pool_init(), -EALREADY);
}

static void expect_in(const void *block, size_t number)
{
    assert_non_null(block);
    assert_in_range((uintptr_t)block, (uintptr_t)memory[number],
                    (uintptr_t)memory[number] + regions[number].dt_size - 1);
}

static void attributes_choose_the_region(void **state)
{
    static const uint32_t attributes[] = {CACHEABLE, NON_CACHEABLE, DMA};
    static const size_t numbers[] = {0, 2, 3};

    for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
        void *block = mem_attr_heap_alloc(attributes[i], 0x100);

        expect_in(block, numbers[i]);
        const struct mem_attr_region_t *region = mem_attr_heap_get_region(block);
        assert_ptr_equal(region, &regions[numbers[i]]);
        assert_int_equal(region->dt_attr, attributes[i]);
        assert_string_equal(region->dt_name, regions[numbers[i]].dt_name);
        mem_attr_heap_free(block);
    }
}

static void the_first_region_with_room_serves(void **state)
{
    void *first = mem_attr_heap_alloc(CACHEABLE, 0x300);
    void *second = mem_attr_heap_alloc(CACHEABLE, 0x300);

    expect_in(first, 0);
    expect_in(second, 1);
    mem_attr_heap_free(first);
    assert_ptr_equal(mem_attr_heap_alloc(CACHEABLE, 0x300), first);
    mem_attr_heap_free(first);
    mem_attr_heap_free(second);
}

static void what_no_region_has_is_not_had(void **state)
{
    assert_null(mem_attr_heap_alloc(DT_MEM_CACHEABLE, 0x100)); /* it is not to be allocated from */
    assert_null(mem_attr_heap_alloc(DT_MEM_SW_ALLOC_CACHE, 0x100)); /* there is more to them */
    assert_null(mem_attr_heap_alloc(CACHEABLE | DMA, 0x100));
    assert_null(mem_attr_heap_alloc(0, 0x100));
    assert_null(mem_attr_heap_alloc(DMA, REGION_BYTES));
    assert_null(mem_attr_heap_alloc(DMA, 0));
    mem_attr_heap_free(NULL);
}

static void alignments_are_kept(void **state)
{
    for (size_t align = 32; align <= 64; align *= 2) {
        void *block = mem_attr_heap_aligned_alloc(DMA, align, 0x100);
        void *next = mem_attr_heap_aligned_alloc(DMA, align, 0x100);

        expect_in(block, 3);
        expect_in(next, 3);
        assert_int_equal((uintptr_t)block % align, 0);
        assert_int_equal((uintptr_t)next % align, 0);
        mem_attr_heap_free(block);
        mem_attr_heap_free(next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heaps_are_made_once),
        cmocka_unit_test(attributes_choose_the_region),
        cmocka_unit_test(the_first_region_with_room_serves),
        cmocka_unit_test(what_no_region_has_is_not_had),
        cmocka_unit_test(alignments_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
