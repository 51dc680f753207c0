/* SPDX-License-Identifier: Apache-2.0 */
/* Where a chunk heap begins and ends: formatting a buffer, and moving its end.
 *
 *   before   | chunk 0 | ... | last chunk | end |
 *   extend   | chunk 0 | ... | last chunk | new free chunk    | end |
 *            (a free last chunk and the new one become one)
 *   shrink   | chunk 0 | ... | last chunk, free, shorter | end |
 *
 * The number of free lists is fixed by the largest size that the heap may grow to, because their
 * heads lie in chunk 0. A heap made by sys_heap_init has just the lists for its own size, as in
 * Zephyr. Nothing but the header words at either end is touched, so a heap over fresh pages makes
 * two of them resident. */
#include "core/check.h"
#include "core/chunk.h"
#include "core/counters.h"
#include "core/free_list.h"
#include "core/harden.h"
#include "core/heap.h"
#include "core/heap_layout.h"
#include "core/note.h"

uint32_t layout_chunk0_units(const struct heap_layout *layout)
{
    uint32_t words = free_list_words(layout->max_units, layout->big, layout->fine);

    return (uint32_t)(Z_HEAP_CHUNK0_(words) / CHUNK_UNIT_BYTES);
}

void layout_write_end(struct z_heap *h, chunk_id end, uint32_t left_units)
{
    chunk_set_size(h, end, 0, true);
    chunk_set_left_size(h, end, left_units);
}

/* Clears masks and list heads. Word by word, since AddressSanitizer would look at a memset, and the
 * words of a heap that is rebuilt are off limits already. */
static void clear_lists(struct z_heap *h, uint32_t chunk0_units)
{
    size_t bytes = chunk0_units * CHUNK_UNIT_BYTES - CHUNK_TRAILER_BYTES - sizeof(struct z_heap);
    volatile struct z_heap_bucket *words = h->buckets;

    for (size_t i = 0; i < bytes / sizeof(words[0]); i++) {
        words[i].next = 0;
    }
    h->avail_buckets = 0;
}

void layout_write_chunk0(struct z_heap *h, const struct heap_layout *layout)
{
    uint32_t chunk0_units = layout_chunk0_units(layout);

    h->end_chunk = layout->units;
    clear_lists(h, chunk0_units);
    chunk_set_heap_notes(h, layout->fine ? FREE_LIST_FINE : 0);
    chunk_set_size(h, CHUNK_NONE, chunk0_units, true);
    harden_draw_base(h);
    harden_occupy(h, CHUNK_NONE, chunk0_units);
    counters_begin(h);
}

/* Writes an empty heap to h. */
static void format(struct z_heap *h, const struct heap_layout *layout)
{
    chunk_id first = chunk_after(CHUNK_NONE, layout_chunk0_units(layout));
    uint32_t first_units = layout->units - first.unit;

    layout_write_chunk0(h, layout);
    chunk_set_left_size(h, first, first.unit);
    chunk_set_size(h, first, first_units, false);
    layout_write_end(h, chunk_end(h), first_units);
    free_list_add(h, first, first_units);
    counters_reset_low_water(h);
}

/* Units between a heap's start and its end marker in a buffer of `bytes` bytes at mem, or 0 if
 * there is no room for any. */
static size_t units_in(uintptr_t mem, size_t bytes)
{
    size_t footer_bytes = chunk_header_bytes_if(chunk_units_are_big(bytes / CHUNK_UNIT_BYTES));
    uintptr_t start;
    uintptr_t end;

    if (!size_add(mem, bytes, &end) || !size_round_up(mem, CHUNK_UNIT_BYTES, &start) ||
        bytes < footer_bytes) {
        return 0;
    }
    end = round_down(end - footer_bytes, CHUNK_UNIT_BYTES);
    return end > start ? (end - start) / CHUNK_UNIT_BYTES : 0;
}

/* Whether a heap so laid out has room for chunk 0 and one smallest chunk. */
static bool layout_fits(const struct heap_layout *layout)
{
    uint32_t least = chunk_min_units_if(layout->big);

    return layout->units >= least && layout->units >= layout_chunk0_units(layout) + least;
}

bool layout_find(uintptr_t mem, size_t bytes, size_t max_bytes, bool fine,
                 struct heap_layout *layout)
{
    size_t units = units_in(mem, bytes);
    size_t max_units = units_in(mem, max_bytes);

    *layout = (struct heap_layout){(uint32_t)units, (uint32_t)max_units, chunk_units_are_big(units),
                                   fine};
    return max_units >= units && max_units <= CHUNK_MAX_UNITS &&
           chunk_units_are_big(max_units) == layout->big && layout_fits(layout);
}

