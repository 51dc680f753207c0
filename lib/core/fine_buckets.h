/* SPDX-License-Identifier: Apache-2.0 */
/* Quarry's finer buckets: 32 free lists for each power of two, found over two levels of bit masks.
 *
 *   avail_buckets   bit l: level l has a list that is not empty
 *   sub[l]          bit s: list s of level l is not empty
 *   heads[32l + s]  the first chunk of that list
 *
 * Level 0 has one list for each size below 32 units. Level l above it has sizes from 2^(l+4) to
 * 2^(l+5) - 1, cut into 32 equal parts. At either end of a list a chunk links to itself,
 * so that no link is ever 0: memory that was cleared after it was freed is seen. A chunk comes in
 * at the front, where it is taken first: it was touched last, so its lines are likely in the cache.
 * A search takes
 *
 *   1. the front chunk of the request's own list, if it is large enough: it may be smaller, but by
 *      a 32nd at most;
 *   2. else the front chunk of the lowest larger list that is not empty, which is large enough.
 *
 * No loop, one chunk looked at in vain at the most. Why 32: with 16, a heap under a random load was
 * full at 93.6 % instead of 94.2 %, and a pair of calls took a tenth longer, because blocks lie
 * less dense; a mask of 64 would have no word on 32-bit machines. */
#ifndef QUARRY_CORE_FINE_BUCKETS_H
#define QUARRY_CORE_FINE_BUCKETS_H

#include "core/chunk.h"
#include "core/harden.h"

#define FINE_SUB_BITS    5u
#define FINE_SUB_BUCKETS (1u << FINE_SUB_BITS)
/* Levels of the largest heap, 31 bits of units, and one more for an even number of words. */
#define FINE_LEVELS 28u

/* What chunk 0 holds behind the fixed part of struct z_heap. */
struct fine_lists {
    uint32_t sub[FINE_LEVELS];
    uint32_t heads[];
};

static inline struct fine_lists *fine_lists(struct z_heap *h)
{
    return (struct fine_lists *)(void *)h->buckets;
}

static inline const struct fine_lists *fine_lists_of(const struct z_heap *h)
{
    return (const struct fine_lists *)(const void *)h->buckets;
}

/* Number of the list that a chunk of `units` belongs to. */
static inline unsigned int fine_slot(uint32_t units)
{
    if (units < FINE_SUB_BUCKETS) {
        return units;
    }
    unsigned int shift = floor_log2(units) - FINE_SUB_BITS;

    return (shift << FINE_SUB_BITS) + (units >> shift);
}

/* Units of the smallest chunk of a slot, the inverse of fine_slot. */
static inline uint32_t fine_slot_min_units(unsigned int slot)
{
    if (slot < 2 * FINE_SUB_BUCKETS) {
        return slot;
    }
    unsigned int shift = (slot >> FINE_SUB_BITS) - 1;

    return (FINE_SUB_BUCKETS + slot % FINE_SUB_BUCKETS) << shift;
}

static inline void fine_add(struct z_heap *h, chunk_id c, uint32_t units)
{
    struct fine_lists *lists = fine_lists(h);
    unsigned int slot = fine_slot(units);
    chunk_id front = {lists->heads[slot]};

    lists->heads[slot] = c.unit;
    chunk_put(h, c, CHUNK_FREE_PREV, c.unit);
    if (chunk_same(front, CHUNK_NONE)) {
        chunk_put(h, c, CHUNK_FREE_NEXT, c.unit);
        lists->sub[slot / FINE_SUB_BUCKETS] |= (uint32_t)1 << slot % FINE_SUB_BUCKETS;
        h->avail_buckets |= (uint32_t)1 << slot / FINE_SUB_BUCKETS;
        return;
    }
    HARDEN(HARDEN_MODERATE,
           harden_inside(h, front) && chunk_get(h, front, CHUNK_FREE_PREV) == front.unit,
           "free list is damaged: written after free", h, front);
    chunk_put(h, c, CHUNK_FREE_NEXT, front.unit);
    chunk_put(h, front, CHUNK_FREE_PREV, c.unit);
}

