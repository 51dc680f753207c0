/* SPDX-License-Identifier: Apache-2.0 */
/* The reserve of the real-time mode: the first slices, whose memory is there from the start. No
 * lock; any thread, any time. */
#ifndef QUARRY_PROCESS_SLICE_RESERVE_H
#define QUARRY_PROCESS_SLICE_RESERVE_H

#include <stdbool.h>
#include <stddef.h>

struct quarry_malloc_stats;

/* The first slices, of so many bytes, become the reserve, whose memory is there and locked, and is
 * never given back. 0, or why it is not so, as os_lock_pages says: -EPERM: it is there, and not
 * locked; -ENOMEM: it is not all there. Once, before there are other threads. */
int slice_reserve_make(size_t bytes);

/* Slices of the reserve; 0: there is none. */
size_t slice_reserve_slices(void);

/* Whether slices below `end` may be had. It counts if they may and are not all of the reserve. */
bool slice_reserve_allows(size_t end);

/* Counts that the reserve did not suffice, and what was wanted comes from elsewhere, or from
 * nowhere. */
void slice_reserve_count_exhausted(void);

/* Adds the reserve's part to *stats. */
void slice_reserve_add_stats(struct quarry_malloc_stats *stats);

#endif
