/* SPDX-License-Identifier: Apache-2.0 */
/* The format of a chunk heap in memory: the only file where a chunk id becomes an address.
 *
 * A heap is a row of chunks without gaps, measured in units of 8 bytes. A chunk is named by the
 * unit it starts at, counted from the start of the heap.
 *
 *   unit 0                        first                               end
 *   +--------------+--------------+-----+----------------+-----+------+-----+
 *   | struct z_heap, bucket heads | hdr | user's bytes   | hdr | free | hdr |
 *   +--------------+--------------+-----+----------------+-----+------+-----+
 *   chunk 0, always used          a chunk                a chunk      end marker, size 0, used
 *
 *   header of every chunk, 8 bytes:    +0  LEFT_SIZE      units of the chunk to the left
 *                                      +4  SIZE_AND_USED  own units << 1 | in use
 *   then, if it is free and listed:    +8  FREE_PREV      neighbours in its free list,
 *                                      +12 FREE_NEXT      which is a ring
 *
 * Numbered invariants, cited by the checks and proved by sys_heap_validate:
 *   1. Sizes chain: from chunk 0, adding sizes reaches the end marker exactly.
 *   2. Both directions agree: the LEFT_SIZE of the chunk to the right of c is the size of c.
 *   3. No two free chunks are neighbours.
 *   4. A free chunk of at least CHUNK_MIN_UNITS is on the free list of its bucket, once.
 *   5. A smaller one (undersized: one unit) is on no list; it comes back when a neighbour is freed.
 *   6. Bit b of avail_buckets is set iff list b is not empty, and then buckets[b].next is on it.
 *
 * The round trip of invariant 2 straddles the user's bytes, so writing past the end of a block is
 * found when that block is freed. */
#ifndef QUARRY_CORE_CHUNK_H
#define QUARRY_CORE_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/sys_heap.h>

#include "core/bits.h"

#define CHUNK_UNIT_BYTES 8u
/* Header bytes of a chunk; also what the end marker takes at the end of the buffer. */
#define CHUNK_HEADER_BYTES 8u
/* A header and one byte for the user: less cannot be allocated, and cannot hold list links. */
#define CHUNK_MIN_UNITS 2u
/* One bit of SIZE_AND_USED is the flag, and Zephyr keeps another in reserve. */
#define CHUNK_MAX_UNITS 0x7fffffffu

/* A chunk's name: the unit it starts at. Its own type, so that it cannot be taken for a size. */
typedef struct {
    uint32_t unit;
} chunk_id;

/* No free list has chunk 0 on it, so 0 also says "none". */
#define CHUNK_NONE ((chunk_id){0})

struct z_heap_bucket {
    uint32_t next; /* chunk to try next, 0 if the list is empty */
};

/* The heap's bookkeeping, at unit 0. Field names and order are Zephyr's: white-box tests use them.
 */
struct z_heap {
    uint32_t chunk0_hdr[2];         /* the header of chunk 0, which holds this struct */
    uint32_t end_chunk;             /* unit of the end marker */
    uint32_t avail_buckets;         /* invariant 6 */
    struct z_heap_bucket buckets[]; /* one for each power of two up to the heap's size */
};
_Static_assert(sizeof(struct z_heap) == Z_HEAP_STRUCT_BYTES_, "Z_HEAP_MIN_SIZE_FOR counts on it");
_Static_assert(offsetof(struct z_heap, buckets) == 16, "bucket heads follow the fixed part");

/* A header word. may_alias: the user's bytes of a freed block become words, and the reverse. */
typedef uint32_t __attribute__((may_alias)) chunk_word;

enum chunk_field { CHUNK_LEFT_SIZE, CHUNK_SIZE_AND_USED, CHUNK_FREE_PREV, CHUNK_FREE_NEXT };

static inline bool chunk_same(chunk_id a, chunk_id b)
{
    return a.unit == b.unit;
}

static inline chunk_word *chunk_field(struct z_heap *h, chunk_id c, enum chunk_field field)
{
    return (chunk_word *)(void *)((char *)h + (size_t)c.unit * CHUNK_UNIT_BYTES) + field;
}

static inline uint32_t chunk_get(const struct z_heap *h, chunk_id c, enum chunk_field field)
{
    const char *start = (const char *)h + (size_t)c.unit * CHUNK_UNIT_BYTES;

    return ((const chunk_word *)(const void *)start)[field];
}

