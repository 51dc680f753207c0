/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of large blocks, whichever kind they are (run.c, large.c). Any thread, any time.
 *
 * Each thread counts for itself: threads that count in the same place wait for each other's cache
 * line, which is most of what two of them lose that make and free runs. */
#ifndef QUARRY_PROCESS_LARGE_COUNTS_H
#define QUARRY_PROCESS_LARGE_COUNTS_H

#include <stddef.h>
#include <stdint.h>

struct quarry_malloc_stats;

/* What was counted in one place. A block may be made in one and freed in another: only sums over
 * all places mean something; a place's own may have wrapped around. */
struct large_counts {
    uint64_t made;
    uint64_t freed;
    uint64_t resized;
    uint64_t live; /* not the difference of made and freed, which are read apart */
    uint64_t live_bytes;
};

void large_counts_made(size_t bytes);
void large_counts_freed(size_t bytes);
/* A block has another size now, and its address or another. */
void large_counts_resized(size_t old_bytes, size_t new_bytes);

/* Adds them to *stats, but for what is committed, which differs between the kinds. */
void large_counts_add_stats(struct quarry_malloc_stats *stats);

#endif
