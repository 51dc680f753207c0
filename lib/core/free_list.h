/* SPDX-License-Identifier: Apache-2.0 */
/* The free lists of a chunk heap: the only file where a free chunk holds a link.
 *
 * Each bucket is a ring. The bucket names the chunk to try next; a chunk comes in before that one,
 * which is the tail (first in, first out among equals); taking any chunk out makes its successor
 * the next. Both rules are part of the addresses that Zephyr hands out, hence of ours. */
#ifndef QUARRY_CORE_FREE_LIST_H
#define QUARRY_CORE_FREE_LIST_H

#include "core/check.h"
#include "core/chunk.h"

static inline chunk_id free_list_next(const struct z_heap *h, chunk_id c)
{
    return (chunk_id){chunk_get(h, c, CHUNK_FREE_NEXT)};
}

static inline chunk_id free_list_prev(const struct z_heap *h, chunk_id c)
{
    return (chunk_id){chunk_get(h, c, CHUNK_FREE_PREV)};
}

/* CHUNK_NONE if the bucket is empty. */
static inline chunk_id free_list_head(const struct z_heap *h, unsigned int bucket)
{
    return (chunk_id){h->buckets[bucket].next};
}

static inline void free_list_link(struct z_heap *h, chunk_id left, chunk_id right)
{
    *chunk_field(h, left, CHUNK_FREE_NEXT) = right.unit;
    *chunk_field(h, right, CHUNK_FREE_PREV) = left.unit;
}

/* Puts a free chunk at the tail of its list; an undersized one stays off the lists. */
static inline void free_list_add(struct z_heap *h, chunk_id c)
{
    if (chunk_undersized(h, c)) {
        return;
    }
    unsigned int bucket = chunk_bucket(chunk_size(h, c));
    chunk_id next = free_list_head(h, bucket);

    if (chunk_same(next, CHUNK_NONE)) {
        h->avail_buckets |= (uint32_t)1 << bucket;
        h->buckets[bucket].next = c.unit;
        free_list_link(h, c, c);
        return;
    }
    free_list_link(h, free_list_prev(h, next), c);
    free_list_link(h, c, next);
}

/* Takes a chunk out of the list of its bucket, which the caller knows. */
static inline void free_list_remove_from(struct z_heap *h, chunk_id c, unsigned int bucket)
{
    chunk_id next = free_list_next(h, c);

    CHECK(bucket == chunk_bucket(chunk_size(h, c)), "free chunk is on another bucket's list", h,
          chunk_mem(h, c));
    if (chunk_same(next, c)) {
        h->avail_buckets &= ~((uint32_t)1 << bucket);
        h->buckets[bucket].next = 0;
        return;
    }
    h->buckets[bucket].next = next.unit;
    free_list_link(h, free_list_prev(h, c), next);
}

/* Takes a free chunk out of its list, if it is on one. */
static inline void free_list_remove(struct z_heap *h, chunk_id c)
{
    if (!chunk_undersized(h, c)) {
        free_list_remove_from(h, c, chunk_bucket(chunk_size(h, c)));
    }
}

#endif
