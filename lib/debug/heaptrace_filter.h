/* SPDX-License-Identifier: Apache-2.0 */
/* Which allocations heaptrace records. For lib/debug/heaptrace*.c only. */
#ifndef QUARRY_DEBUG_HEAPTRACE_FILTER_H
#define QUARRY_DEBUG_HEAPTRACE_FILTER_H

#include <stdbool.h>
#include <zephyr/sys/heaptrace.h>

/* The caller holds EVENT_LOCK_TRACE. */
bool heaptrace_filter_passes(const struct heaptrace_record *record);

#endif
