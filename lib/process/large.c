/* SPDX-License-Identifier: Apache-2.0 */
/* Large blocks.
 *
 * A large block is a mapping, from its first byte to its last page. All that is to be known of it,
 * its size, is one word in the address map; nothing is stored in or beside the block. So a block
 * starts at a page boundary, its memory is zero if it was mapped for it, and realloc can move its
 * pages. In the hardened library its last page is a guard, which faults when touched and is no part
 * of what may be used. What is freed is kept for a while (large_cache.c).
 *
 * Order of steps. Address space must not be found in the map once another thread can be given it,
 * and must be found there before the block is handed out:
 *   make: map or take what is kept, enter          free: mark as freed, keep or unmap
 *   move: reserve the target, enter it, mark the old place as freed, move the pages
 * Every step that can fail comes before the first that cannot be undone. */
#include "process/large.h"

#include <stdatomic.h>
#include <stdint.h>

#include "core/bits.h"
#include "core/check.h"
#include "os/os.h"
#include "process/address_map.h"
#include "process/large_cache.h"
#include <quarry/malloc.h>

/* Relaxed: numbers for statistics. */
static _Atomic(uint64_t) allocations;
static _Atomic(uint64_t) frees;
static _Atomic(uint64_t) resizes;
static _Atomic(size_t) live_blocks; /* not the difference of the two above, which are read apart */
static _Atomic(size_t) live_bytes;

