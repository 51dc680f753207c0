/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about a heap that its masks and counters answer without a walk. */
#include "core/chunk.h"
#include "core/counters.h"
#include "core/free_list.h"
#include "core/heap.h"
#include "core/note.h"
#include "core/placement.h"

bool heap_contains(const struct sys_heap *heap, const void *address)
{
    const struct z_heap *h = heap->heap;

    if (h == NULL) {
        return false;
    }
    note_enter();
    uintptr_t first = (uintptr_t)chunk_mem(h, chunk_first(h));
    uintptr_t end = (uintptr_t)chunk_start(h, chunk_end(h));
    note_leave();
    return (uintptr_t)address - first < end - first;
}

unsigned int heap_bucket_of(const struct sys_heap *heap, uint32_t units)
{
    const struct z_heap *h = heap->heap;

    return free_list_is_fine(h) ? fine_slot(units) / FINE_SUB_BUCKETS : ring_bucket(h, units);
}

unsigned int heap_bucket_count(const struct sys_heap *heap)
{
    return heap_bucket_of(heap, heap->heap->end_chunk) + 1;
}

uint32_t heap_bucket_min_units(const struct sys_heap *heap, unsigned int bucket)
{
    const struct z_heap *h = heap->heap;

    if (!free_list_is_fine(h)) {
        return ring_bucket_min_units(h, bucket);
    }
    return bucket == 0 ? chunk_min_units(h) : fine_slot_min_units(bucket * FINE_SUB_BUCKETS);
}

bool heap_counters(const struct sys_heap *heap, struct sys_memory_stats *stats)
{
    note_enter();
    bool kept = counters_read(heap->heap, stats);
    note_leave();
    return kept;
}

bool heap_reset_marks(struct sys_heap *heap)
{
    note_enter();
    bool kept = counters_reset_marks(heap->heap);
    note_leave();
    return kept;
}

bool heap_can_ever_hold(const struct sys_heap *heap, size_t align, size_t bytes)
{
    const struct z_heap *h = heap->heap;

    note_enter();
    bool can = placement_units_for(h, align, bytes) <= h->end_chunk - chunk_size(h, CHUNK_NONE);
    note_leave();
    return can;
}

/* The largest of the chunks that a search tries in a bucket. */
static uint32_t largest_tried(const struct z_heap *h, unsigned int bucket)
{
    chunk_id first = {h->buckets[bucket].next};
    chunk_id c = first;
    uint32_t largest = 0;

    for (int loops = QUARRY_HEAP_ALLOC_LOOPS; loops > 0; loops--) {
        uint32_t units = chunk_size(h, c);

        largest = units > largest ? units : largest;
        c.unit = chunk_get(h, c, CHUNK_FREE_NEXT);
        if (chunk_same(c, first)) {
            break;
        }
    }
    return largest;
}

static uint32_t front_of_top_slot(const struct z_heap *h, unsigned int level)
{
    unsigned int sub = floor_log2(fine_lists_of(h)->sub[level]);
    chunk_id front = {fine_lists_of(h)->heads[level * FINE_SUB_BUCKETS + sub]};

    return chunk_size(h, front);
}

size_t heap_largest_allocatable_bytes(const struct sys_heap *heap)
{
    const struct z_heap *h = heap->heap;
    size_t bytes = 0;

    note_enter();
    if (h->avail_buckets != 0) {
        unsigned int top = floor_log2(h->avail_buckets);

        bytes = chunk_usable_bytes(h, free_list_is_fine(h) ? front_of_top_slot(h, top)
                                                           : largest_tried(h, top));
    }
    note_leave();
    return bytes;
}

size_t heap_always_allocatable_bytes(const struct sys_heap *heap)
{
    note_enter();
    uint32_t low = QUARRY_HEAP_RUNTIME_STATS ? counters_low_water(heap->heap) : 0;
    size_t bytes =
        low == 0 ? 0 : chunk_usable_bytes(heap->heap, heap_bucket_min_units(heap, floor_log2(low)));
    note_leave();
    return bytes;
}
