/* SPDX-License-Identifier: Apache-2.0 */
/* Large blocks: each is a mapping of its own. No lock; any thread, any time. */
#ifndef QUARRY_PROCESS_LARGE_H
#define QUARRY_PROCESS_LARGE_H

#include <stddef.h>

#include "os/os.h"
#include "process/hardened.h"

struct quarry_malloc_stats;

/* A block of at least `bytes` bytes (at most PTRDIFF_MAX) at a multiple of `align`, a power of two,
 * and all zeros. NULL if there is no memory. */
void *large_alloc(size_t align, size_t bytes);

/* What a caller may use of a mapping. In the hardened library its last page is a guard. */
static inline size_t large_usable_bytes(size_t mapped_bytes)
{
    return HARDENED ? mapped_bytes - os_page_bytes() : mapped_bytes;
}

/* `mapped_bytes` is what address_map_find says of the block, here and below. */
void large_free(void *block, size_t mapped_bytes);

/* The block with another size, at the same address if possible; pages are moved, not copied. A
 * moved block is aligned to pages. NULL if there is no memory: then the block is as before. */
void *large_resize(void *block, size_t mapped_bytes, size_t bytes);

/* Makes a block of other memory, whose pages move into it; what was there reads as zeros then. NULL
 * if the system refuses: then all is as before. Counts as a resize. */
void *large_move_in(void *start, size_t old_bytes, size_t bytes);

/* Adds large blocks' part to *stats. */
void large_add_stats(struct quarry_malloc_stats *stats);

#endif
