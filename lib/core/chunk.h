/* SPDX-License-Identifier: Apache-2.0 */
/* The format of a chunk heap in memory: the only file where a chunk id becomes an address.
 *
 * A heap is a row of chunks without gaps, measured in units of 8 bytes. A chunk is named by the
 * unit it starts at, counted from the start of the heap.
 *
 *   unit 0                        first                                          end
 *   +--------------+--------------+-----+----------------+-----------+-----+------+-----+
 *   | struct z_heap, list heads   | hdr | user's bytes   | (trailer) | hdr | free | hdr |
 *   +--------------+--------------+-----+----------------+-----------+-----+------+-----+
 *   chunk 0, always used          a chunk                            a chunk      end marker:
 *                                                                                 size 0, used
 *   A chunk begins with these words:                         big      small
 *     LEFT_SIZE      units of the chunk to the left           +0       +0
 *     SIZE_AND_USED  own units << 1 | in use                  +4       +2
 *     FREE_PREV      neighbours in its free list,             +8       +4
 *     FREE_NEXT      if it is free and listed                 +12      +6
 *
 * Big words are 32 bits, small ones 16. On 64-bit machines all heaps are big. On 32-bit machines a
 * heap is small if its units fit 15 bits, unless the build fixes one of the two. A header is the
 * first two words: 8 or 4 bytes.
 *
 * Chunk 0 has no left neighbour. Its LEFT_SIZE holds the heap's own notes: bit 0, which buckets it
 * has; above it, the low-water mark of counters.h. Zephyr leaves 0 there.
 *
 * From hardening level "full" on, the last 8 bytes of every used chunk are its trailer: the canary
 * of harden.h.
 *
 * Numbered invariants, cited by the checks and proved by sys_heap_validate:
 *   1. Sizes chain: from chunk 0, adding sizes reaches the end marker exactly.
 *   2. Both directions agree: the LEFT_SIZE of the chunk to the right of c is the size of c.
 *   3. No two free chunks are neighbours.
 *   4. A free chunk of at least chunk_min_units is on the free list of its bucket, once.
 *   5. A smaller one (undersized) is on no list; it comes back when a neighbour is freed.
 *   6. The heap's masks say which lists are not empty, and the heads of these are on them.
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

#define CHUNK_UNIT_BYTES    Z_HEAP_UNIT_BYTES_
#define CHUNK_TRAILER_BYTES Z_HEAP_TRAILER_BYTES_
#define CHUNK_TRAILER_UNITS (CHUNK_TRAILER_BYTES / CHUNK_UNIT_BYTES)
/* One bit of SIZE_AND_USED is the flag, and Zephyr keeps another of the big word in reserve. */
#define CHUNK_BIG_MAX_UNITS 0x7fffffffu
#define CHUNK_MAX_UNITS                                                                            \
    (Z_HEAP_IS_BIG_(CHUNK_BIG_MAX_UNITS) ? CHUNK_BIG_MAX_UNITS : Z_HEAP_SMALL_MAX_UNITS_)

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
    uint32_t chunk0_hdr[2]; /* the header of chunk 0, which holds this struct */
    uint32_t end_chunk;     /* unit of the end marker */
    uint32_t avail_buckets; /* invariant 6 */
#if QUARRY_HEAP_RUNTIME_STATS
    size_t free_bytes;          /* usable bytes of all listed free chunks */
    size_t allocated_bytes;     /* usable bytes of all blocks */
    size_t max_allocated_bytes; /* its high-water mark */
#endif
#if QUARRY_HEAP_HARDENING >= 3 && QUARRY_HEAP_CANARIES_RANDOM
    uint32_t canary_base[2]; /* drawn when the heap was made */
#endif
    struct z_heap_bucket
        buckets[]; /* heads of the free lists, as the heap's policy lays them out */
};
_Static_assert(sizeof(struct z_heap) == Z_HEAP_STRUCT_BYTES_, "Z_HEAP_MIN_SIZE_FOR counts on it");
_Static_assert(offsetof(struct z_heap, buckets) == Z_HEAP_STRUCT_BYTES_, "heads follow directly");

/* Header words. may_alias: the user's bytes of a freed block become words, and the reverse. */
typedef uint32_t __attribute__((may_alias)) chunk_big_word;
typedef uint16_t __attribute__((may_alias)) chunk_small_word;
typedef uint64_t __attribute__((may_alias, aligned(4))) chunk_trailer_word;

enum chunk_word { CHUNK_LEFT_SIZE, CHUNK_SIZE_AND_USED, CHUNK_FREE_PREV, CHUNK_FREE_NEXT };

static inline bool chunk_same(chunk_id a, chunk_id b)
{
    return a.unit == b.unit;
}

/* Whether a heap of that many units has big words. */
static inline bool chunk_units_are_big(size_t units)
{
    (void)units; /* some builds need not look */
    return Z_HEAP_IS_BIG_(units);
}

