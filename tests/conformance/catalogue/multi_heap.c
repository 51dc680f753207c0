/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/mem_mgmt/mem_attr_heap.h>
#include <zephyr/multi_heap/shared_multi_heap.h>
#include <zephyr/sys/multi_heap.h>
#include "catalogue.h"

static void *choose_none(struct sys_multi_heap *mheap, void *cfg, size_t align, size_t size)
{
    (void)mheap, (void)cfg, (void)align, (void)size;
    return NULL;
}

static struct sys_multi_heap empty;

static bool realloc_asks_who_chooses(void)
{
    sys_multi_heap_init(&empty, choose_none);
    return sys_multi_heap_realloc(&empty, NULL, NULL, 8) == NULL;
}

static void multi_heaps(void)
{
    const struct entry entries[] = {
        TYPE(struct sys_multi_heap),
        TYPE(struct sys_multi_heap_rec),
        TYPE(sys_multi_heap_fn_t),
        MACRO(MAX_MULTI_HEAPS, MAX_MULTI_HEAPS == 8),
        MACRO(sys_multi_heap_realloc, realloc_asks_who_chooses()),
        FUNCTION(sys_multi_heap_init),
        FUNCTION(sys_multi_heap_add_heap),
        FUNCTION(sys_multi_heap_alloc),
        FUNCTION(sys_multi_heap_aligned_alloc),
        FUNCTION(sys_multi_heap_free),
        FUNCTION(sys_multi_heap_get_heap),
        FUNCTION(sys_multi_heap_aligned_realloc),
    };

    CATALOGUE(entries);
}

static void shared_and_by_attribute(void)
{
    const struct entry entries[] = {
        TYPE(enum shared_multi_heap_attr),
        TYPE(struct shared_multi_heap_region),
        MACRO(SMH_REG_ATTR_CACHEABLE, SMH_REG_ATTR_CACHEABLE == 0),
        MACRO(SMH_REG_ATTR_NON_CACHEABLE, SMH_REG_ATTR_NON_CACHEABLE == 1),
        MACRO(SMH_REG_ATTR_EXTERNAL, SMH_REG_ATTR_EXTERNAL == 2),
        MACRO(SMH_REG_ATTR_NUM, SMH_REG_ATTR_NUM == 3),
        MACRO(MAX_SHARED_MULTI_HEAP_ATTR, (int)MAX_SHARED_MULTI_HEAP_ATTR == 3),
        FUNCTION(shared_multi_heap_pool_init),
        FUNCTION(shared_multi_heap_add),
        FUNCTION(shared_multi_heap_alloc),
        FUNCTION(shared_multi_heap_aligned_alloc),
        FUNCTION(shared_multi_heap_realloc),
        FUNCTION(shared_multi_heap_free),
        TYPE(struct mem_attr_region_t),
        FUNCTION(mem_attr_heap_pool_init),
        FUNCTION(mem_attr_heap_alloc),
        FUNCTION(mem_attr_heap_aligned_alloc),
        FUNCTION(mem_attr_heap_free),
        FUNCTION(mem_attr_heap_get_region),
    };

    CATALOGUE(entries);
}

void catalogue_multi_heap(void)
{
    multi_heaps();
    shared_and_by_attribute();
}
