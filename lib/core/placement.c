/* SPDX-License-Identifier: Apache-2.0 */
/* Which chunk serves a request, what becomes of the rest, and what becomes of a freed chunk.
 *
 * A request is turned into units and a free chunk is taken off the lists (free_list.h knows which).
 * What the request leaves of it is split off at its high end and listed at once; a freed chunk is
 * merged with its free neighbours at once, right one first:
 *
 *   | used | free A | [freed] | free B | used |   ->   | used | free A + freed + B | used |
 *
 * The order of these steps decides which address each later call returns. It is Zephyr's order
 * exactly, so that a heap can be sized on a PC and then moved to the device.
 *
 * Speed is lines touched: a chunk's header is read once and its size passed on, and a line that
 * will be needed is asked for before the one that is waited for.
 *
 * Invariants 1 to 6 are those of chunk.h. Not promised: any order of addresses, and that memory
 * which is free in sum can be had in one piece. */
#include "core/placement.h"

#include "core/counters.h"
#include "core/free_list.h"
#include "core/harden.h"

/* Makes a free chunk, on no list, of what c, of `have` units, has beyond the first `units`; c's own
 * size is the caller's to write. */
static inline chunk_id split_off(struct z_heap *h, chunk_id c, uint32_t have, uint32_t units)
{
    chunk_id rest = chunk_after(c, units);

    chunk_set_left_size(h, rest, units);
    chunk_set_size(h, rest, have - units, false);
    chunk_set_left_size(h, chunk_after(c, have), have - units);
    return rest;
}

/* Lists what c, of `have` units, has beyond the first `units`. */
static inline void list_rest(struct z_heap *h, chunk_id c, uint32_t have, uint32_t units)
{
    if (have > units) {
        free_list_add(h, split_off(h, c, have, units), have - units);
    }
}

/* Gives c, whose surroundings are settled, to a user. */
static inline void occupy(struct z_heap *h, chunk_id c, uint32_t units)
{
    chunk_set_size(h, c, units, true);
    harden_occupy(h, c, units);
    counters_allocated(h, units);
}

/* Lists a chunk of `units` that is free as of now, merged with its free neighbours. */
static inline void release_chunk(struct z_heap *h, chunk_id c, uint32_t units)
{
    uint32_t left_units = chunk_left_size(h, c);
    chunk_id left = {c.unit - left_units};
    chunk_id right = chunk_after(c, units);

    chunk_prefetch(h, left);
    if (!chunk_used(h, right)) {
        uint32_t right_units = chunk_size(h, right);

        harden_check_free(h, right, true);
        free_list_remove(h, right, right_units);
        units += right_units;
    }
    if (!chunk_used(h, left)) {
        harden_check_free(h, left, false);
        free_list_remove(h, left, left_units);
        units += left_units;
        c = left;
    }
    chunk_set_size(h, c, units, false);
    chunk_set_left_size(h, chunk_after(c, units), units);
    free_list_add(h, c, units);
}

static inline chunk_id take_chunk(struct z_heap *h, uint32_t units)
{
    if (harden_has(HARDEN_EXTREME)) {
        harden_check_heap(h);
    }
    return free_list_take(h, units);
}

void *placement_alloc(struct z_heap *h, size_t bytes)
{
    uint32_t units = chunk_units_for(h, bytes, 0);
    chunk_id c = take_chunk(h, units);

    if (chunk_same(c, CHUNK_NONE)) {
        return NULL;
    }
    list_rest(h, c, chunk_size(h, c), units);
    occupy(h, c, units);
    return chunk_mem(h, c);
}

/* A block at p with (p + rewind) a multiple of align, a power of two above the header size or with
 * a rewind. A chunk is taken that is long enough wherever the boundary falls in it; what then lies
 * before and behind the block goes back, in this order. */
static void *aligned_alloc_at(struct z_heap *h, size_t align, size_t rewind, size_t bytes)
{
    size_t header_bytes = chunk_header_bytes(h);
    size_t head_start = rewind != 0 && rewind < header_bytes ? rewind : header_bytes;
    chunk_id whole = take_chunk(h, chunk_units_for(h, bytes, align - head_start));

    if (chunk_same(whole, CHUNK_NONE)) {
        return NULL;
    }
    uintptr_t mem = round_up((uintptr_t)chunk_mem(h, whole) + rewind, align) - rewind;
    uintptr_t end = round_up(mem + bytes, CHUNK_UNIT_BYTES) + CHUNK_TRAILER_BYTES;
    chunk_id c = {(uint32_t)chunk_unit_of(h, (void *)mem)};
    uint32_t have = chunk_size(h, whole);
    uint32_t before = c.unit - whole.unit;
    uint32_t units = (uint32_t)((end - (uintptr_t)h) / CHUNK_UNIT_BYTES) - c.unit;

    if (before > 0) {
        chunk_set_size(h, whole, before, false);
        split_off(h, whole, have, before);
        free_list_add(h, whole, before);
    }
    list_rest(h, c, have - before, units);
    occupy(h, c, units);
    return (void *)mem;
}

uint32_t placement_units_for(const struct z_heap *h, size_t align, size_t bytes)
{
    size_t header_bytes = chunk_header_bytes(h);

    return chunk_units_for(h, bytes, align > header_bytes ? align - header_bytes : 0);
}

void *placement_alloc_aligned(struct z_heap *h, size_t align, size_t bytes)
{
    size_t rewind = lowest_power_of_two(align);

    if (rewind == align) {
        rewind = 0;
    } else {
        align -= rewind;
    }
    HARDEN_CALL(align == 0 || is_power_of_two(align), "alignment is not a power of two", h, NULL);
    if (rewind == 0 && align <= chunk_header_bytes(h)) {
        return placement_alloc(h, bytes);
    }
    return aligned_alloc_at(h, align, rewind, bytes);
}

bool placement_resize(struct z_heap *h, chunk_id c, uint32_t units)
{
    uint32_t have = chunk_size(h, c);

    if (units == have) {
        return true;
    }
    if (units < have) {
        chunk_set_size(h, c, units, true);
        release_chunk(h, split_off(h, c, have, units), have - units);
    } else {
        chunk_id right = chunk_after(c, have);
        uint32_t right_units = chunk_size(h, right);

        if (chunk_used(h, right) || right_units < units - have) {
            return false;
        }
        harden_check_free(h, right, true);
        free_list_remove(h, right, right_units);
        chunk_set_left_size(h, chunk_after(right, right_units), units);
        list_rest(h, c, have + right_units, units);
    }
    counters_freed(h, have);
    occupy(h, c, units);
    return true;
}

void placement_free(struct z_heap *h, chunk_id c)
{
    uint32_t units = chunk_size(h, c);

    chunk_set_size(h, c, units, false); /* stays, so that a second free is seen after a merge */
    harden_vacate(h, c, units);
    counters_freed(h, units);
    release_chunk(h, c, units);
}