void heap_init_growable(struct sys_heap *heap, void *mem, size_t bytes, size_t max_bytes,
                        enum quarry_heap_buckets buckets)
{
    struct heap_layout layout;
    bool fine = buckets == QUARRY_HEAP_FINE_BUCKETS;

    heap->heap = NULL;
    if (mem == NULL || !layout_find((uintptr_t)mem, bytes, max_bytes, fine, &layout)) {
        return;
    }
    heap->heap = (struct z_heap *)round_up((uintptr_t)mem, CHUNK_UNIT_BYTES);
    note_enter();
    note_begin(heap, mem, bytes);
    format(heap->heap, &layout);
    note_leave();
}

void quarry_heap_init(struct sys_heap *heap, void *mem, size_t bytes,
                      enum quarry_heap_buckets buckets)
{
    heap_init_growable(heap, mem, bytes, bytes, buckets);
    if (QUARRY_HEAP_ARRAY_SIZE > 0 && heap->heap != NULL) {
        sys_heap_array_save(heap);
    }
}

void sys_heap_init(struct sys_heap *heap, void *mem, size_t bytes)
{
    quarry_heap_init(heap, mem, bytes, QUARRY_HEAP_ZEPHYR_BUCKETS);
}

/* The last chunk if it is free, else CHUNK_NONE. */
static chunk_id free_tail(const struct z_heap *h)
{
    chunk_id last = chunk_left(h, chunk_end(h));

    return chunk_used(h, last) ? CHUNK_NONE : last;
}

/* Moves the end marker so that the free chunk `last`, on no list, has `units` units. */
static void set_tail_size(struct z_heap *h, chunk_id last, uint32_t units)
{
    chunk_id end = chunk_after(last, units);

    h->end_chunk = end.unit;
    chunk_set_size(h, last, units, false);
    layout_write_end(h, end, units);
    free_list_add(h, last, units);
}

/* Whether the lists that the heap has suffice for a size. */
static inline bool has_lists_for(const struct z_heap *h, uint32_t units)
{
    struct heap_layout layout = {units, units, chunk_is_big(h), free_list_is_fine(h)};

    return layout_chunk0_units(&layout) <= chunk_size(h, CHUNK_NONE);
}

void heap_extend(struct sys_heap *heap, size_t extra_bytes)
{
    struct z_heap *h = heap->heap;
    uint32_t extra = (uint32_t)(extra_bytes / CHUNK_UNIT_BYTES);

    note_enter();
    chunk_id old_end = chunk_end(h);
    CHECK(has_lists_for(h, old_end.unit + extra), "heap is extended beyond what it was made for", h,
          NULL);
    note_extend(heap, chunk_mem(h, old_end), extra_bytes);
    chunk_id last = free_tail(h);
    if (chunk_same(last, CHUNK_NONE)) {
        set_tail_size(h, old_end, extra);
    } else {
        uint32_t units = chunk_size(h, last);

        harden_check_free(h, last, false);
        free_list_remove(h, last, units);
        set_tail_size(h, last, units + extra);
    }
    note_leave();
}

size_t heap_shrinkable_bytes(const struct sys_heap *heap)
{
    const struct z_heap *h = heap->heap;

    note_enter();
    chunk_id last = free_tail(h);
    uint32_t units = chunk_same(last, CHUNK_NONE) ? 0 : chunk_size(h, last);
    uint32_t least = chunk_min_units(h);
    note_leave();
    return units > least ? (size_t)(units - least) * CHUNK_UNIT_BYTES : 0;
}

void heap_shrink(struct sys_heap *heap, size_t less_bytes)
{
    struct z_heap *h = heap->heap;

    CHECK(less_bytes <= heap_shrinkable_bytes(heap), "heap is shrunk into its blocks", h, NULL);
    note_enter();
    chunk_id last = free_tail(h);
    uint32_t units = chunk_size(h, last);
    harden_check_free(h, last, false);
    free_list_remove(h, last, units);
    set_tail_size(h, last, units - (uint32_t)(less_bytes / CHUNK_UNIT_BYTES));
    counters_lower_low_water(h);
    note_cut(heap, chunk_mem(h, chunk_end(h)));
    note_leave();
}

void heap_abandon(struct sys_heap *heap)
{
    note_cut(heap, heap->heap);
    heap->heap = NULL;
}

void quarry_heap_end(struct sys_heap *heap)
{
    if (heap->heap != NULL) {
        heap_abandon(heap);
    }
}

void *heap_first_block(const struct sys_heap *heap)
{
    note_enter();
    void *mem = chunk_mem(heap->heap, chunk_first(heap->heap));
    note_leave();
    return mem;
}
