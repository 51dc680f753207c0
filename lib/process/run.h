/* SPDX-License-Identifier: Apache-2.0 */
/* Runs: large blocks that are neighbouring slices. No lock; any thread, any time. */
#ifndef QUARRY_PROCESS_RUN_H
#define QUARRY_PROCESS_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/check.h"
#include "process/hardened.h"
#include "process/slab.h"

/* Whether large blocks are runs, as long as there are slices. */
static inline bool runs_are_usual(void)
{
    return !HARDENED && slice_range_exists();
}

/* Slices that so many bytes need; right for any number up to PTRDIFF_MAX. */
static inline size_t run_slices_for(size_t bytes)
{
    return bytes == 0 ? 1 : (bytes + SLICE_BYTES - 1) >> SLICE_SHIFT;
}

/* A block of at least `bytes` bytes at a multiple of `align`, a power of two; zeroed if that is
 * asked for, else with undefined contents. NULL if no run can be that, or there is no memory. */
void *run_alloc(size_t align, size_t bytes, bool zeroed);

/* `run` is the descriptor that slab_of_block gives for the block, here and below. Does not return
 * if the address is not the block's first. */
void run_free(struct slab *run, void *block);

/* Gives the block another size where it is. False if what follows is not free, or there is no
 * memory; never for a smaller size. */
bool run_resize(struct slab *run, void *block, size_t bytes);

/* Gives the block a larger size elsewhere, as a block that is a mapping, without copying. NULL if
 * the system refuses, or it is not worth it: then the block is as before. */
void *run_move_out(struct slab *run, void *block, size_t bytes);

static inline size_t run_usable_bytes(const struct slab *run, const void *block)
{
    REQUIRE(block == slab_start(run), "address is not the start of its large block", run, block);
    return (size_t)run->slices << SLICE_SHIFT;
}

#endif
