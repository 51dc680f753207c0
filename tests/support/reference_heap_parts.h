/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the reference model share: reference_heap_init.c (format, arithmetic of
 * buckets, a fresh heap) and reference_heap.c (free lists and the calls). */
#ifndef QUARRY_TESTS_REFERENCE_HEAP_PARTS_H
#define QUARRY_TESTS_REFERENCE_HEAP_PARTS_H

#include "reference_heap.h"

#define UNIT_BYTES 8u

static inline uint64_t reference_round_up(uint64_t value, uint64_t multiple)
{
    return (value + multiple - 1u) / multiple * multiple;
}

static inline bool reference_is_fine(const struct reference_heap *heap)
{
    return heap->format.buckets == QUARRY_HEAP_FINE_BUCKETS;
}

/* Inserts a chunk into the array in front of number index. */
void reference_insert_chunk(struct reference_heap *heap, size_t index,
                            struct reference_chunk chunk);

/* Puts free chunk number index on its list, if it is large enough for one. */
void reference_list(struct reference_heap *heap, size_t index);

#endif
