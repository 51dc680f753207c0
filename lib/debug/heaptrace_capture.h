/* SPDX-License-Identifier: Apache-2.0 */
/* What heaptrace sees of an allocation. For lib/debug/heaptrace*.c only. */
#ifndef QUARRY_DEBUG_HEAPTRACE_CAPTURE_H
#define QUARRY_DEBUG_HEAPTRACE_CAPTURE_H

#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/heaptrace.h>

/* The monotonic clock. */
int64_t heaptrace_now_ms(void);

/* Fills a record with the arguments, and with what is true of the calling thread now. No lock need
 * be held, and none is taken. */
void heaptrace_capture(struct heaptrace_record *record, void *ptr, size_t size, uintptr_t heap_id,
                       const void *caller);

#endif
