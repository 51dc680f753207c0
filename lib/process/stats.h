/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that belong to no arena, and the report at exit. */
#ifndef QUARRY_PROCESS_STATS_H
#define QUARRY_PROCESS_STATS_H

#include <stddef.h>

/* An address that is not ours was given to us, and ignored. */
void stats_count_foreign(void);

#endif
