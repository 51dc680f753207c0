/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation, release and resizing of chunks, without regard to who asks and who watches. */
#ifndef QUARRY_CORE_PLACEMENT_H
#define QUARRY_CORE_PLACEMENT_H

#include <stdbool.h>

#include "core/chunk.h"

/* A block of `bytes` bytes (not 0), or NULL. */
void *placement_alloc(struct z_heap *h, size_t bytes);

/* The same at an alignment, which is that of sys_heap_aligned_alloc with its rewind bit. */
void *placement_alloc_aligned(struct z_heap *h, size_t align, size_t bytes);

/* Frees c, in use and verified. */
void placement_free(struct z_heap *h, chunk_id c);

/* Gives c, in use and verified, `units` units without moving it; false iff that cannot be done. */
bool placement_resize(struct z_heap *h, chunk_id c, uint32_t units);

/* Units of a free chunk that is large enough for such a block wherever it lies. `align` is 0 or a
 * power of two. */
uint32_t placement_units_for(const struct z_heap *h, size_t align, size_t bytes);

#endif