static inline bool chunk_is_big(const struct z_heap *h)
{
    return chunk_units_are_big(h->end_chunk);
}

static inline uint32_t chunk_header_bytes_if(bool big)
{
    return big ? Z_HEAP_BIG_HEADER_BYTES_ : Z_HEAP_SMALL_HEADER_BYTES_;
}

static inline uint32_t chunk_header_bytes(const struct z_heap *h)
{
    return chunk_header_bytes_if(chunk_is_big(h));
}

/* Units of a chunk for one byte: less cannot be allocated, and is not listed. */
static inline uint32_t chunk_min_units_if(bool big)
{
    return (uint32_t)Z_HEAP_MIN_UNITS_(chunk_header_bytes_if(big));
}

static inline uint32_t chunk_min_units(const struct z_heap *h)
{
    return chunk_min_units_if(chunk_is_big(h));
}

static inline char *chunk_start(const struct z_heap *h, chunk_id c)
{
    return (char *)(uintptr_t)h + (size_t)c.unit * CHUNK_UNIT_BYTES;
}

static inline uint32_t chunk_get(const struct z_heap *h, chunk_id c, enum chunk_word word)
{
    const void *start = chunk_start(h, c);

    return chunk_is_big(h) ? ((const chunk_big_word *)start)[word]
                           : ((const chunk_small_word *)start)[word];
}

static inline void chunk_put(struct z_heap *h, chunk_id c, enum chunk_word word, uint32_t value)
{
    void *start = chunk_start(h, c);

    if (chunk_is_big(h)) {
        ((chunk_big_word *)start)[word] = value;
    } else {
        ((chunk_small_word *)start)[word] = (uint16_t)value;
    }
}

/* Starts to fetch a chunk's header and links, which are about to be read or written. */
static inline void chunk_prefetch(const struct z_heap *h, chunk_id c)
{
    __builtin_prefetch(chunk_start(h, c), 1);
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

static inline void chunk_set_size(struct z_heap *h, chunk_id c, uint32_t units, bool used)
{
    chunk_put(h, c, CHUNK_SIZE_AND_USED, units << 1 | (uint32_t)used);
}

static inline void chunk_set_left_size(struct z_heap *h, chunk_id c, uint32_t units)
{
    chunk_put(h, c, CHUNK_LEFT_SIZE, units);
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
    return chunk_right(h, CHUNK_NONE);
}

/* The heap's own notes. */
static inline uint32_t chunk_heap_notes(const struct z_heap *h)
{
    return chunk_get(h, CHUNK_NONE, CHUNK_LEFT_SIZE);
}

static inline void chunk_set_heap_notes(struct z_heap *h, uint32_t notes)
{
    chunk_put(h, CHUNK_NONE, CHUNK_LEFT_SIZE, notes);
}

/* Address of the user's first byte. */
static inline void *chunk_mem(const struct z_heap *h, chunk_id c)
{
    return chunk_start(h, c) + chunk_header_bytes(h);
}

/* The last 8 bytes of a chunk of `units`. */
static inline chunk_trailer_word *chunk_trailer(const struct z_heap *h, chunk_id c, uint32_t units)
{
    return (chunk_trailer_word *)(void *)(chunk_start(h, chunk_after(c, units)) -
                                          sizeof(chunk_trailer_word));
}

/* The unit in which the header of the block at mem starts, for any mem at all: the result is as
 * wild as mem is, and is compared with end_chunk before it names a chunk. An aligned block may sit
 * in the middle of its first unit, hence the division. */
static inline size_t chunk_unit_of(const struct z_heap *h, const void *mem)
{
    return ((uintptr_t)mem - chunk_header_bytes(h) - (uintptr_t)h) / CHUNK_UNIT_BYTES;
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
    uint64_t heap_bytes = (uint64_t)h->end_chunk * CHUNK_UNIT_BYTES;

    if (bytes >= heap_bytes || extra >= heap_bytes) {
        return h->end_chunk;
    }
    uint64_t chunk_bytes = (uint64_t)bytes + extra + chunk_header_bytes(h) + CHUNK_TRAILER_BYTES;
    uint64_t units = (chunk_bytes + (CHUNK_UNIT_BYTES - 1)) / CHUNK_UNIT_BYTES;

    return units < h->end_chunk ? (uint32_t)units : h->end_chunk;
}

/* Bytes that a user could use in a chunk of `units`. */
static inline size_t chunk_usable_bytes(const struct z_heap *h, uint32_t units)
{
    return (size_t)units * CHUNK_UNIT_BYTES - chunk_header_bytes(h) - CHUNK_TRAILER_BYTES;
}

/* Bytes that the block at mem, which lies in c, has. */
static inline size_t chunk_bytes_from(const struct z_heap *h, chunk_id c, const void *mem)
{
    return chunk_usable_bytes(h, chunk_size(h, c)) - chunk_gap(h, c, mem);
}

#endif
