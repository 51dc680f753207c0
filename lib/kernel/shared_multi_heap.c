/* SPDX-License-Identifier: Apache-2.0 */
/* Zephyr's pool of heaps by kind of memory: a heap_pool (kernel/heap_pool.c) with room for
 * MAX_MULTI_HEAPS regions of each kind.
 *
 * The pool is there from the start, so shared_multi_heap_pool_init has only to remember that it was
 * called, and constructors may add regions in any order. */
#include <zephyr/multi_heap/shared_multi_heap.h>

#include <errno.h>
#include <stdbool.h>

#include "kernel/heap_pool.h"

static struct heap_pool_entry entries[MAX_SHARED_MULTI_HEAP_ATTR * MAX_MULTI_HEAPS];
static struct heap_pool pool = HEAP_POOL(entries, MAX_MULTI_HEAPS);
static bool initialised; /* atomic, relaxed: it says nothing about the pool */

static bool is_kind(uint32_t attr)
{
    return attr < (uint32_t)MAX_SHARED_MULTI_HEAP_ATTR;
}

int shared_multi_heap_pool_init(void)
{
    return __atomic_exchange_n(&initialised, true, __ATOMIC_RELAXED) ? -EALREADY : 0;
}

int shared_multi_heap_add(struct shared_multi_heap_region *region, void *user_data)
{
    (void)user_data;
    if (region == NULL || !is_kind(region->attr)) {
        return -EINVAL;
    }
    return heap_pool_add(
        &pool, &(struct heap_pool_region){region->addr, region->size, region->attr, NULL}, 1);
}

void *shared_multi_heap_aligned_alloc(enum shared_multi_heap_attr attr, size_t align, size_t bytes)
{
    return is_kind((uint32_t)attr) ? heap_pool_alloc(&pool, (uint32_t)attr, align, bytes) : NULL;
}

void *shared_multi_heap_alloc(enum shared_multi_heap_attr attr, size_t bytes)
{
    return shared_multi_heap_aligned_alloc(attr, 0, bytes);
}

void *shared_multi_heap_realloc(enum shared_multi_heap_attr attr, void *ptr, size_t bytes)
{
    return is_kind((uint32_t)attr) ? heap_pool_realloc(&pool, (uint32_t)attr, ptr, bytes) : NULL;
}

void shared_multi_heap_free(void *block)
{
    heap_pool_free(&pool, block);
}
