/* SPDX-License-Identifier: Apache-2.0 */
/* Zephyr's calls on a chunk heap: what a call means, whose block it is about, and who is told.
 *
 *   sys_heap_alloc ---------- note_is_watched? --- no ----> placement.c
 *                                    |
 *                                   yes --> enter, placement.c, tell, leave
 *
 * Trust before use: a block is looked up in one place, block_chunk, which verifies as much as the
 * hardening level asks before anything of it is believed (harden.h). Allocation and free have two
 * forms, so that a heap that nobody watches pays one load and branch for the possibility.
 *
 * Not promised: that damage by wild writes is always found. sys_heap_validate looks at everything.
 */
#include <string.h>

#include "core/check.h"
#include "core/chunk.h"
#include "core/harden.h"
#include "core/heap.h"
#include "core/note.h"
#include "core/placement.h"

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
        harden_check_heap(h);
    }
    return c;
}

/* --- The calls, as they are while nobody watches --- */

static inline void check_at_rest(const struct z_heap *h)
{
    if (QUARRY_CHECKS >= 2) {
        harden_check_heap(h);
    }
}

/* Both return NULL also if there is no heap. */
static inline void *alloc_block(const struct sys_heap *heap, size_t bytes)
{
    if (heap->heap == NULL || bytes == 0) {
        return NULL;
    }
    void *mem = placement_alloc(heap->heap, bytes);

    check_at_rest(heap->heap);
    return mem;
}

static void *aligned_block(const struct sys_heap *heap, size_t align, size_t bytes)
{
    if (heap->heap == NULL || bytes == 0) {
        return NULL;
    }
    void *mem = placement_alloc_aligned(heap->heap, align, bytes);

    check_at_rest(heap->heap);
    return mem;
}

static inline void free_block(struct z_heap *h, const void *mem)
{
    placement_free(h, block_to_change(h, mem));
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

/* --- What watchers are told --- */

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

/* The chunk had old_units before. */
UNUSUAL static void tell_resize(struct sys_heap *heap, void *mem, size_t bytes, uint32_t old_units,
                                const void *caller)
{
    const struct z_heap *h = heap->heap;
    size_t gap = chunk_gap(h, block_chunk(h, mem), mem);
    size_t usable = usable_bytes(h, mem);

    note_tell_resize(heap, &(struct note_block){mem, bytes, usable, caller},
                     chunk_usable_bytes(h, old_units) - gap);
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

/* --- The public calls --- */

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
    uint32_t old_units = chunk_size(h, c);

    if (!placement_resize(h, c, chunk_units_for(h, bytes, chunk_gap(h, c, mem)))) {
        return false;
    }
    check_at_rest(h);
    if (note_is_watched()) {
        tell_resize(heap, mem, bytes, old_units, caller);
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

/* Whether a block lies where sys_heap_aligned_alloc could have put it. */
static inline bool is_aligned(const void *mem, size_t align)
{
    size_t rewind = lowest_power_of_two(align);

    if (rewind == align) {
        return align == 0 || (uintptr_t)mem % align == 0;
    }
    return ((uintptr_t)mem + rewind) % (align - rewind) == 0;
}

static inline void *realloc_block(struct sys_heap *heap, void *mem, size_t align, size_t bytes,
                                  const void *caller)
{
    note_enter();
    if (!is_aligned(mem, align) || !resize_block(heap, mem, bytes, caller)) {
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

void *heap_realloc(struct sys_heap *heap, void *mem, size_t align, size_t bytes)
{
    return realloc_block(heap, mem, align, bytes, __builtin_return_address(0));
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

void heap_copy_block(struct sys_heap *heap, void *mem, size_t usable_bytes, void *to, size_t bytes)
{
    note_enter();
    if (note_is_watched()) {
        note_tell_copied(heap, &(struct note_block){mem, usable_bytes, usable_bytes, NULL});
    }
    memcpy(to, mem, usable_bytes < bytes ? usable_bytes : bytes);
    note_leave();
}
