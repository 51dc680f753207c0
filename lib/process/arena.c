/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: where a block comes from and where it goes back to.
 *
 *   thread ---home---> arena: lock, counters ---> ring of regions ---> chunk heap each
 *   block  ---address_map---> region ---> its arena
 *
 * A thread allocates from its home arena, or moves its home to the first one that is not locked. A
 * block goes back to the arena that it came from, whoever frees it.
 *
 * An arena tries its current region, then its others, then commits more memory in one of them, then
 * makes another region. Each further region is twice as large, so that there are few of them
 * however large the process grows: a search over all is a handful of O(1) searches.
 *
 * How threads, signal handlers and forks come into an arena: arena_entry.c. How unused memory goes
 * back to the kernel: arena_purge.c. */
#include "process/arena.h"

#include <stdatomic.h>
#include <stdint.h>

#include "core/sys_heap_walk.h"
#include "process/arena_entry.h"
#include "process/arena_purge.h"
#include "process/region.h"
#include <quarry/malloc.h>

#define FIRST_REGION_BYTES ((size_t)64 << 20)
#define MOST_DOUBLINGS     6u /* 4 GiB: a chunk heap's limit is 16 */
#define LEAST_REGION_BYTES ((size_t)16 << 20)

static void add_region(struct arena *arena, struct region *region)
{
    if (arena->current != NULL) {
        region->next = arena->current->next;
        arena->current->next = region;
    }
    arena->current = region;
}

/* Makes a region; where address space is scarce, one smaller than would be usual. */
static struct region *make_region(struct arena *arena, size_t align, size_t bytes)
{
    size_t usual = FIRST_REGION_BYTES << arena->doublings;

    for (size_t reserve = usual; reserve >= LEAST_REGION_BYTES; reserve /= 2) {
        struct region *region = region_create(arena, reserve, align, bytes);

        if (region != NULL) {
            add_region(arena, region);
            arena->doublings += arena->doublings < MOST_DOUBLINGS;
            return region;
        }
    }
    return NULL;
}

/* A block from a region that must first be found, extended or made. */
static void *alloc_elsewhere(struct arena *arena, size_t align, size_t bytes)
{
    struct region *first = arena->current;
    struct region *region = first;

    while (region != NULL && region->next != first) {
        region = region->next;
        void *block = region_alloc(region, align, bytes);
        if (block != NULL) {
            arena->current = region;
            return block;
        }
    }
    region = first;
    while (region != NULL && !region_extend(region, align, bytes)) {
        region = region->next != first ? region->next : NULL;
    }
    if (region == NULL) {
        region = make_region(arena, align, bytes);
    }
    if (region == NULL) {
        return NULL;
    }
    arena->current = region;
    return region_alloc(region, align, bytes);
}

static void *alloc_block(struct arena *arena, size_t align, size_t bytes)
{
    void *block = arena->current != NULL ? region_alloc(arena->current, align, bytes) : NULL;

    if (block == NULL) {
        block = alloc_elsewhere(arena, align, bytes);
    }
    if (block != NULL) {
        arena->allocations++;
        arena->live_bytes += region_usable_bytes(arena->current, block); /* it served */
    }
    return block;
}

void arena_free_entered(struct arena *arena, struct region *region, void *block)
{
    arena->live_bytes -= region_usable_bytes(region, block);
    arena->frees++;
    region_free(region, block);
}

void *arena_alloc(size_t align, size_t bytes)
{
    struct arena *arena = arena_enter_any();

    if (arena == NULL) {
        return NULL;
    }
    void *block = alloc_block(arena, align, bytes);
    arena_leave(arena);
    return block;
}

void arena_free(struct region *region, void *block)
{
    struct arena *arena = region->arena;

    if (!arena_enter(arena)) {
        region_usable_bytes(region,
                            block); /* dies on what is no live block, before it is written */
        arena_defer_free(arena, block);
        return;
    }
    arena_free_entered(arena, region, block);
    bool due = arena_purge_is_due(arena, region);
    arena_leave(arena);
    if (due) {
        arena_purge(arena);
    }
}

bool arena_resize(struct region *region, void *block, size_t bytes)
{
    struct arena *arena = region->arena;

    if (!arena_enter(arena)) {
        /* It cannot be changed now, but what is large enough may stay as it is. */
        return region_usable_bytes(region, block) >= bytes;
    }
    size_t old_usable = region_usable_bytes(region, block);
    bool resized = region_resize(region, block, bytes);
    if (resized) {
        arena->live_bytes += region_usable_bytes(region, block) - old_usable;
        arena->resizes++;
    }
    arena_leave(arena);
    return resized;
}

size_t arena_usable_bytes(struct region *region, void *block)
{
    /* Who must not wait reads without the lock: nobody else changes the header words of a live
     * block that this looks at. */
    bool entered = arena_enter(region->arena);
    size_t bytes = region_usable_bytes(region, block);

    if (entered) {
        arena_leave(region->arena);
    }
    return bytes;
}

static bool count_free_chunk(const struct heap_chunk_view *chunk, void *count)
{
    *(size_t *)count += chunk->listed;
    return true;
}

static void add_region_stats(struct quarry_malloc_stats *stats, const struct region *region)
{
    stats->regions++;
    stats->reserved_bytes += region->reserved_bytes;
    stats->committed_bytes += region->committed_bytes;
    stats->trimmable_bytes += region_tail_bytes(region);
    heap_walk(&region->heap, count_free_chunk, &stats->free_chunks);
}

bool arena_stats(unsigned int index, bool wait, struct quarry_malloc_stats *stats)
{
    struct arena *arena = &arenas[index];

    *stats = (struct quarry_malloc_stats){0};
    if (wait ? !arena_enter(arena) : !arena_try(arena)) {
        return false;
    }
    stats->allocations = arena->allocations;
    stats->frees = arena->frees;
    stats->resizes = arena->resizes;
    stats->live_bytes = arena->live_bytes;
    stats->arenas = arena->current != NULL;
    for (struct region *r = arena->current; r != NULL; r = arena_next_region(arena, r)) {
        add_region_stats(stats, r);
    }
    arena_leave(arena);
    return true;
}
