/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of heaps. Requests name an attribute; blocks find their heap by their address.
 *
 *    entries, in the order in which they were added                          count
 *    +----------------+----------------+----------------+----------------+ - - - - - +
 *    | attribute 0    | attribute 2    | attribute 0    | attribute 1    |           |
 *    +----------------+----------------+----------------+----------------+ - - - - - +
 *      a request for attribute 0 tries this one, and then the third
 *
 * Invariants:
 *   1. No two regions overlap, so an address has one owner at the most.
 *   2. The regions of entries below `count` are constant. So an address's owner is found without
 *      the lock, and a handler knows whose block it gives back, whatever it has interrupted.
 *   3. Every heap of an entry below `count` is whole while the lock is free.
 *
 * The lock is that of a wait queue (kernel/stay.c), because of what that does for signal handlers
 * and after a fork. Nobody waits in the queue: a request is met at once or not at all. A block that
 * moves from heap to heap is copied with the lock free, since both blocks are the caller's alone.
 *
 * Not promised: order among threads that want memory when there is none; waiting is k_heap's. */
#include "kernel/heap_pool.h"

#include <errno.h>
#include <stdbool.h>

#include "core/check.h"
#include "core/heap.h"
#include "kernel/wait_queue.h"

static size_t count_of(const struct heap_pool *pool)
{
    return __atomic_load_n(&pool->count, __ATOMIC_ACQUIRE);
}

/* The entry whose region the address lies in, or NULL. Invariants 1 and 2. */
static struct heap_pool_entry *entry_of(const struct heap_pool *pool, const void *address)
{
    size_t count = count_of(pool);

    for (size_t i = 0; i < count; i++) {
        const struct heap_pool_region *region = &pool->entries[i].region;

        if ((uintptr_t)address - region->start < region->bytes) {
            return &pool->entries[i];
        }
    }
    return NULL;
}

static struct sys_heap *owner_of(const struct heap_pool *pool, const void *block)
{
    struct heap_pool_entry *entry = entry_of(pool, block);

    REQUIRE(entry != NULL, "address lies in no region of a pool of heaps", pool, block);
    return &entry->heap;
}

/* --- With the lock held --- */

static void give(const struct wait_queue *queue, struct stay *stay, void *mem)
{
    (void)stay;
    sys_heap_free(owner_of(queue->object, mem), mem);
}

static void idle(const struct wait_queue *queue)
{
    (void)queue; /* nobody needs to know */
}

/* Invariant 3, in the child of a process in which another thread was in a call. */
static void mend(const struct wait_queue *queue, struct stay *stay)
{
    struct heap_pool *pool = queue->object;

    (void)stay;
    for (size_t i = 0; i < count_of(pool); i++) {
        REQUIRE(sys_heap_validate(&pool->entries[i].heap),
                "pooled heap was in use by another thread when the process forked",
                pool->entries[i].heap.heap, NULL);
    }
}

static const struct wait_rules rules = {.give = give, .idle = idle, .mend = mend};

static struct wait_queue queue_of(struct heap_pool *pool)
{
    return (struct wait_queue){&pool->waiters, &rules, pool, NULL};
}

static void *alloc_from(struct sys_heap *heap, size_t align, size_t bytes)
{
    return align == 0 ? sys_heap_alloc(heap, bytes) : sys_heap_aligned_alloc(heap, align, bytes);
}

static void *first_fit(struct heap_pool *pool, uint32_t attribute, size_t align, size_t bytes)
{
    void *block = NULL;

    for (size_t i = 0; i < count_of(pool) && block == NULL; i++) {
        struct heap_pool_entry *entry = &pool->entries[i];

        if (entry->region.attribute == attribute) {
            block = alloc_from(&entry->heap, align, bytes);
        }
    }
    return block;
}

/* --- To add --- */

static bool overlap(const struct heap_pool_region *a, const struct heap_pool_region *b)
{
    return a->start - b->start < b->bytes || b->start - a->start < a->bytes;
}

