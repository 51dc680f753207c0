/* SPDX-License-Identifier: Apache-2.0 */
/* Where a chunk heap begins and ends: formatting a buffer, and moving its end.
 *
 *   before   | chunk 0 | ... | last chunk | end |
 *   extend   | chunk 0 | ... | last chunk | new free chunk    | end |
 *            (a free last chunk and the new one become one)
 *   shrink   | chunk 0 | ... | last chunk, free, shorter | end |
 *
 * The number of free lists is fixed by the largest size that the heap may grow to, because the list
 * heads lie in chunk 0. A heap made by sys_heap_init has just the lists for its own size, as in
 * Zephyr. Nothing but the header words at either end is touched, so a heap over fresh pages makes
 * two of them resident. */
#include "core/check.h"
#include "core/chunk.h"
#include "core/free_list.h"
#include "core/heap.h"
#include "core/note.h"

static uint32_t header_chunk_units(unsigned int buckets)
{
    return (uint32_t)(Z_HEAP_CHUNK0_(buckets) / CHUNK_UNIT_BYTES);
}

static void set_end(struct z_heap *h, chunk_id end, uint32_t left_units)
{
    h->end_chunk = end.unit;
    chunk_set_size(h, end, 0);
    chunk_set_left_size(h, end, left_units);
    chunk_set_used(h, end, true);
}

/* Writes an empty heap of `units` units to h, with the buckets that `max_units` need. */
static void format(struct z_heap *h, uint32_t units, uint32_t max_units)
{
    uint32_t chunk0_units = header_chunk_units(chunk_bucket(max_units) + 1);
    size_t bucket_slots = (chunk0_units * CHUNK_UNIT_BYTES - sizeof(*h)) / sizeof(h->buckets[0]);
    chunk_id chunk0 = CHUNK_NONE;
    chunk_id first = chunk_after(chunk0, chunk0_units);

    h->avail_buckets = 0;
    for (size_t slot = 0; slot < bucket_slots; slot++) {
        h->buckets[slot].next = 0;
    }
    chunk_set_size(h, chunk0, chunk0_units);
    chunk_set_left_size(h, chunk0, 0);
    chunk_set_used(h, chunk0, true);
    chunk_set_size(h, first, units - chunk0_units);
    chunk_set_left_size(h, first, chunk0_units);
    set_end(h, (chunk_id){units}, units - chunk0_units);
    free_list_add(h, first);
}

/* Units between a heap's start and its end marker in a buffer of `bytes` bytes at mem, or 0 if
 * there is no room for any. */
static size_t units_in(uintptr_t mem, size_t bytes)
{
    uintptr_t start;
    uintptr_t end;

    if (!size_add(mem, bytes, &end) || !size_round_up(mem, CHUNK_UNIT_BYTES, &start) ||
        bytes < CHUNK_HEADER_BYTES) {
        return 0;
    }
    end = round_down(end - CHUNK_HEADER_BYTES, CHUNK_UNIT_BYTES);
    return end > start ? (end - start) / CHUNK_UNIT_BYTES : 0;
}

void heap_init_growable(struct sys_heap *heap, void *mem, size_t bytes, size_t max_bytes)
{
    size_t units = units_in((uintptr_t)mem, bytes);
    size_t max_units = units_in((uintptr_t)mem, max_bytes);

    heap->heap = NULL;
    if (mem == NULL || max_units < units || max_units > CHUNK_MAX_UNITS ||
        units < CHUNK_MIN_UNITS ||
        units < header_chunk_units(chunk_bucket((uint32_t)max_units) + 1) + CHUNK_MIN_UNITS) {
        return;
    }
    struct z_heap *h = (struct z_heap *)round_up((uintptr_t)mem, CHUNK_UNIT_BYTES);

    heap->heap = h;
    note_enter();
    note_begin(heap, mem, bytes);
    format(h, (uint32_t)units, (uint32_t)max_units);
    note_leave();
}

void sys_heap_init(struct sys_heap *heap, void *mem, size_t bytes)
{
    heap_init_growable(heap, mem, bytes, bytes);
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
    chunk_set_size(h, last, units);
    set_end(h, chunk_after(last, units), units);
    free_list_add(h, last);
}

void heap_extend(struct sys_heap *heap, size_t extra_bytes)
{
    struct z_heap *h = heap->heap;
    uint32_t extra = (uint32_t)(extra_bytes / CHUNK_UNIT_BYTES);

    note_enter();
    chunk_id old_end = chunk_end(h);
    CHECK(header_chunk_units(chunk_bucket(old_end.unit + extra) + 1) <= chunk_size(h, CHUNK_NONE),
          "heap is extended beyond what it was made for", h, NULL);
    note_extend(heap, chunk_mem(h, old_end), extra_bytes);
    chunk_id last = free_tail(h);
    if (chunk_same(last, CHUNK_NONE)) {
        set_tail_size(h, old_end, extra);
    } else {
        free_list_remove(h, last);
        set_tail_size(h, last, chunk_size(h, last) + extra);
    }
    note_leave();
}

size_t heap_shrinkable_bytes(const struct sys_heap *heap)
{
    const struct z_heap *h = heap->heap;

    note_enter();
    chunk_id last = free_tail(h);
    uint32_t units = chunk_same(last, CHUNK_NONE) ? 0 : chunk_size(h, last);
    note_leave();
    return units > CHUNK_MIN_UNITS ? (size_t)(units - CHUNK_MIN_UNITS) * CHUNK_UNIT_BYTES : 0;
}

void heap_shrink(struct sys_heap *heap, size_t less_bytes)
{
    struct z_heap *h = heap->heap;

    CHECK(less_bytes <= heap_shrinkable_bytes(heap), "heap is shrunk into its blocks", h, NULL);
    note_enter();
    chunk_id last = free_tail(h);
    free_list_remove(h, last);
    set_tail_size(h, last, chunk_size(h, last) - (uint32_t)(less_bytes / CHUNK_UNIT_BYTES));
    note_cut(heap, chunk_mem(h, chunk_end(h)));
    note_leave();
}

void heap_abandon(struct sys_heap *heap)
{
    note_cut(heap, heap->heap);
    heap->heap = NULL;
}

void *heap_first_block(const struct sys_heap *heap)
{
    note_enter();
    void *mem = chunk_mem(heap->heap, chunk_first(heap->heap));
    note_leave();
    return mem;
}
