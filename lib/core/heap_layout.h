/* SPDX-License-Identifier: Apache-2.0 */
/* What is the same in every heap made of one buffer, whatever its blocks: chunk 0 and the end
 * marker. For those who write them: sys_heap_grow.c, which defines all of this, and heap_rebuild.c.
 */
#ifndef QUARRY_CORE_HEAP_LAYOUT_H
#define QUARRY_CORE_HEAP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/chunk.h"

/* What decides how chunk 0 looks. */
struct heap_layout {
    uint32_t units;     /* of the heap now: where its end marker is */
    uint32_t max_units; /* that it may grow to */
    bool big;           /* format of its headers */
    bool fine;          /* its buckets */
};

/* The layout of a heap in a buffer of `bytes` bytes at mem that may be extended to `max_bytes`.
 * False iff there is none: see heap_init_growable. */
bool layout_find(uintptr_t mem, size_t bytes, size_t max_bytes, bool fine,
                 struct heap_layout *layout);

uint32_t layout_chunk0_units(const struct heap_layout *layout);

/* Writes chunk 0 of a heap with no other chunks: lists and counters are empty, the canaries' base
 * is drawn. Reads nothing. */
void layout_write_chunk0(struct z_heap *h, const struct heap_layout *layout);

/* Writes the end marker, behind a chunk of `left_units`. */
void layout_write_end(struct z_heap *h, chunk_id end, uint32_t left_units);

#endif
