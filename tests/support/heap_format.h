/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of a heap's format in this build, for tests that say in bytes and units what a heap
 * must look like. Worked out from <quarry/config.h> and the description of the format, not from
 * the library.
 *
 * They hold for heaps of Zephyr's bucket policy, and of at most 0x7fff units: a 32-bit heap that is
 * larger may have longer headers. */
#ifndef QUARRY_TESTS_HEAP_FORMAT_H
#define QUARRY_TESTS_HEAP_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <quarry/config.h>

#define HEAP_UNIT 8u

/* Of a chunk: 8 bytes, or 4 in the small heaps of 32-bit machines. */
#if __SIZEOF_POINTER__ == 8 || QUARRY_HEAP_BIG_ONLY
#define HEAP_HEADER 8u
#else
#define HEAP_HEADER 4u
#endif
/* Behind the last chunk: the header of the end marker. */
#define HEAP_FOOTER HEAP_HEADER

/* Behind every used chunk, and behind the header chunk. */
#if QUARRY_HEAP_HARDENING >= 3
#define HEAP_TRAILER 8u
#else
#define HEAP_TRAILER 0u
#endif

/* At the start of the heap: two header words, the end marker's place, the bucket mask; then, if so
 * configured, three counters and the base of the canaries. List heads follow. */
#define HEAP_FIXED_BYTES  16u
#define HEAP_STATS_BYTES  (QUARRY_HEAP_RUNTIME_STATS ? 3u * (unsigned int)sizeof(size_t) : 0u)
#define HEAP_CANARY_BYTES (HEAP_TRAILER != 0 && QUARRY_HEAP_CANARIES_RANDOM ? 8u : 0u)
#define HEAP_STRUCT_BYTES (HEAP_FIXED_BYTES + HEAP_STATS_BYTES + HEAP_CANARY_BYTES)

/* The smallest chunk that can be allocated or listed: header, one byte, trailer. */
#define HEAP_MIN_UNITS ((HEAP_HEADER + HEAP_UNIT) / HEAP_UNIT + HEAP_TRAILER / HEAP_UNIT)

/* Units of the chunk that holds a block of that many bytes. */
static inline size_t heap_units_for(size_t bytes)
{
    return (bytes + HEAP_HEADER + HEAP_UNIT - 1) / HEAP_UNIT + HEAP_TRAILER / HEAP_UNIT;
}

/* The largest block that a chunk of that many units holds; units at least HEAP_MIN_UNITS. */
static inline size_t heap_block_bytes(size_t units)
{
    return units * HEAP_UNIT - HEAP_HEADER - HEAP_TRAILER;
}

/* Number of the list that a free chunk of that many units is on; units at least HEAP_MIN_UNITS. */
static inline unsigned int heap_zephyr_bucket(size_t units)
{
    unsigned int bucket = 0;
    while (units + 1 - HEAP_MIN_UNITS >= (size_t)2 << bucket) {
        bucket++;
    }
    return bucket;
}

/* Units of the header chunk of a heap whose end marker is at unit end. */
static inline size_t heap_header_units(size_t end)
{
    size_t buckets = end < HEAP_MIN_UNITS ? 1 : heap_zephyr_bucket(end) + (size_t)1;
    size_t bytes = HEAP_STRUCT_BYTES + 4 * buckets;
    return (bytes + HEAP_UNIT - 1) / HEAP_UNIT + HEAP_TRAILER / HEAP_UNIT;
}

/* Unit of the end marker of a heap that is one free chunk of `space` units behind its header. */
static inline size_t heap_end_for(size_t space)
{
    size_t end = space;
    while (end < heap_header_units(end) + space) {
        end++;
    }
    return end;
}

/* Bytes from the start of that heap to its first chunk. */
static inline size_t heap_first_chunk(size_t space)
{
    return heap_header_units(heap_end_for(space)) * HEAP_UNIT;
}

/* Size of an 8-aligned buffer that makes that heap. */
static inline size_t heap_bytes_for(size_t space)
{
    return heap_end_for(space) * HEAP_UNIT + HEAP_FOOTER;
}

/* Fields at the start of every chunk, each half a header long. A listed chunk has all four. */
enum heap_field { HEAP_LEFT_SIZE, HEAP_SIZE_AND_USED, HEAP_FREE_PREV, HEAP_FREE_NEXT };

/* Reads and writes a field of the chunk that starts at that unit of the heap at base. */
static inline uint32_t heap_field(const void *base, size_t unit, enum heap_field field)
{
    const char *at = (const char *)base + unit * HEAP_UNIT + (size_t)field * (HEAP_HEADER / 2);
    uint32_t large;
    uint16_t small;
    memcpy(&large, at, sizeof large);
    memcpy(&small, at, sizeof small);
    return HEAP_HEADER == 8 ? large : small;
}

static inline void heap_set_field(void *base, size_t unit, enum heap_field field, uint32_t value)
{
    char *at = (char *)base + unit * HEAP_UNIT + (size_t)field * (HEAP_HEADER / 2);
    uint16_t small = (uint16_t)value;
    memcpy(at, HEAP_HEADER == 8 ? (const void *)&value : (const void *)&small, HEAP_HEADER / 2);
}

#endif
