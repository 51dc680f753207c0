/* SPDX-License-Identifier: Apache-2.0 */
/* The chunk heap: what becomes of a chunk that is allocated, resized and freed.
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
 * Invariants 1 to 6 are those of chunk.h. Trust before use: a block is looked up in one place,
 * block_chunk, which verifies as much as the hardening level asks before anything of it is believed
 * (harden.h).
 *
 * Speed is lines touched, not instructions: a chunk's header is read once and its size passed on,
 * and a line that will be needed is asked for before the one that is waited for.
 *
 * Not promised: any order of addresses, that memory which is free in sum can be had in one piece,
 * and that damage by wild writes is always found: sys_heap_validate looks at everything. */
#include <string.h>

#include "core/check.h"
#include "core/chunk.h"
#include "core/counters.h"
#include "core/free_list.h"
#include "core/harden.h"
#include "core/heap.h"
#include "core/note.h"
#include "core/sys_heap_walk.h"

static void check_whole_heap(const struct z_heap *h)
{
    HARDEN_CALL(heap_is_sound(h),
                "heap is damaged: written outside of a block, or a defect of Quarry", h, NULL);
}

/* Verifies mem and returns the chunk that holds it. */
static inline chunk_id block_chunk(const struct z_heap *h, const void *mem)
{
    if (!harden_has(HARDEN_BASIC)) {
        return (chunk_id){(uint32_t)chunk_unit_of(h, mem)};
    }
    HARDEN_CALL(h != NULL, "heap is not initialised", h, mem);
    size_t unit = chunk_unit_of(h, mem);
    HARDEN_CALL(unit - chunk_first(h).unit < h->end_chunk - chunk_first(h).unit,
                "address is outside the heap: block of another heap, or not a block", h, mem);
    chunk_id c = {(uint32_t)unit};
    HARDEN(HARDEN_BASIC, chunk_used(h, c), "block is not in use: double free, or not a block", h,
           c);
    HARDEN(HARDEN_BASIC, harden_right_agrees(h, c),
           "block size is damaged: written past its end, or not a block", h, c);
    return c;
}

/* The same for a block that is about to change. */
static inline chunk_id block_to_change(const struct z_heap *h, const void *mem)
{
    chunk_id c = block_chunk(h, mem);

    harden_check_used(h, c);
    if (harden_has(HARDEN_EXTREME)) {
        check_whole_heap(h);
    }
    return c;
}

/* Lists what c, of `have` units, has beyond the first `units`. */
static inline void list_rest(struct z_heap *h, chunk_id c, uint32_t have, uint32_t units)
{
    if (have == units) {
        return;
    }
    chunk_id rest = chunk_after(c, units);

    chunk_set_left_size(h, rest, units);
    chunk_set_size(h, rest, have - units, false);
    chunk_set_left_size(h, chunk_after(c, have), have - units);
    free_list_add(h, rest, have - units);
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
        check_whole_heap(h);
    }
    return free_list_take(h, units);
}

static inline void *plain_alloc(struct z_heap *h, size_t bytes)
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
        chunk_set_left_size(h, c, before);
        chunk_set_left_size(h, chunk_after(whole, have), have - before);
        free_list_add(h, whole, before);
    }
    list_rest(h, c, have - before, units);
    occupy(h, c, units);
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
    HARDEN_CALL(align == 0 || is_power_of_two(align), "alignment is not a power of two", h, NULL);
    if (rewind == 0 && align <= chunk_header_bytes(h)) {
        return plain_alloc(h, bytes);
    }
    return aligned_alloc_at(h, align, rewind, bytes);
}

