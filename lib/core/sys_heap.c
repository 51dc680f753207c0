/* SPDX-License-Identifier: Apache-2.0 */
/* The chunk heap: which chunk serves a request, and what becomes of the rest.
 *
 * A request is turned into units, its bucket is the power of two it falls in, and the search takes
 *
 *   1. from that bucket's ring, the first large enough of at most QUARRY_HEAP_ALLOC_LOOPS chunks
 *      (they may be smaller than the request: a bucket holds sizes up to a factor of two apart);
 *   2. else the next chunk of the lowest larger bucket, all of whose chunks are large enough.
 *
 * So a call costs O(1), and may fail although a chunk that fits lies deeper in the ring: that is
 * the price of the bound. What the request leaves of a chunk is split off at its high end and
 * listed at once; a freed chunk is merged with its free neighbours at once, right one first:
 *
 *   | used | free A | [freed] | free B | used |   ->   | used | free A + freed + B | used |
 *
 * The order of these steps decides which address each later call returns. It is Zephyr's order
 * exactly, so that a heap can be sized on a PC and then moved to the device.
 *
 * Invariants 1 to 6 are those of chunk.h. Trust before use: a block is looked up in one place,
 * block_chunk, which checks that it lies in the heap, is in use, and that its size chains to its
 * right neighbour (invariant 2), before anything else of it is believed.
 *
 * Not promised: any order of addresses, that memory which is free in sum can be had in one piece,
 * and that damage by wild writes is always found: sys_heap_validate looks at everything. */
#include <string.h>

#include "core/check.h"
#include "core/chunk.h"
#include "core/free_list.h"
#include "core/heap.h"
#include "core/note.h"

/* Verifies mem and returns the chunk that holds it. */
static chunk_id block_chunk(const struct z_heap *h, const void *mem)
{
    REQUIRE(h != NULL, "heap is not initialised", h, mem);
    size_t unit = chunk_unit_of(h, mem);
    REQUIRE(unit - chunk_first(h).unit < h->end_chunk - chunk_first(h).unit,
            "address is outside the heap: block of another heap, or not a block", h, mem);
    chunk_id c = {(uint32_t)unit};
    REQUIRE(chunk_used(h, c), "block is not in use: double free, or not a block", h, mem);
    REQUIRE(chunk_size(h, c) <= h->end_chunk - c.unit &&
                chunk_left_size(h, chunk_right(h, c)) == chunk_size(h, c),
            "block size is damaged: written past its end, or not a block", h, mem);
    return c;
}

/* Cuts c so that `units` remain in it; the rest becomes a chunk of its own, which is returned. Both
 * are free afterwards and on no list. */
static chunk_id split(struct z_heap *h, chunk_id c, uint32_t units)
{
    chunk_id rest = chunk_after(c, units);
    uint32_t rest_units = chunk_size(h, c) - units;

    chunk_set_size(h, c, units);
    chunk_set_size(h, rest, rest_units);
    chunk_set_left_size(h, rest, units);
    chunk_set_left_size(h, chunk_right(h, rest), rest_units);
    return rest;
}

/* Makes one free chunk of two neighbours, neither of them on a list. */
static void merge(struct z_heap *h, chunk_id left, chunk_id right)
{
    uint32_t units = chunk_size(h, left) + chunk_size(h, right);

    chunk_set_size(h, left, units);
    chunk_set_left_size(h, chunk_after(left, units), units);
}

/* Lists what c, which is free and unlisted, has more than `units`. */
static void give_back_rest(struct z_heap *h, chunk_id c, uint32_t units)
{
    if (chunk_size(h, c) > units) {
        free_list_add(h, split(h, c, units));
    }
}

/* Takes a chunk of at least `units` off the free lists, or returns CHUNK_NONE. */
static chunk_id take_chunk(struct z_heap *h, uint32_t units)
{
    unsigned int bucket = chunk_bucket(units);
    chunk_id first = free_list_head(h, bucket);

    if (!chunk_same(first, CHUNK_NONE)) {
        chunk_id c = first;

        for (int loops = QUARRY_HEAP_ALLOC_LOOPS; loops > 0; loops--) {
            if (chunk_size(h, c) >= units) {
                free_list_remove_from(h, c, bucket);
                return c;
            }
            c = free_list_next(h, c);
            h->buckets[bucket].next = c.unit;
            if (chunk_same(c, first)) {
                break;
            }
        }
    }

    uint32_t larger = h->avail_buckets & bits_above(bucket);
    if (larger == 0) {
        return CHUNK_NONE;
    }
    bucket = lowest_bit(larger);
    chunk_id c = free_list_head(h, bucket);
    free_list_remove_from(h, c, bucket);
    return c;
}