static inline bool chunk_used(const struct z_heap *h, chunk_id c)
{
    return (chunk_get(h, c, CHUNK_SIZE_AND_USED) & 1u) != 0;
}

static inline uint32_t chunk_size(const struct z_heap *h, chunk_id c)
{
    return chunk_get(h, c, CHUNK_SIZE_AND_USED) >> 1;
}

static inline uint32_t chunk_left_size(const struct z_heap *h, chunk_id c)
{
    return chunk_get(h, c, CHUNK_LEFT_SIZE);
}

/* Also marks the chunk free. */
static inline void chunk_set_size(struct z_heap *h, chunk_id c, uint32_t units)
{
    *chunk_field(h, c, CHUNK_SIZE_AND_USED) = units << 1;
}

static inline void chunk_set_used(struct z_heap *h, chunk_id c, bool used)
{
    chunk_word *word = chunk_field(h, c, CHUNK_SIZE_AND_USED);

    *word = (*word & ~(uint32_t)1) | (uint32_t)used;
}

static inline void chunk_set_left_size(struct z_heap *h, chunk_id c, uint32_t units)
{
    *chunk_field(h, c, CHUNK_LEFT_SIZE) = units;
}

/* The chunk that starts `units` after c. */
static inline chunk_id chunk_after(chunk_id c, uint32_t units)
{
    return (chunk_id){c.unit + units};
}

static inline chunk_id chunk_right(const struct z_heap *h, chunk_id c)
{
    return chunk_after(c, chunk_size(h, c));
}

static inline chunk_id chunk_left(const struct z_heap *h, chunk_id c)
{
    return (chunk_id){c.unit - chunk_left_size(h, c)};
}

static inline chunk_id chunk_end(const struct z_heap *h)
{
    return (chunk_id){h->end_chunk};
}

/* The leftmost chunk after the header chunk. */
static inline chunk_id chunk_first(const struct z_heap *h)
{
    return chunk_right(h, (chunk_id){0});
}

static inline bool chunk_undersized(const struct z_heap *h, chunk_id c)
{
    return chunk_size(h, c) < CHUNK_MIN_UNITS;
}

/* Address of the user's first byte. */
static inline void *chunk_mem(const struct z_heap *h, chunk_id c)
{
    return (char *)(uintptr_t)h + (size_t)c.unit * CHUNK_UNIT_BYTES + CHUNK_HEADER_BYTES;
}

/* The unit in which the header of the block at mem starts, for any mem at all: the result is as
 * wild as mem is, and is compared with end_chunk before it names a chunk. An aligned block may sit
 * in the middle of its first unit, hence the division. */
static inline size_t chunk_unit_of(const struct z_heap *h, const void *mem)
{
    return ((uintptr_t)mem - CHUNK_HEADER_BYTES - (uintptr_t)h) / CHUNK_UNIT_BYTES;
}

/* How far mem lies behind the first byte that its chunk could give to the user. */
static inline size_t chunk_gap(const struct z_heap *h, chunk_id c, const void *mem)
{
    return (uintptr_t)mem - (uintptr_t)chunk_mem(h, c);
}

/* Units of a chunk for `bytes` user bytes that start `extra` bytes into its user area. Never
 * overflows: what is too much for the heap comes out as the heap's own size, which no chunk has. */
static inline uint32_t chunk_units_for(const struct z_heap *h, size_t bytes, size_t extra)
{
    const size_t unit = CHUNK_UNIT_BYTES;
    size_t rest = bytes % unit + extra % unit + CHUNK_HEADER_BYTES + (unit - 1);
    size_t units = bytes / unit + extra / unit + rest / unit;

    return units < h->end_chunk ? (uint32_t)units : h->end_chunk;
}

/* Bytes from mem, which lies in c, to the end of c. */
static inline size_t chunk_bytes_from(const struct z_heap *h, chunk_id c, const void *mem)
{
    return (size_t)chunk_size(h, c) * CHUNK_UNIT_BYTES - CHUNK_HEADER_BYTES - chunk_gap(h, c, mem);
}

/* Bucket b holds sizes from 2^b - 1 + CHUNK_MIN_UNITS to 2^(b+1) - 2 + CHUNK_MIN_UNITS. */
static inline unsigned int chunk_bucket(uint32_t units)
{
    return floor_log2(units - CHUNK_MIN_UNITS + 1);
}

#endif