/* Makes entry number `number`, behind those that are there. 0 or an error. */
static int make_entry(struct heap_pool *pool, size_t number, const struct heap_pool_region *region)
{
    struct heap_pool_entry *entry = &pool->entries[number];
    size_t of_attribute = 0;

    for (size_t i = 0; i < number; i++) {
        if (overlap(&pool->entries[i].region, region)) {
            return -EINVAL;
        }
        of_attribute += pool->entries[i].region.attribute == region->attribute;
    }
    if (of_attribute >= pool->attribute_limit) {
        return -ENOMEM;
    }
    entry->region = *region;
    sys_heap_init(&entry->heap, (void *)region->start, region->bytes);
    return entry->heap.heap != NULL ? 0 : -EINVAL;
}

static int add_all(struct heap_pool *pool, const struct heap_pool_region *regions, size_t count)
{
    size_t before = count_of(pool);
    size_t added = 0;
    int result = count <= pool->capacity - before ? 0 : -ENOMEM;

    while (result == 0 && added < count) {
        result = make_entry(pool, before + added, &regions[added]);
        added += result == 0;
    }
    if (result == 0) {
        __atomic_store_n(&pool->count, before + added, __ATOMIC_RELEASE);
        return 0;
    }
    while (added > 0) {
        added--;
        heap_abandon(&pool->entries[before + added].heap);
    }
    return result;
}

int heap_pool_add(struct heap_pool *pool, const struct heap_pool_region *regions, size_t count)
{
    struct wait_queue queue = queue_of(pool);
    struct stay stay;

    if (!wait_queue_enter(&queue, &stay)) {
        return -EBUSY;
    }
    int result = add_all(pool, regions, count);
    wait_queue_leave(&queue, &stay);
    return result;
}

/* --- Blocks --- */

void *heap_pool_alloc(struct heap_pool *pool, uint32_t attribute, size_t align, size_t bytes)
{
    struct wait_queue queue = queue_of(pool);
    struct stay stay;

    if (bytes == 0 || !wait_queue_enter(&queue, &stay)) {
        return NULL;
    }
    void *block = first_fit(pool, attribute, align, bytes);
    wait_queue_leave(&queue, &stay);
    return block;
}

void heap_pool_free(struct heap_pool *pool, void *block)
{
    struct wait_queue queue = queue_of(pool);
    struct stay stay;

    if (block == NULL) {
        return;
    }
    struct sys_heap *owner = owner_of(pool, block);
    if (!wait_queue_enter(&queue, &stay)) {
        wait_queue_defer(&queue, block);
        return;
    }
    sys_heap_free(owner, block);
    wait_queue_leave(&queue, &stay);
}

/* In place, or room in the block's heap, or elsewhere; NULL: nowhere. *usable_bytes: what the block
 * has to be copied, if the result is another one. */
static void *find_room(struct heap_pool *pool, uint32_t attribute, struct sys_heap *owner,
                       void *block, size_t bytes, size_t *usable_bytes)
{
    if (heap_resize_in_place(owner, block, bytes)) {
        return block;
    }
    *usable_bytes = sys_heap_usable_size(owner, block);
    void *moved = sys_heap_alloc(owner, bytes);
    return moved != NULL ? moved : first_fit(pool, attribute, 0, bytes);
}

static void *resize(struct heap_pool *pool, uint32_t attribute, void *block, size_t bytes)
{
    struct wait_queue queue = queue_of(pool);
    struct sys_heap *owner = owner_of(pool, block);
    size_t usable_bytes = 0;
    struct stay stay;

    if (!wait_queue_enter(&queue, &stay)) {
        return NULL;
    }
    void *resized = find_room(pool, attribute, owner, block, bytes, &usable_bytes);
    wait_queue_leave(&queue, &stay);
    if (resized != NULL && resized != block) {
        heap_copy_block(owner, block, usable_bytes, resized, bytes);
        heap_pool_free(pool, block);
    }
    return resized;
}

void *heap_pool_realloc(struct heap_pool *pool, uint32_t attribute, void *block, size_t bytes)
{
    if (block == NULL) {
        return heap_pool_alloc(pool, attribute, 0, bytes);
    }
    if (bytes == 0) {
        heap_pool_free(pool, block);
        return NULL;
    }
    return resize(pool, attribute, block, bytes);
}

const void *heap_pool_origin(const struct heap_pool *pool, const void *address)
{
    const struct heap_pool_entry *entry = entry_of(pool, address);

    return entry != NULL ? entry->region.origin : NULL;
}
