/* SPDX-License-Identifier: Apache-2.0 */
/* Heaps that are asked for by an attribute: what shared_multi_heap and mem_attr_heap have in
 * common. Any thread and any signal handler may use a pool, save where told otherwise. */
#ifndef QUARRY_KERNEL_HEAP_POOL_H
#define QUARRY_KERNEL_HEAP_POOL_H

#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/sys_heap.h>
#include <zephyr/wait_q.h>

/* Memory that a heap is made of, and what is to be known of it. Constant once it is in a pool. */
struct heap_pool_region {
    uintptr_t start;
    size_t bytes;
    uint32_t attribute;
    const void *origin; /* what heap_pool_origin answers */
};

/* A heap of a pool. */
struct heap_pool_entry {
    struct sys_heap heap;           /* guarded by the lock */
    struct heap_pool_region region; /* constant below `count` */
};

/* A pool, as it is defined: with constants, by HEAP_POOL. */
struct heap_pool {
    _wait_q_t waiters; /* its lock, and blocks that handlers give back; nobody ever waits */
    size_t count;      /* heaps; atomic, release: their entries are complete. Written with the lock
                          held; it never falls */
    size_t capacity;   /* entries; constant */
    size_t attribute_limit; /* heaps of the same attribute; constant */
    struct heap_pool_entry *entries;
};

#define HEAP_POOL(all_entries, limit)                                                              \
    {                                                                                              \
        .waiters = Z_WAIT_Q_INIT, .capacity = sizeof(all_entries) / sizeof((all_entries)[0]),      \
        .attribute_limit = (limit), .entries = (all_entries)                                       \
    }

/* Makes heaps of regions, and adds all of them or none.
 *
 * 0; -EINVAL: one is too small, too large or at NULL, or it overlaps one that is in the pool or
 * before it; -ENOMEM: there is no room, or there are too many of the same attribute; -EBUSY: a
 * signal handler that has interrupted a call came in between. Not 0: nothing was added, and the
 * regions' bytes have no value. */
int heap_pool_add(struct heap_pool *pool, const struct heap_pool_region *regions, size_t count);

/* A block of the first heap with this attribute that has room. NULL: none has, `bytes` is 0, or a
 * handler came in between. `align` is as of sys_heap_aligned_alloc. */
void *heap_pool_alloc(struct heap_pool *pool, uint32_t attribute, size_t align, size_t bytes);

/* Changes the size of a block within its heap, and if that has no room, as heap_pool_alloc. A block
 * of NULL is a new one. 0 bytes: frees it. NULL: there is no room, and the block is as it was. */
void *heap_pool_realloc(struct heap_pool *pool, uint32_t attribute, void *block, size_t bytes);

/* NULL has no effect; an address that lies in no region is misuse. */
void heap_pool_free(struct heap_pool *pool, void *block);

/* The origin of the region that an address, any at all, lies in; NULL: it lies in none. Takes no
 * lock. */
const void *heap_pool_origin(const struct heap_pool *pool, const void *address);

#endif
