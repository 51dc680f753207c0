/* SPDX-License-Identifier: Apache-2.0 */
/* Runs.
 *
 *    descriptors: | run, 5 slices | - | - | - | - |
 *                    |
 *                    v
 *    slices:      | one block                     |
 *
 * A large block as a run of slices costs no system call, and its pages may have been touched
 * already: what one block leaves serves the next, of any size, for free neighbours are one run
 * without anybody's joining them. What is kept of them, and for how long, is the slices' matter
 * (slices.c); but a few of one slice the thread keeps itself (kept_runs.c).
 *
 * Only the first slice's descriptor is written, so that the time does not depend on the size. What
 * the others say is what earlier slabs have left, and refuses all addresses (slab.h, rule 4).
 *
 * realloc takes the slices that follow, if they are free. If not, the block's pages move out into a
 * mapping, which grows from then on as mappings do (large.c): without a copy, however large it is.
 * The slices stay mapped meanwhile, so that nobody can be given their addresses, and lie there
 * without memory.
 *
 * Not for runs: blocks that are larger than RUN_MOST_BYTES, for which the system is to say whether
 * it has so much, or at multiples of more than a slice, unless the real-time mode has nothing else
 * to offer; and none in the hardened library, where a guard is behind each large block (large.c).
 */
#include "process/run.h"

#include <string.h>

#include "core/bits.h"
#include "core/check.h"
#include "process/large.h"
#include "process/large_counts.h"
#include "process/options.h"
#include "process/thread_cache.h"

#define RUN_MOST_BYTES ((size_t)256 << 20)

/* Fewer are sooner copied: into pages that are there already, and stay for the next block. */
#define MOVE_LEAST_BYTES ((size_t)8 << 20)

static size_t bytes_of(size_t slices)
{
    return slices << SLICE_SHIFT;
}

/* Takes more than is needed where slices are not aligned enough, and gives the ends back. */
static size_t take_aligned(size_t align, size_t count, bool zeroed)
{
    size_t more = align > SLICE_BYTES ? (align >> SLICE_SHIFT) - 1 : 0;
    size_t slice = zeroed ? slices_take_zeroed(count + more) : slices_take(count + more);

    if (slice == SLICE_NONE || more == 0) {
        return slice;
    }
    uintptr_t start = (uintptr_t)slice_start(slice);
    size_t before = (round_up(start, align) - start) >> SLICE_SHIFT;
    if (before != 0) {
        slices_give(slice, before);
    }
    if (before != more) {
        slices_give(slice + before + count, more - before);
    }
    return slice + before;
}

/* A slice that the calling thread has kept. */
static size_t take_kept(bool zeroed)
{
    struct thread_cache *cache = thread_cache;
    size_t slice = cache != &no_cache ? kept_runs_take(&cache->runs) : SLICE_NONE;

    if (zeroed && slice != SLICE_NONE) {
        memset(slice_start(slice), 0, SLICE_BYTES);
    }
    return slice;
}

static bool keep(size_t slice)
{
    struct thread_cache *cache = thread_cache;

    return cache != &no_cache && kept_runs_add(&cache->runs, slice);
}

void *run_alloc(size_t align, size_t bytes, bool zeroed)
{
    size_t count = run_slices_for(bytes);
    bool can_be_run = bytes <= RUN_MOST_BYTES && (align <= SLICE_BYTES || options_rt());
    size_t slice = SLICE_NONE;

    if (HARDENED || !can_be_run) {
        return NULL;
    }
    if (count == 1 && align <= SLICE_BYTES) {
        slice = take_kept(zeroed);
    }
    if (slice == SLICE_NONE) {
        slice = take_aligned(align, count, zeroed);
    }
    if (slice == SLICE_NONE) {
        return NULL;
    }
    slab_make_run(slice, (uint32_t)count);
    thread_cache_count_slices(count);
    large_counts_made(bytes_of(count));
    return slice_start(slice);
}

void run_free(struct slab *run, void *block)
{
    run_usable_bytes(run, block); /* dies on what is not the run's start */
    size_t count = slab_drop_run(run);

    large_counts_freed(bytes_of(count));
    if (count != 1 || !keep(slab_slice(run))) {
        slices_give(slab_slice(run), count);
    }
}

bool run_resize(struct slab *run, void *block, size_t bytes)
{
    size_t count = run_slices_for(bytes);
    size_t before = run_usable_bytes(run, block) >> SLICE_SHIFT;
    size_t slice = slab_slice(run);

    if (count > before &&
        (bytes > RUN_MOST_BYTES || !slices_take_at(slice + before, count - before))) {
        return false;
    }
    run->slices = (uint32_t)count;
    if (count < before) {
        slices_give(slice + count, before - count);
    }
    large_counts_resized(bytes_of(before), bytes_of(count));
    return true;
}

void *run_move_out(struct slab *run, void *block, size_t bytes)
{
    size_t before_bytes = bytes_of(run->slices);
    void *moved =
        before_bytes >= MOVE_LEAST_BYTES ? large_move_in(block, before_bytes, bytes) : NULL;

    if (moved != NULL) {
        slices_give_untouched(slab_slice(run), slab_drop_run(run));
    }
    return moved;
}
