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

#endif