static void count(_Atomic(uint64_t) *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Both may be "negative": they wrap around to the right sum. */
static void add_live(size_t blocks, size_t bytes)
{
    atomic_fetch_add_explicit(&live_blocks, blocks, memory_order_relaxed);
    atomic_fetch_add_explicit(&live_bytes, bytes, memory_order_relaxed);
}

/* --- The guard: in the hardened library, the last page of a mapping --- */

/* Live large blocks from which on new ones have none, but the page. Each guard splits a mapping,
 * and the kernel lets a process have 65530 of them unless it was told otherwise: half of these are
 * so left to all else. */
#define GUARDS_MOST 16384u

static char *guard_of(void *start, size_t mapped_bytes)
{
    return (char *)start + large_usable_bytes(mapped_bytes);
}

/* Makes a page of a mapping its guard, and the mapping end behind it. */
static bool shrink_guarded(void *start, size_t mapped_bytes, size_t new_bytes)
{
    char *guard = guard_of(start, new_bytes);

    if (new_bytes > mapped_bytes || !os_decommit(guard, os_page_bytes())) {
        return false;
    }
    os_name(guard, os_page_bytes(), "quarry large");
    large_cache_unmap((char *)start + new_bytes, mapped_bytes - new_bytes);
    return true;
}

/* A new mapping, all of it usable but for the guard; all of it if too many have one. */
static void *map_guarded(size_t mapped_bytes, size_t align)
{
    bool is_guarded = atomic_load_explicit(&live_blocks, memory_order_relaxed) < GUARDS_MOST;
    void *start = os_reserve(mapped_bytes, align);

    if (start != NULL &&
        !os_commit(start, is_guarded ? large_usable_bytes(mapped_bytes) : mapped_bytes)) {
        os_unmap(start, mapped_bytes);
        return NULL;
    }
    return start;
}

/* Size of a mapping for `bytes` bytes, at most PTRDIFF_MAX: a page at least. */
static size_t mapping_bytes(size_t bytes)
{
    size_t usable_bytes = round_up(bytes != 0 ? bytes : 1, os_page_bytes());

    return HARDENED ? usable_bytes + os_page_bytes() : usable_bytes;
}

/* A mapping at a multiple of align, new or kept; NULL if there is none. */
static void *find_mapping(size_t align, bool zeroed, size_t *mapped_bytes)
{
    size_t page_bytes = os_page_bytes();
    void *start = NULL;

    if (!zeroed && align <= page_bytes) {
        start = large_cache_take(*mapped_bytes, mapped_bytes);
    }
    if (start != NULL) {
        return start;
    }
    align = align > page_bytes ? align : page_bytes;
    start = HARDENED ? map_guarded(*mapped_bytes, align) : os_map(*mapped_bytes, align);
    if (start != NULL) {
        os_name(start, *mapped_bytes, "quarry large");
    }
    return start;
}

void *large_alloc(size_t align, size_t bytes, bool zeroed)
{
    size_t mapped_bytes = mapping_bytes(bytes);
    void *block = find_mapping(align, zeroed, &mapped_bytes);

    if (block == NULL) {
        return NULL;
    }
    if (!address_map_add_large(block, mapped_bytes)) {
        large_cache_unmap(block, mapped_bytes);
        return NULL;
    }
    count(&allocations);
    add_live(1, mapped_bytes);
    return block;
}

void large_free(void *block, size_t mapped_bytes)
{
    REQUIRE(address_map_remove_large(block, mapped_bytes),
            "large block was freed by two threads at once", NULL, block);
    count(&frees);
    add_live((size_t)0 - 1, 0 - mapped_bytes);
    if (!large_cache_keep(block, mapped_bytes,
                          atomic_load_explicit(&live_bytes, memory_order_relaxed))) {
        large_cache_unmap(block, mapped_bytes);
    }
    large_cache_purge_if_due();
}

static void *move(void *block, size_t old_bytes, size_t new_bytes)
{
    void *target = os_reserve(new_bytes, os_page_bytes());

    if (target == NULL) {
        return NULL;
    }
    if (!address_map_add_large(target, new_bytes)) {
        os_unmap(target, new_bytes);
        return NULL;
    }
    REQUIRE(address_map_remove_large(block, old_bytes),
            "large block was freed while it was reallocated", NULL, block);
    if (!os_move(block, large_usable_bytes(old_bytes), target, large_usable_bytes(new_bytes))) {
        address_map_resize_large(block, old_bytes);
        address_map_remove_large(target, new_bytes);
        os_unmap(target, new_bytes);
        return NULL;
    }
    os_name(target, new_bytes, "quarry large");
    if (HARDENED) {
        large_cache_unmap(guard_of(block, old_bytes), os_page_bytes());
    }
    return target;
}

/* In place, or NULL. What has a guard does not grow so. Shrinking does not fail: what the kernel
 * will not take stays usable. */
static void *resize_in_place(void *block, size_t old_bytes, size_t new_bytes)
{
    if (HARDENED ? !shrink_guarded(block, old_bytes, new_bytes)
                 : !os_resize(block, old_bytes, new_bytes)) {
        return NULL;
    }
    address_map_resize_large(block, new_bytes);
    return block;
}

void *large_resize(void *block, size_t mapped_bytes, size_t bytes)
{
    size_t new_bytes = mapping_bytes(bytes);

    if (new_bytes == mapped_bytes) {
        return block;
    }
    void *resized = resize_in_place(block, mapped_bytes, new_bytes);
    if (resized == NULL && new_bytes < mapped_bytes) {
        return block;
    }
    if (resized == NULL) {
        resized = move(block, mapped_bytes, new_bytes);
    }
    if (resized != NULL) {
        count(&resizes);
        add_live(0, new_bytes - mapped_bytes);
    }
    return resized;
}

void large_add_stats(struct quarry_malloc_stats *stats)
{
    uint64_t made = atomic_load_explicit(&allocations, memory_order_relaxed);
    size_t bytes = atomic_load_explicit(&live_bytes, memory_order_relaxed);

    stats->allocations += made;
    stats->large += made;
    stats->frees += atomic_load_explicit(&frees, memory_order_relaxed);
    stats->resizes += atomic_load_explicit(&resizes, memory_order_relaxed);
    stats->live_bytes += bytes;
    stats->large_blocks += atomic_load_explicit(&live_blocks, memory_order_relaxed);
    stats->large_bytes += bytes;
    stats->committed_bytes += bytes + large_cache_bytes();
}
