/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of large blocks. All are relaxed: numbers for statistics, each for itself. Sums may wrap
 * around on their way to the right one. */
#include "process/large_counts.h"

#include <quarry/malloc.h>
#include <stdatomic.h>
#include <stdint.h>

static _Atomic(uint64_t) allocations;
static _Atomic(uint64_t) frees;
static _Atomic(uint64_t) resizes;
static _Atomic(size_t) live_blocks; /* not the difference of the two above, which are read apart */
static _Atomic(size_t) live_bytes;

static void count(_Atomic(uint64_t) *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void add_live(size_t blocks, size_t bytes)
{
    atomic_fetch_add_explicit(&live_blocks, blocks, memory_order_relaxed);
    atomic_fetch_add_explicit(&live_bytes, bytes, memory_order_relaxed);
}

void large_counts_made(size_t bytes)
{
    count(&allocations);
    add_live(1, bytes);
}

void large_counts_freed(size_t bytes)
{
    count(&frees);
    add_live((size_t)0 - 1, 0 - bytes);
}

void large_counts_resized(size_t old_bytes, size_t new_bytes)
{
    count(&resizes);
    add_live(0, new_bytes - old_bytes);
}

size_t large_counts_live(void)
{
    return atomic_load_explicit(&live_blocks, memory_order_relaxed);
}

void large_counts_add_stats(struct quarry_malloc_stats *stats)
{
    uint64_t made = atomic_load_explicit(&allocations, memory_order_relaxed);
    size_t bytes = atomic_load_explicit(&live_bytes, memory_order_relaxed);

    stats->allocations += made;
    stats->large += made;
    stats->frees += atomic_load_explicit(&frees, memory_order_relaxed);
    stats->resizes += atomic_load_explicit(&resizes, memory_order_relaxed);
    stats->live_bytes += bytes;
    stats->large_blocks += large_counts_live();
    stats->large_bytes += bytes;
}