/* Lists a chunk that is free as of now, merged with its free neighbours. */
static void release_chunk(struct z_heap *h, chunk_id c)
{
    chunk_id right = chunk_right(h, c);

    if (!chunk_used(h, right)) {
        free_list_remove(h, right);
        merge(h, c, right);
    }

    chunk_id left = chunk_left(h, c);
    if (!chunk_used(h, left)) {
        free_list_remove(h, left);
        merge(h, left, c);
        c = left;
    }
    free_list_add(h, c);
}

static void *plain_alloc(struct z_heap *h, size_t bytes)
{
    uint32_t units = chunk_units_for(h, bytes, 0);
    chunk_id c = take_chunk(h, units);

    if (chunk_same(c, CHUNK_NONE)) {
        return NULL;
    }
    give_back_rest(h, c, units);
    chunk_set_used(h, c, true);
    return chunk_mem(h, c);
}

/* A block at p with (p + rewind) a multiple of align, a power of two above the header size or with
 * a rewind. A chunk is taken that is long enough wherever the boundary falls in it; what then lies
 * before and behind the block goes back, in this order. */
static void *aligned_alloc_at(struct z_heap *h, size_t align, size_t rewind, size_t bytes)
{
    size_t head_start = rewind != 0 && rewind < CHUNK_HEADER_BYTES ? rewind : CHUNK_HEADER_BYTES;
    chunk_id whole = take_chunk(h, chunk_units_for(h, bytes, align - head_start));

    if (chunk_same(whole, CHUNK_NONE)) {
        return NULL;
    }
    uintptr_t mem = round_up((uintptr_t)chunk_mem(h, whole) + rewind, align) - rewind;
    uintptr_t end = round_up(mem + bytes, CHUNK_UNIT_BYTES);
    chunk_id c = {(uint32_t)chunk_unit_of(h, (void *)mem)};
    uint32_t units = (uint32_t)((end - (uintptr_t)h) / CHUNK_UNIT_BYTES) - c.unit;

    if (c.unit > whole.unit) {
        split(h, whole, c.unit - whole.unit);
        free_list_add(h, whole);
    }
    give_back_rest(h, c, units);
    chunk_set_used(h, c, true);
    return (void *)mem;
}

/* The meaning of sys_heap_aligned_alloc's align, with its rewind bit, for bytes > 0. */
static void *alloc_by_align(struct z_heap *h, size_t align, size_t bytes)
{
    size_t rewind = lowest_power_of_two(align);

    if (rewind == align) {
        rewind = 0;
    } else {
        align -= rewind;
    }
    REQUIRE(align == 0 || is_power_of_two(align), "alignment is not a power of two", h, NULL);
    if (rewind == 0 && align <= CHUNK_HEADER_BYTES) {
        return plain_alloc(h, bytes);
    }
    return aligned_alloc_at(h, align, rewind, bytes);
}

/* Gives c, in use, `units` units without moving it; false iff that cannot be done. */
static bool resize_chunk(struct z_heap *h, chunk_id c, uint32_t units)
{
    uint32_t have = chunk_size(h, c);

    if (units == have) {
        return true;
    }
    if (units < have) {
        chunk_id rest = split(h, c, units);

        chunk_set_used(h, c, true);
        release_chunk(h, rest);
        return true;
    }
    chunk_id right = chunk_right(h, c);
    if (chunk_used(h, right) || chunk_size(h, right) < units - have) {
        return false;
    }
    free_list_remove(h, right);
    give_back_rest(h, right, units - have);
    merge(h, c, right);
    chunk_set_used(h, c, true);
    return true;
}

static size_t block_usable_bytes(const struct z_heap *h, const void *mem)
{
    return chunk_bytes_from(h, block_chunk(h, mem), mem);
}

/* Each tells the watchers about the block at mem, in use; block_chunk has verified it. */
static void note_made(struct sys_heap *heap, void *mem, size_t bytes, const void *caller)
{
    if (mem != NULL && note_is_watched()) {
        size_t usable = block_usable_bytes(heap->heap, mem);

        note_tell_alloc(heap, &(struct note_block){mem, bytes, usable, caller});
    }
}

static void note_resized(struct sys_heap *heap, void *mem, size_t bytes, size_t old_usable,
                         const void *caller)
{
    if (note_is_watched()) {
        size_t usable = block_usable_bytes(heap->heap, mem);

        note_tell_resize(heap, &(struct note_block){mem, bytes, usable, caller}, old_usable);
    }
}

static void note_ends(struct sys_heap *heap, void *mem, size_t usable,
                      void (*tell)(struct sys_heap *, const struct note_block *))
{
    if (note_is_watched()) {
        tell(heap, &(struct note_block){mem, usable, usable, NULL});
    }
}

