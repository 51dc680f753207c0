/* SPDX-License-Identifier: Apache-2.0 */
/* The statistics of a heap, counted in bytes that users can use. Compiled to nothing unless the
 * build has runtime statistics.
 *
 * The low-water mark answers "how large a block could I have had at any time?" It is the least
 * value that avail_buckets has had while the heap was at rest: as a number, since the highest bit
 * decides between two masks, and the highest bit is the largest bucket that was not empty. It lives
 * in chunk 0's LEFT_SIZE, which has no other use, so that the struct stays Zephyr's; it fits, since
 * a heap with 16-bit words has no more than 15 buckets, and any other no more than 31. It costs
 * three instructions per allocation; the price is that it knows the largest free chunk to a power
 * of two only. */
#ifndef QUARRY_CORE_COUNTERS_H
#define QUARRY_CORE_COUNTERS_H

#include "core/chunk.h"

#define COUNTERS_POLICY_BITS 1u /* bits of the heap's notes below the low-water mark */

static inline uint32_t counters_low_water(const struct z_heap *h)
{
    return chunk_heap_notes(h) >> COUNTERS_POLICY_BITS;
}

static inline void counters_set_low_water(struct z_heap *h, uint32_t buckets)
{
    uint32_t policy = chunk_heap_notes(h) & ((1u << COUNTERS_POLICY_BITS) - 1);

    chunk_set_heap_notes(h, policy | buckets << COUNTERS_POLICY_BITS);
}

/* Lowers the mark to what is free now, if that is less. */
static inline void counters_lower_low_water(struct z_heap *h)
{
    if (QUARRY_HEAP_RUNTIME_STATS && h->avail_buckets < counters_low_water(h)) {
        counters_set_low_water(h, h->avail_buckets);
    }
}

/* Starts the mark at what is free now. Without runtime statistics it stays 0, as in Zephyr. */
static inline void counters_reset_low_water(struct z_heap *h)
{
    if (QUARRY_HEAP_RUNTIME_STATS) {
        counters_set_low_water(h, h->avail_buckets);
    }
}

#if QUARRY_HEAP_RUNTIME_STATS

/* Each tells of a chunk of `units`. */
static inline void counters_listed(struct z_heap *h, uint32_t units)
{
    h->free_bytes += chunk_usable_bytes(h, units);
}

static inline void counters_unlisted(struct z_heap *h, uint32_t units)
{
    h->free_bytes -= chunk_usable_bytes(h, units);
}

static inline void counters_freed(struct z_heap *h, uint32_t units)
{
    h->allocated_bytes -= chunk_usable_bytes(h, units);
}

static inline void counters_allocated(struct z_heap *h, uint32_t units)
{
    h->allocated_bytes += chunk_usable_bytes(h, units);
    if (h->allocated_bytes > h->max_allocated_bytes) {
        h->max_allocated_bytes = h->allocated_bytes;
    }
    counters_lower_low_water(h);
}

/* For a heap whose free lists are empty. */
static inline void counters_begin(struct z_heap *h)
{
    h->free_bytes = 0;
    h->allocated_bytes = 0;
    h->max_allocated_bytes = 0;
}

/* Whether the counters say what a walk has found, and the marks are possible. */
static inline bool counters_agree(const struct z_heap *h, size_t free_bytes, size_t allocated_bytes)
{
    return h->free_bytes == free_bytes && h->allocated_bytes == allocated_bytes &&
           h->max_allocated_bytes >= allocated_bytes &&
           bit_length(counters_low_water(h)) <= bit_length(h->avail_buckets);
}

static inline bool counters_read(const struct z_heap *h, struct sys_memory_stats *stats)
{
    stats->free_bytes = h->free_bytes;
    stats->allocated_bytes = h->allocated_bytes;
    stats->max_allocated_bytes = h->max_allocated_bytes;
    return true;
}

static inline bool counters_reset_marks(struct z_heap *h)
{
    h->max_allocated_bytes = h->allocated_bytes;
    counters_reset_low_water(h);
    return true;
}

#else

static inline bool counters_read(const struct z_heap *h, struct sys_memory_stats *stats)
{
    (void)h, (void)stats;
    return false;
}

static inline bool counters_reset_marks(struct z_heap *h)
{
    (void)h;
    return false;
}

static inline bool counters_agree(const struct z_heap *h, size_t free_bytes, size_t allocated_bytes)
{
    (void)free_bytes, (void)allocated_bytes;
    return counters_low_water(h) == 0;
}

static inline void counters_listed(struct z_heap *h, uint32_t units)
{
    (void)h, (void)units;
}

static inline void counters_unlisted(struct z_heap *h, uint32_t units)
{
    (void)h, (void)units;
}

static inline void counters_freed(struct z_heap *h, uint32_t units)
{
    (void)h, (void)units;
}

static inline void counters_allocated(struct z_heap *h, uint32_t units)
{
    (void)h, (void)units;
}

static inline void counters_begin(struct z_heap *h)
{
    (void)h;
}

#endif

#endif
