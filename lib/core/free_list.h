/* SPDX-License-Identifier: Apache-2.0 */
/* The free lists of a heap, whichever buckets it has: ring_buckets.h or fine_buckets.h. Only these
 * three files know that free chunks hold links. */
#ifndef QUARRY_CORE_FREE_LIST_H
#define QUARRY_CORE_FREE_LIST_H

#include "core/chunk.h"
#include "core/counters.h"
#include "core/fine_buckets.h"
#include "core/harden.h"
#include "core/ring_buckets.h"

/* Bit 0 of the heap's notes. */
#define FREE_LIST_FINE 1u

static inline bool free_list_is_fine(const struct z_heap *h)
{
    return (chunk_heap_notes(h) & FREE_LIST_FINE) != 0;
}

/* 4-byte words behind the fixed part of struct z_heap that a heap of `units` needs: the heads of
 * its lists, and masks before them. */
static inline uint32_t free_list_words(uint32_t units, bool big, bool fine)
{
    return fine ? FINE_LEVELS + fine_slot(units) + 1
                : floor_log2(units - chunk_min_units_if(big) + 1) + 1;
}

/* Whether a free chunk of that size is on a list. */
static inline bool free_list_has(const struct z_heap *h, uint32_t units)
{
    return units >= chunk_min_units(h);
}

/* Lists a free chunk of `units`, unless it is undersized. */
static inline void free_list_add(struct z_heap *h, chunk_id c, uint32_t units)
{
    if (!free_list_has(h, units)) {
        return;
    }
    counters_listed(h, units);
    if (free_list_is_fine(h)) {
        fine_add(h, c, units);
    } else {
        ring_add(h, c, units);
    }
}

/* Takes a free chunk of `units` out of its list, if it is on one. */
static inline void free_list_remove(struct z_heap *h, chunk_id c, uint32_t units)
{
    if (!free_list_has(h, units)) {
        return;
    }
    counters_unlisted(h, units);
    if (free_list_is_fine(h)) {
        fine_remove(h, c, units);
    } else {
        ring_remove(h, c, units);
    }
}

/* Takes a chunk of at least `units` off the lists, or returns CHUNK_NONE. */
static inline chunk_id free_list_take(struct z_heap *h, uint32_t units)
{
    chunk_id c = free_list_is_fine(h) ? fine_take(h, units) : ring_take(h, units);

    if (!chunk_same(c, CHUNK_NONE)) {
        counters_unlisted(h, chunk_size(h, c));
    }
    return c;
}

#endif