/* Takes the front chunk, whose links are `next` and itself, off its list. */
static inline void fine_remove_front(struct z_heap *h, chunk_id c, chunk_id next, unsigned int slot)
{
    struct fine_lists *lists = fine_lists(h);
    uint32_t *sub = &lists->sub[slot / FINE_SUB_BUCKETS];

    if (!chunk_same(next, c)) {
        lists->heads[slot] = next.unit;
        chunk_put(h, next, CHUNK_FREE_PREV, next.unit);
        return;
    }
    lists->heads[slot] = CHUNK_NONE.unit;
    *sub &= ~((uint32_t)1 << slot % FINE_SUB_BUCKETS);
    if (*sub == 0) {
        h->avail_buckets &= ~((uint32_t)1 << slot / FINE_SUB_BUCKETS);
    }
}

/* Whether the links of c, which is on a list, are answered. */
static inline bool fine_links_agree(const struct z_heap *h, chunk_id c, unsigned int slot)
{
    chunk_id next = {chunk_get(h, c, CHUNK_FREE_NEXT)};
    chunk_id prev = {chunk_get(h, c, CHUNK_FREE_PREV)};
    bool next_agrees = chunk_same(next, c) ||
                       (harden_inside(h, next) && chunk_get(h, next, CHUNK_FREE_PREV) == c.unit);
    bool prev_agrees = chunk_same(prev, c) ? fine_lists_of(h)->heads[slot] == c.unit
                                           : harden_inside(h, prev) &&
                                                 chunk_get(h, prev, CHUNK_FREE_NEXT) == c.unit;

    return next_agrees && prev_agrees;
}

static inline void fine_remove(struct z_heap *h, chunk_id c, uint32_t units)
{
    chunk_id next = {chunk_get(h, c, CHUNK_FREE_NEXT)};
    chunk_id prev = {chunk_get(h, c, CHUNK_FREE_PREV)};

    HARDEN(HARDEN_MODERATE, fine_links_agree(h, c, fine_slot(units)),
           "free list is damaged: written after free", h, c);
    if (chunk_same(prev, c)) {
        fine_remove_front(h, c, next, fine_slot(units));
    } else if (chunk_same(next, c)) {
        chunk_put(h, prev, CHUNK_FREE_NEXT, prev.unit);
    } else {
        chunk_put(h, prev, CHUNK_FREE_NEXT, next.unit);
        chunk_put(h, next, CHUNK_FREE_PREV, prev.unit);
    }
}

/* The lowest slot above `slot` that is not empty, or `slot` itself if there is none. */
static inline unsigned int fine_larger_slot(const struct z_heap *h, unsigned int slot)
{
    const struct fine_lists *lists = fine_lists_of(h);
    unsigned int level = slot / FINE_SUB_BUCKETS;
    uint32_t sub = lists->sub[level] & bits_above(slot % FINE_SUB_BUCKETS);

    if (sub == 0) {
        uint32_t levels = h->avail_buckets & bits_above(level);

        if (levels == 0) {
            return slot;
        }
        level = lowest_bit(levels);
        sub = lists->sub[level];
    }
    return level * FINE_SUB_BUCKETS + lowest_bit(sub);
}

/* Takes a chunk of at least `units` out, or returns CHUNK_NONE. */
static inline chunk_id fine_take(struct z_heap *h, uint32_t units)
{
    unsigned int own_slot = fine_slot(units);
    unsigned int slot = own_slot;
    chunk_id c = {fine_lists_of(h)->heads[slot]};

    if (chunk_same(c, CHUNK_NONE) || chunk_size(h, c) < units) {
        slot = fine_larger_slot(h, own_slot);
        if (slot == own_slot) {
            return CHUNK_NONE;
        }
        c.unit = fine_lists_of(h)->heads[slot];
    }
    harden_check_free(h, c, false);
    HARDEN(HARDEN_MODERATE, fine_links_agree(h, c, slot),
           "free list is damaged: written after free", h, c);
    fine_remove_front(h, c, (chunk_id){chunk_get(h, c, CHUNK_FREE_NEXT)}, slot);
    return c;
}

#endif
