/* SPDX-License-Identifier: Apache-2.0 */
/* The reference model's format: what a buffer becomes, and which list a chunk belongs to. The rules
 * are at the top of reference_heap.c. */
#include <stdlib.h>
#include <string.h>
#include "heap_format.h"
#include "reference_heap_parts.h"

#define BIG_HEADER       8u
#define SMALL_HEADER     4u
#define LIST_HEAD_BYTES  4u
#define FINE_MASKS_BYTES 112u
#define FINE_PARTS       32u /* per power of two */
#define FINE_PARTS_LOG2  5u
#define MAX_SMALL_UNITS  0x7fffu
#define MAX_HEAP_UNITS   0x7fffffffu

static unsigned int log2_floor(uint64_t value)
{
    unsigned int result = 0;
    while (value > 1) {
        value /= 2;
        result++;
    }
    return result;
}

static unsigned int fine_bucket_of(uint32_t units)
{
    if (units < FINE_PARTS) {
        return units;
    }
    unsigned int part_log2 = log2_floor(units) - FINE_PARTS_LOG2;
    return (part_log2 + 1u) * FINE_PARTS + ((units >> part_log2) - FINE_PARTS);
}

unsigned int reference_bucket_of(const struct reference_heap *heap, uint32_t units)
{
    return reference_is_fine(heap) ? fine_bucket_of(units)
                                   : log2_floor(units - heap->min_units + 1u);
}

bool reference_is_listed(const struct reference_heap *heap, uint32_t units)
{
    return units >= heap->min_units;
}

struct reference_format reference_format_of_build(enum quarry_heap_buckets buckets)
{
    struct reference_format format = {
        .headers = REFERENCE_AUTO,
        .trailer_bytes = HEAP_TRAILER,
        .struct_bytes = HEAP_STRUCT_BYTES,
        .tries = QUARRY_HEAP_ALLOC_LOOPS,
        .buckets = buckets,
    };
    if (sizeof(void *) == 8 || QUARRY_HEAP_BIG_ONLY) {
        format.headers = REFERENCE_BIG;
    } else if (QUARRY_HEAP_SMALL_ONLY) {
        format.headers = REFERENCE_SMALL;
    }
    return format;
}

/* Units between the start of the heap and its end marker, whose header lies in the last
 * footer_bytes of the buffer; 0 if the buffer cannot be used at all. */
static uint64_t units_in(uintptr_t mem, size_t bytes, uint32_t footer_bytes)
{
    if (mem == 0 || bytes <= footer_bytes || bytes > UINTPTR_MAX - mem) {
        return 0;
    }
    uint64_t start = reference_round_up(mem, UNIT_BYTES);
    uint64_t limit = (uint64_t)mem + bytes - footer_bytes;
    limit -= limit % UNIT_BYTES;
    return start < mem || limit <= start ? 0 : (limit - start) / UNIT_BYTES;
}

static uint32_t header_chunk_units(const struct reference_heap *heap)
{
    uint64_t bytes = heap->format.struct_bytes + LIST_HEAD_BYTES * heap->bucket_count;
    if (reference_is_fine(heap)) {
        bytes += FINE_MASKS_BYTES;
    }
    return (uint32_t)((reference_round_up(bytes, UNIT_BYTES) + heap->format.trailer_bytes) /
                      UNIT_BYTES);
}

/* Sets what follows from the format and the buffer; false if the format has no such heap. */
static bool choose_format(struct reference_heap *heap, uintptr_t mem, size_t bytes)
{
    enum reference_headers headers = heap->format.headers;
    bool long_footer = headers == REFERENCE_BIG ||
                       (headers == REFERENCE_AUTO && bytes / UNIT_BYTES > MAX_SMALL_UNITS);
    uint64_t units = units_in(mem, bytes, long_footer ? BIG_HEADER : SMALL_HEADER);
    bool big = headers == REFERENCE_BIG || (headers == REFERENCE_AUTO && units > MAX_SMALL_UNITS);
    heap->header_bytes = big ? BIG_HEADER : SMALL_HEADER;
    heap->min_units =
        (uint32_t)reference_round_up(heap->header_bytes + 1u, UNIT_BYTES) / UNIT_BYTES +
        heap->format.trailer_bytes / UNIT_BYTES;
    if (units < heap->min_units || units > (big ? MAX_HEAP_UNITS : MAX_SMALL_UNITS)) {
        return false;
    }
    heap->base = (uintptr_t)reference_round_up(mem, UNIT_BYTES);
    heap->end_units = (uint32_t)units;
    heap->bucket_count = reference_bucket_of(heap, heap->end_units) + 1u;
    return true;
}

bool reference_init(struct reference_heap *heap, const struct reference_format *format,
                    uintptr_t mem, size_t bytes)
{
    memset(heap, 0, sizeof *heap);
    heap->format = *format;
    if (!choose_format(heap, mem, bytes)) {
        return false;
    }
    uint32_t header_units = header_chunk_units(heap);
    if (header_units + heap->min_units > heap->end_units) {
        return false;
    }
    uint32_t space = heap->end_units - header_units;
    reference_insert_chunk(heap, 0, (struct reference_chunk){.size = header_units, .used = true});
    reference_insert_chunk(heap, 1, (struct reference_chunk){.start = header_units, .size = space});
    reference_insert_chunk(heap, 2,
                           (struct reference_chunk){.start = heap->end_units, .used = true});
    reference_list(heap, 1);
    return true;
}

void reference_destroy(struct reference_heap *heap)
{
    free(heap->chunks);
    for (size_t i = 0; i < heap->bucket_count; i++) {
        free(heap->buckets[i].starts);
    }
    memset(heap, 0, sizeof *heap);
}
