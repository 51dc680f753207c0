/* SPDX-License-Identifier: Apache-2.0 */
/* Zephyr's buckets: one free list for each power of two.
 *
 * Bucket b holds chunks of 2^b - 1 + m to 2^(b+1) - 2 + m units, m being the least that is listed.
 * Its list is a ring. The bucket names the chunk to try next; a chunk comes in before that one,
 * which is the tail (first in, first out among equals); taking any chunk out makes its successor
 * the next. A search takes
 *
 *   1. from the request's own bucket, the first large enough of at most QUARRY_HEAP_ALLOC_LOOPS
 *      chunks; each that is too small makes its successor the next, and so it stays;
 *   2. else the next chunk of the lowest larger bucket, all of whose chunks are large enough.
 *
 * All of this is part of the addresses that Zephyr hands out, hence of ours. So a search costs
 * O(1), and may fail although a chunk that fits lies deeper in the ring: the price of the bound. */
#ifndef QUARRY_CORE_RING_BUCKETS_H
#define QUARRY_CORE_RING_BUCKETS_H

#include "core/chunk.h"
#include "core/harden.h"

static inline unsigned int ring_bucket(const struct z_heap *h, uint32_t units)
{
    return floor_log2(units - chunk_min_units(h) + 1);
}

/* Units of the smallest chunk in a bucket. */
static inline uint32_t ring_bucket_min_units(const struct z_heap *h, unsigned int bucket)
{
    return ((uint32_t)1 << bucket) - 1 + chunk_min_units(h);
}

/* Makes right follow left. */
static inline void ring_link(struct z_heap *h, chunk_id left, chunk_id right)
{
    chunk_put(h, left, CHUNK_FREE_NEXT, right.unit);
    chunk_put(h, right, CHUNK_FREE_PREV, left.unit);
}

static inline void ring_add(struct z_heap *h, chunk_id c, uint32_t units)
{
    unsigned int bucket = ring_bucket(h, units);
    chunk_id next = {h->buckets[bucket].next};

    if (chunk_same(next, CHUNK_NONE)) {
        h->avail_buckets |= (uint32_t)1 << bucket;
        h->buckets[bucket].next = c.unit;
        ring_link(h, c, c);
        return;
    }
    chunk_id tail = {chunk_get(h, next, CHUNK_FREE_PREV)};

    HARDEN(HARDEN_MODERATE,
           harden_inside(h, tail) && chunk_get(h, tail, CHUNK_FREE_NEXT) == next.unit,
           "free list is damaged: written after free", h, next);
    ring_link(h, tail, c);
    ring_link(h, c, next);
}

static inline void ring_remove_from(struct z_heap *h, chunk_id c, unsigned int bucket)
{
    chunk_id next = {chunk_get(h, c, CHUNK_FREE_NEXT)};
    chunk_id prev = {chunk_get(h, c, CHUNK_FREE_PREV)};

    CHECK(bucket == ring_bucket(h, chunk_size(h, c)), "free chunk is on another bucket's list", h,
          chunk_mem(h, c));
    if (chunk_same(next, c)) {
        h->avail_buckets &= ~((uint32_t)1 << bucket);
        h->buckets[bucket].next = 0;
        return;
    }
    HARDEN(HARDEN_MODERATE,
           harden_inside(h, next) && harden_inside(h, prev) &&
               chunk_get(h, next, CHUNK_FREE_PREV) == c.unit &&
               chunk_get(h, prev, CHUNK_FREE_NEXT) == c.unit,
           "free list is damaged: written after free", h, c);
    h->buckets[bucket].next = next.unit;
    ring_link(h, prev, next);
}

static inline void ring_remove(struct z_heap *h, chunk_id c, uint32_t units)
{
    ring_remove_from(h, c, ring_bucket(h, units));
}

/* Takes a chunk of at least `units` out, or returns CHUNK_NONE. */
static inline chunk_id ring_take(struct z_heap *h, uint32_t units)
{
    unsigned int bucket = ring_bucket(h, units);
    uint32_t larger = h->avail_buckets & bits_above(bucket);
    chunk_id fallback = CHUNK_NONE;
    chunk_id first = {h->buckets[bucket].next};

    if (larger != 0) {
        fallback.unit = h->buckets[lowest_bit(larger)].next;
        chunk_prefetch(h, fallback); /* arrives while smaller ones are tried */
    }
    if (!chunk_same(first, CHUNK_NONE)) {
        chunk_id c = first;

        for (int loops = QUARRY_HEAP_ALLOC_LOOPS; loops > 0; loops--) {
            if (chunk_size(h, c) >= units) {
                harden_check_free(h, c, false);
                ring_remove_from(h, c, bucket);
                return c;
            }
            c.unit = chunk_get(h, c, CHUNK_FREE_NEXT);
            HARDEN(HARDEN_MODERATE, harden_inside(h, c),
                   "free list leads out of the heap: written after free", h, first);
            h->buckets[bucket].next = c.unit;
            if (chunk_same(c, first)) {
                break;
            }
        }
    }
    if (larger != 0) {
        harden_check_free(h, fallback, false);
        ring_remove_from(h, fallback, lowest_bit(larger));
    }
    return fallback;
}

#endif
