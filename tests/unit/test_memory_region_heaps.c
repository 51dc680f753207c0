/* SPDX-License-Identifier: Apache-2.0 */
/* From the system's memory to Zephyr's heaps: what an attribute stands for, a region that is added
 * by hand, one that is in the table. Each in a child process, for what is in a pool stays there. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <quarry/memory_region.h>
#include <zephyr/mem_mgmt/mem_attr_heap.h>
#include "os/os.h"
#include "../support/good_child.h"
#include "../support/heap_client.h"
#include "../support/memory_look.h"

#define BYTES ((size_t)100000)
#define MANY  ((size_t)1 << 20)

static void use_attribute(enum shared_multi_heap_attr attr)
{
    void *block = shared_multi_heap_alloc(attr, BYTES / 2);

    CHECK_THAT(block != NULL);
    heap_block_fill(block, BYTES / 2, 3);
    CHECK_THAT(heap_block_is_filled(block, BYTES / 2, 3));
    shared_multi_heap_free(block);
}

static void map_for_each_attribute(void *arg)
{
    (void)arg;
    for (unsigned int number = 0; number < MAX_SHARED_MULTI_HEAP_ATTR; number++) {
        enum shared_multi_heap_attr attr = (enum shared_multi_heap_attr)number;
        int result = quarry_shared_multi_heap_map(attr, BYTES);

        if (result == 0) {
            use_attribute(attr);
        } else {
            CHECK_THAT(attr != SMH_REG_ATTR_CACHEABLE);
            CHECK_THAT(result == (attr == SMH_REG_ATTR_EXTERNAL ? -ENOTSUP : -EPERM));
            CHECK_THAT(shared_multi_heap_alloc(attr, 1) == NULL);
        }
    }
    CHECK_THAT(quarry_shared_multi_heap_map(SMH_REG_ATTR_NUM, BYTES) == -EINVAL);
    CHECK_THAT(quarry_shared_multi_heap_map(SMH_REG_ATTR_CACHEABLE, 0) == -EINVAL);
    CHECK_THAT(quarry_shared_multi_heap_map(SMH_REG_ATTR_CACHEABLE, SIZE_MAX) == -ENOMEM);
}

static void each_attribute_has_its_memory(void **state)
{
    expect_good_child(map_for_each_attribute, NULL);
}

static void map_too_many(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < MAX_MULTI_HEAPS; i++) {
        CHECK_THAT(quarry_shared_multi_heap_map(SMH_REG_ATTR_CACHEABLE, BYTES) == 0);
    }
    unsigned long before = status_kib("VmSize:");
    CHECK_THAT(quarry_shared_multi_heap_map(SMH_REG_ATTR_CACHEABLE, MANY) == -ENOMEM);
    CHECK_THAT(status_kib("VmSize:") < before + MANY / 1024); /* it is gone again */
}

static void memory_that_nobody_takes_is_given_back(void **state)
{
    expect_good_child(map_too_many, NULL);
}

static void add_by_hand(void *arg)
{
    struct quarry_memory_region region;

    (void)arg;
    CHECK_THAT(quarry_memory_region_map(&region, BYTES, QUARRY_MEMORY_ORDINARY) == 0);
    CHECK_THAT(quarry_shared_multi_heap_add(&region, SMH_REG_ATTR_NUM) == -EINVAL);
    CHECK_THAT(quarry_shared_multi_heap_add(&region, SMH_REG_ATTR_EXTERNAL) == 0);
    use_attribute(SMH_REG_ATTR_EXTERNAL);
    CHECK_THAT(quarry_shared_multi_heap_add(&region, SMH_REG_ATTR_EXTERNAL) == -EINVAL);
}

static void a_region_can_be_added_by_hand(void **state)
{
    expect_good_child(add_by_hand, NULL);
}

#define DMA (DT_MEM_DMA | DT_MEM_SW_ALLOC_DMA)

static void make_a_table(void *arg)
{
    struct quarry_memory_region region;
    static struct mem_attr_region_t table[1];
    size_t page = os_page_bytes();

    (void)arg;
    CHECK_THAT(quarry_memory_region_map(&region, BYTES, QUARRY_MEMORY_ORDINARY) == 0);
    table[0] = quarry_mem_attr_region(&region, "mapped", DMA);
    CHECK_THAT(quarry_mem_attr_regions_set(table, 1) == 0);
    CHECK_THAT(mem_attr_heap_pool_init() == 0);
    void *block = mem_attr_heap_aligned_alloc(DMA, page, page);
    CHECK_THAT((uintptr_t)block - (uintptr_t)region.start < region.bytes);
    CHECK_THAT(mem_attr_heap_get_region(block) == &table[0]);
    CHECK_THAT(mem_attr_check_buf(block, page, DMA) == 0);
    mem_attr_heap_free(block);
}

static void a_region_can_be_an_element_of_the_table(void **state)
{
    expect_good_child(make_a_table, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_attribute_has_its_memory),
        cmocka_unit_test(memory_that_nobody_takes_is_given_back),
        cmocka_unit_test(a_region_can_be_added_by_hand),
        cmocka_unit_test(a_region_can_be_an_element_of_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