/* Gives c, in use, `units` units without moving it; false iff that cannot be done. */
static inline bool resize_chunk(struct z_heap *h, chunk_id c, uint32_t units)
{
    uint32_t have = chunk_size(h, c);
    chunk_id right = chunk_after(c, have);

    if (units == have) {
        return true;
    }
    if (units < have) {
        chunk_id rest = chunk_after(c, units);

        chunk_set_size(h, c, units, true);
        chunk_set_left_size(h, rest, units);
        chunk_set_size(h, rest, have - units, false);
        chunk_set_left_size(h, right, have - units);
        release_chunk(h, rest, have - units);
    } else {
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

/* --- The calls, as they are while nobody watches ------------------------------------------------
 */

static inline void check_at_rest(const struct z_heap *h)
{
    if (QUARRY_CHECKS >= 2) {
        check_whole_heap(h);
    }
}

/* Both return NULL also if there is no heap. */
static inline void *alloc_block(const struct sys_heap *heap, size_t bytes)
{
    if (heap->heap == NULL || bytes == 0) {
        return NULL;
    }
    void *mem = plain_alloc(heap->heap, bytes);

    check_at_rest(heap->heap);
    return mem;
}

static void *aligned_block(const struct sys_heap *heap, size_t align, size_t bytes)
{
    if (heap->heap == NULL || bytes == 0) {
        return NULL;
    }
    void *mem = alloc_by_align(heap->heap, align, bytes);

    check_at_rest(heap->heap);
    return mem;
}

static inline void free_block(struct z_heap *h, const void *mem)
{
    chunk_id c = block_to_change(h, mem);
    uint32_t units = chunk_size(h, c);

    chunk_set_size(h, c, units, false); /* stays, so that a second free is seen after a merge */
    harden_vacate(h, c, units);
    counters_freed(h, units);
    release_chunk(h, c, units);
    check_at_rest(h);
}

static size_t usable_bytes(const struct z_heap *h, const void *mem)
{
    chunk_id c = block_chunk(h, mem);

    if (harden_has(HARDEN_FULL)) {
        harden_check_canary(h, c);
    }
    return chunk_bytes_from(h, c, mem);
}

/* --- What watchers are told ----------------------------------------------------------------------
 */

/* Out of the way of calls on heaps that nobody watches, which are most. */
#define UNUSUAL __attribute__((cold, noinline))

UNUSUAL static void tell_alloc(struct sys_heap *heap, void *mem, size_t bytes, const void *caller)
{
    size_t usable = usable_bytes(heap->heap, mem);

    note_tell_alloc(heap, &(struct note_block){mem, bytes, usable, caller});
}

UNUSUAL static void tell_free(struct sys_heap *heap, void *mem)
{
    size_t usable = usable_bytes(heap->heap, mem);

    note_tell_free(heap, &(struct note_block){mem, usable, usable, NULL});
}

UNUSUAL static void tell_resize(struct sys_heap *heap, void *mem, size_t bytes, size_t old_usable,
                                const void *caller)
{
    size_t usable = usable_bytes(heap->heap, mem);

    note_tell_resize(heap, &(struct note_block){mem, bytes, usable, caller}, old_usable);
}

UNUSUAL static void *watched_alloc(struct sys_heap *heap, size_t align, size_t bytes,
                                   const void *caller)
{
    note_tell_enter();
    void *mem = aligned_block(heap, align, bytes);
    if (mem != NULL) {
        tell_alloc(heap, mem, bytes, caller);
    }
    note_tell_leave();
    return mem;
}

UNUSUAL static void watched_free(struct sys_heap *heap, void *mem)
{
    note_tell_enter();
    tell_free(heap, mem);
    free_block(heap->heap, mem);
    note_tell_leave();
}

/* --- The public calls ----------------------------------------------------------------------------
 */

static inline void *alloc_for(struct sys_heap *heap, size_t bytes, const void *caller)
{
    if (note_is_watched()) {
        return watched_alloc(heap, 0, bytes, caller);
    }
    return alloc_block(heap, bytes);
}

static inline void *aligned_alloc_for(struct sys_heap *heap, size_t align, size_t bytes,
                                      const void *caller)
{
    if (note_is_watched()) {
        return watched_alloc(heap, align, bytes, caller);
    }
    return aligned_block(heap, align, bytes);
}

void *sys_heap_alloc(struct sys_heap *heap, size_t bytes)
{
    return alloc_for(heap, bytes, __builtin_return_address(0));
}

void *sys_heap_aligned_alloc(struct sys_heap *heap, size_t align, size_t bytes)
{
    return aligned_alloc_for(heap, align, bytes, __builtin_return_address(0));
}

void *sys_heap_noalign_alloc(struct sys_heap *heap, size_t align, size_t bytes)
{
    (void)align;
    return alloc_for(heap, bytes, __builtin_return_address(0));
}

void sys_heap_free(struct sys_heap *heap, void *mem)
{
    if (mem == NULL) {
        return;
    }
    if (note_is_watched()) {
        watched_free(heap, mem);
        return;
    }
    free_block(heap->heap, mem);
}

static inline bool resize_block(struct sys_heap *heap, void *mem, size_t bytes, const void *caller)
{
    struct z_heap *h = heap->heap;
    chunk_id c = block_to_change(h, mem);
    size_t old_usable = chunk_bytes_from(h, c, mem);

    if (!resize_chunk(h, c, chunk_units_for(h, bytes, chunk_gap(h, c, mem)))) {
        return false;
    }
    check_at_rest(h);
    if (note_is_watched()) {
        tell_resize(heap, mem, bytes, old_usable, caller);
    }
    return true;
}

/* Moves a block into a new one of `bytes` bytes, or returns NULL and leaves it. */
static void *move_block(struct sys_heap *heap, void *mem, size_t align, size_t bytes,
                        const void *caller)
{
    size_t old_usable = usable_bytes(heap->heap, mem);
    void *moved = aligned_block(heap, align, bytes);

    if (moved == NULL) {
        return NULL;
    }
    if (note_is_watched()) {
        tell_alloc(heap, moved, bytes, caller);
        note_tell_copied(heap, &(struct note_block){mem, old_usable, old_usable, NULL});
    }
    memcpy(moved, mem, old_usable < bytes ? old_usable : bytes);
    if (note_is_watched()) {
        tell_free(heap, mem);
    }
    free_block(heap->heap, mem);
    return moved;
}

static inline void *realloc_block(struct sys_heap *heap, void *mem, size_t align, size_t bytes,
                                  const void *caller)
{
    bool may_stay = align == 0 || (uintptr_t)mem % align == 0;

    note_enter();
    if (!may_stay || !resize_block(heap, mem, bytes, caller)) {
        mem = move_block(heap, mem, align, bytes, caller);
    }
    note_leave();
    return mem;
}

/* sys_heap_aligned_realloc on behalf of a caller. */
static inline void *realloc_for(struct sys_heap *heap, void *ptr, size_t align, size_t bytes,
                                const void *caller)
{
    REQUIRE(align == 0 || is_power_of_two(align), "alignment has more than one bit", heap->heap,
            ptr);
    if (ptr == NULL) {
        return aligned_alloc_for(heap, align, bytes, caller);
    }
    if (bytes == 0) {
        sys_heap_free(heap, ptr);
        return NULL;
    }
    return realloc_block(heap, ptr, align, bytes, caller);
}

void *sys_heap_realloc(struct sys_heap *heap, void *ptr, size_t bytes)
{
    return realloc_for(heap, ptr, 0, bytes, __builtin_return_address(0));
}

void *sys_heap_aligned_realloc(struct sys_heap *heap, void *ptr, size_t align, size_t bytes)
{
    return realloc_for(heap, ptr, align, bytes, __builtin_return_address(0));
}

bool heap_resize_in_place(struct sys_heap *heap, void *mem, size_t bytes)
{
    note_enter();
    bool resized = resize_block(heap, mem, bytes, __builtin_return_address(0));
    note_leave();
    return resized;
}

size_t sys_heap_usable_size(struct sys_heap *heap, void *mem)
{
    note_enter();
    size_t bytes = usable_bytes(heap->heap, mem);
    note_leave();
    return bytes;
}
