/* SPDX-License-Identifier: Apache-2.0 */
/* The program's table of memory regions, and the heaps in them: a heap_pool (kernel/heap_pool.c)
 * whose heaps are made all at once.
 *
 *    table --> | region | region with DT_MEM_SW_ALLOC_ bits | region | ...     the program's
 *                                   ^
 *    pool  --> | entry, origin -----+                                          ours
 *
 * Invariant: the table does not change once `initialised` is true; a block's region is an element
 * of it. */
#include <quarry/memory_region.h>
#include <zephyr/mem_mgmt/mem_attr_heap.h>

#include <errno.h>
#include <stdbool.h>

#include "kernel/heap_pool.h"

/* Set before other threads look. */
static struct {
    const struct mem_attr_region_t *regions;
    size_t count;
} table;

static struct heap_pool_entry entries[MAX_MEM_ATTR_HEAPS];
static struct heap_pool pool = HEAP_POOL(entries, MAX_MEM_ATTR_HEAPS);
static bool initialised; /* atomic, relaxed: pool.count tells what is ready */

/* --- The table --- */

int quarry_mem_attr_regions_set(const struct mem_attr_region_t *regions, size_t count)
{
    if (__atomic_load_n(&initialised, __ATOMIC_RELAXED)) {
        return -EALREADY;
    }
    if (regions == NULL && count != 0) {
        return -EINVAL;
    }
    table.regions = regions;
    table.count = count;
    return 0;
}

size_t mem_attr_get_regions(const struct mem_attr_region_t **region)
{
    *region = table.regions;
    return table.count;
}

static const struct mem_attr_region_t *region_of(const void *address)
{
    for (size_t i = 0; i < table.count; i++) {
        const struct mem_attr_region_t *region = &table.regions[i];

        if ((uintptr_t)address - region->dt_addr < region->dt_size) {
            return region;
        }
    }
    return NULL;
}

int mem_attr_check_buf(void *addr, size_t size, uint32_t attr)
{
    if (size == 0 || attr == 0) {
        return -ENOTSUP;
    }
    const struct mem_attr_region_t *region = region_of(addr);
    if (region == NULL) {
        return -ENOBUFS;
    }
    if (size > region->dt_size - ((uintptr_t)addr - region->dt_addr)) {
        return -ENOSPC;
    }
    return (region->dt_attr & attr) == attr ? 0 : -EINVAL;
}

/* --- The heaps --- */

/* Those of the table that are to have a heap. Their number; more than there is room for if so. */
static size_t regions_for_heaps(struct heap_pool_region *chosen, size_t room)
{
    size_t count = 0;

    for (size_t i = 0; i < table.count && count <= room; i++) {
        const struct mem_attr_region_t *region = &table.regions[i];

        if ((region->dt_attr & DT_MEM_SW_ATTR_MASK) == 0) {
            continue;
        }
        if (count < room) {
            chosen[count] = (struct heap_pool_region){region->dt_addr, region->dt_size,
                                                      region->dt_attr, region};
        }
        count++;
    }
    return count;
}

static int make_heaps(void)
{
    struct heap_pool_region chosen[MAX_MEM_ATTR_HEAPS];
    size_t count = regions_for_heaps(chosen, MAX_MEM_ATTR_HEAPS);

    if (count > MAX_MEM_ATTR_HEAPS) {
        return -ENOMEM;
    }
    int result = heap_pool_add(&pool, chosen, count);
    return result == -EINVAL ? -ENOMEM : result;
}

int mem_attr_heap_pool_init(void)
{
    if (__atomic_exchange_n(&initialised, true, __ATOMIC_RELAXED)) {
        return -EALREADY;
    }
    int result = make_heaps();
    if (result != 0) {
        __atomic_store_n(&initialised, false, __ATOMIC_RELAXED);
    }
    return result;
}

void *mem_attr_heap_aligned_alloc(uint32_t attr, size_t align, size_t bytes)
{
    return heap_pool_alloc(&pool, attr, align, bytes);
}

void *mem_attr_heap_alloc(uint32_t attr, size_t bytes)
{
    return heap_pool_alloc(&pool, attr, 0, bytes);
}

void mem_attr_heap_free(void *block)
{
    heap_pool_free(&pool, block);
}

const struct mem_attr_region_t *mem_attr_heap_get_region(void *addr)
{
    return heap_pool_origin(&pool, addr);
}
