/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that belong to no part in particular. */
#ifndef QUARRY_PROCESS_STATS_H
#define QUARRY_PROCESS_STATS_H

/* An address that is not ours was given to us, and ignored. */
void stats_count_foreign(void);

/* There was no memory for a block. */
void stats_count_refused(void);

#endif
