/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of large blocks, whichever kind they are (run.c, large.c). Any thread, any time. */
#ifndef QUARRY_PROCESS_LARGE_COUNTS_H
#define QUARRY_PROCESS_LARGE_COUNTS_H

#include <stddef.h>

struct quarry_malloc_stats;

void large_counts_made(size_t bytes);
void large_counts_freed(size_t bytes);
/* A block has another size now, and its address or another. */
void large_counts_resized(size_t old_bytes, size_t new_bytes);

/* Large blocks in use. */
size_t large_counts_live(void);

/* Adds them to *stats, but for what is committed, which differs between the kinds. */
void large_counts_add_stats(struct quarry_malloc_stats *stats);

#endif
