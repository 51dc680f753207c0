/* SPDX-License-Identifier: Apache-2.0 */
/* Large blocks that are mappings: where there are no slices for them (run.c).
 *
 * Such a block is a mapping, from its first byte to its last page. All that is to be known of it,
 * its size, is one word in the address map; nothing is stored in or beside the block. So a block
 * starts at a page boundary, its memory is zero, and realloc can move its pages. A run that has
 * become too large for its place becomes such a block by moving in. In the hardened library, which
 * has no runs, the last page is a guard, which faults when touched and is no part of what may be
 * used.
 *
 * Order of steps. Address space must not be found in the map once another thread can be given it,
 * and must be found there before the block is handed out:
 *   make: map, enter          free: mark as freed, unmap
 *   move: reserve the target, enter it, mark the old place as freed, move the pages
 *   move in: the same, and who calls gives the old place back
 * Every step that can fail comes before the first that cannot be undone. */
#include "process/large.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/bits.h"
#include "core/check.h"
#include "os/os.h"
#include "process/address_map.h"
#include "process/large_counts.h"
#include <quarry/malloc.h>

static _Atomic(size_t) mapped_live_blocks; /* relaxed */
static _Atomic(size_t) mapped_live_bytes;  /* relaxed: for statistics */

/* Both may be "negative": they wrap around to the right sum. */
static void add_mapped(size_t blocks, size_t bytes)
{
    atomic_fetch_add_explicit(&mapped_live_blocks, blocks, memory_order_relaxed);
    atomic_fetch_add_explicit(&mapped_live_bytes, bytes, memory_order_relaxed);
}

/* Where unmapping would split a mapping that the kernel has joined with its neighbours, it may
 * exceed the process's limit of mappings. The memory itself can always be given back. */
static void unmap(void *start, size_t bytes)
{
    if (!os_unmap(start, bytes)) {
        os_discard(start, bytes);
    }
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
    unmap((char *)start + new_bytes, mapped_bytes - new_bytes);
    return true;
}

/* A new mapping, all of it usable but for the guard; all of it if too many have one. */
static void *map_guarded(size_t mapped_bytes, size_t align)
{
    bool is_guarded = atomic_load_explicit(&mapped_live_blocks, memory_order_relaxed) < GUARDS_MOST;
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

static void *map(size_t align, size_t bytes)
{
    size_t page_bytes = os_page_bytes();

    align = align > page_bytes ? align : page_bytes;
    void *start = HARDENED ? map_guarded(bytes, align) : os_map(bytes, align);
    if (start != NULL) {
        os_name(start, bytes, "quarry large");
    }
    return start;
}

void *large_alloc(size_t align, size_t bytes)
{
    size_t mapped_bytes = mapping_bytes(bytes);
    void *block = map(align, mapped_bytes);

    if (block == NULL) {
        return NULL;
    }
    if (!address_map_add_large(block, mapped_bytes)) {
        unmap(block, mapped_bytes);
        return NULL;
    }
    large_counts_made(mapped_bytes);
    add_mapped(1, mapped_bytes);
    return block;
}

void large_free(void *block, size_t mapped_bytes)
{
    REQUIRE(address_map_remove_large(block, mapped_bytes),
            "large block was freed by two threads at once", NULL, block);
    large_counts_freed(mapped_bytes);
    add_mapped((size_t)0 - 1, 0 - mapped_bytes);
    unmap(block, mapped_bytes);
}

/* Address space that is a block's in the map already. */
static void *reserve(size_t bytes)
{
    void *target = os_reserve(bytes, os_page_bytes());

    if (target != NULL && !address_map_add_large(target, bytes)) {
        os_unmap(target, bytes);
        return NULL;
    }
    return target;
}

static void cancel(void *target, size_t bytes)
{
    address_map_remove_large(target, bytes);
    os_unmap(target, bytes);
}

static void *move(void *block, size_t old_bytes, size_t new_bytes)
{
    void *target = reserve(new_bytes);

    if (target == NULL) {
        return NULL;
    }
    REQUIRE(address_map_remove_large(block, old_bytes),
            "large block was freed while it was reallocated", NULL, block);
    if (!os_move(block, large_usable_bytes(old_bytes), target, large_usable_bytes(new_bytes))) {
        address_map_resize_large(block, old_bytes);
        cancel(target, new_bytes);
        return NULL;
    }
    os_name(target, new_bytes, "quarry large");
    if (HARDENED) {
        unmap(guard_of(block, old_bytes), os_page_bytes());
    }
    return target;
}

void *large_move_in(void *start, size_t old_bytes, size_t bytes)
{
    size_t new_bytes = mapping_bytes(bytes);
    void *target = reserve(new_bytes);

    if (target == NULL) {
        return NULL;
    }
    if (!os_move_out(start, old_bytes, target, new_bytes)) {
        cancel(target, new_bytes);
        return NULL;
    }
    os_name(target, new_bytes, "quarry large");
    large_counts_resized(old_bytes, new_bytes);
    add_mapped(1, new_bytes);
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
        large_counts_resized(mapped_bytes, new_bytes);
        add_mapped(0, new_bytes - mapped_bytes);
    }
    return resized;
}

void large_add_stats(struct quarry_malloc_stats *stats)
{
    large_counts_add_stats(stats);
    stats->committed_bytes += atomic_load_explicit(&mapped_live_bytes, memory_order_relaxed);
}