static bool resize_block(struct sys_heap *heap, void *mem, size_t bytes, const void *caller)
{
    struct z_heap *h = heap->heap;
    chunk_id c = block_chunk(h, mem);
    size_t old_usable = chunk_bytes_from(h, c, mem);

    if (!resize_chunk(h, c, chunk_units_for(h, bytes, chunk_gap(h, c, mem)))) {
        return false;
    }
    note_resized(heap, mem, bytes, old_usable, caller);
    return true;
}

static void free_block(struct sys_heap *heap, void *mem)
{
    struct z_heap *h = heap->heap;
    chunk_id c = block_chunk(h, mem);

    note_ends(heap, mem, chunk_bytes_from(h, c, mem), note_tell_free);
    chunk_set_used(h, c, false);
    release_chunk(h, c);
}

/* Moves a block into a new one of `bytes` bytes, or returns NULL and leaves it. */
static void *move_block(struct sys_heap *heap, void *mem, size_t align, size_t bytes,
                        const void *caller)
{
    size_t old_usable = block_usable_bytes(heap->heap, mem);
    void *moved = alloc_by_align(heap->heap, align, bytes);

    if (moved == NULL) {
        return NULL;
    }
    note_made(heap, moved, bytes, caller);
    note_ends(heap, mem, old_usable, note_tell_copied);
    memcpy(moved, mem, old_usable < bytes ? old_usable : bytes);
    free_block(heap, mem);
    return moved;
}

static void leave(const struct sys_heap *heap)
{
    CHECK_ALL(sys_heap_validate((struct sys_heap *)(uintptr_t)heap),
              "heap is damaged: written outside of a block, or a defect of Quarry", heap->heap,
              NULL);
    note_leave();
}

static void *alloc_block(struct sys_heap *heap, size_t align, size_t bytes, const void *caller)
{
    struct z_heap *h = heap->heap;

    if (h == NULL || bytes == 0) {
        return NULL;
    }
    note_enter();
    void *mem = alloc_by_align(h, align, bytes);
    note_made(heap, mem, bytes, caller);
    leave(heap);
    return mem;
}

void *sys_heap_alloc(struct sys_heap *heap, size_t bytes)
{
    return alloc_block(heap, 0, bytes, __builtin_return_address(0));
}

void *sys_heap_aligned_alloc(struct sys_heap *heap, size_t align, size_t bytes)
{
    return alloc_block(heap, align, bytes, __builtin_return_address(0));
}

void *sys_heap_noalign_alloc(struct sys_heap *heap, size_t align, size_t bytes)
{
    (void)align;
    return alloc_block(heap, 0, bytes, __builtin_return_address(0));
}

void sys_heap_free(struct sys_heap *heap, void *mem)
{
    if (mem == NULL) {
        return;
    }
    note_enter();
    free_block(heap, mem);
    leave(heap);
}

static void *realloc_block(struct sys_heap *heap, void *mem, size_t align, size_t bytes,
                           const void *caller)
{
    bool may_stay = align == 0 || (uintptr_t)mem % align == 0;

    if (may_stay && resize_block(heap, mem, bytes, caller)) {
        return mem;
    }
    return move_block(heap, mem, align, bytes, caller);
}

/* sys_heap_aligned_realloc on behalf of a caller. */
static void *realloc_any(struct sys_heap *heap, void *ptr, size_t align, size_t bytes,
                         const void *caller)
{
    REQUIRE(align == 0 || is_power_of_two(align), "alignment has more than one bit", heap->heap,
            ptr);
    if (ptr == NULL) {
        return alloc_block(heap, align, bytes, caller);
    }
    if (bytes == 0) {
        sys_heap_free(heap, ptr);
        return NULL;
    }
    note_enter();
    void *mem = realloc_block(heap, ptr, align, bytes, caller);
    leave(heap);
    return mem;
}

void *sys_heap_realloc(struct sys_heap *heap, void *ptr, size_t bytes)
{
    return realloc_any(heap, ptr, 0, bytes, __builtin_return_address(0));
}

void *sys_heap_aligned_realloc(struct sys_heap *heap, void *ptr, size_t align, size_t bytes)
{
    return realloc_any(heap, ptr, align, bytes, __builtin_return_address(0));
}

bool heap_resize_in_place(struct sys_heap *heap, void *mem, size_t bytes)
{
    note_enter();
    bool resized = resize_block(heap, mem, bytes, __builtin_return_address(0));
    leave(heap);
    return resized;
}

size_t sys_heap_usable_size(struct sys_heap *heap, void *mem)
{
    note_enter();
    size_t bytes = chunk_bytes_from(heap->heap, block_chunk(heap->heap, mem), mem);
    note_leave();
    return bytes;
}
