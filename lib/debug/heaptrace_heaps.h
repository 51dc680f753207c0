/* SPDX-License-Identifier: Apache-2.0 */
/* Where heaps lie, and how their sizes changed. For lib/debug/heaptrace*.c only; the caller of each
 * function holds EVENT_LOCK_TRACE. */
#ifndef QUARRY_DEBUG_HEAPTRACE_HEAPS_H
#define QUARRY_DEBUG_HEAPTRACE_HEAPS_H

#include <stdint.h>
#include <zephyr/sys/heaptrace.h>

/* A heap began, or began again. */
void heaptrace_heaps_begin(uintptr_t heap_id, void *start, void *end);
void heaptrace_heaps_end(uintptr_t heap_id);
/* old_end NULL: as far as is known. */
void heaptrace_heaps_resize(uintptr_t heap_id, void *old_end, void *new_end);
void heaptrace_heaps_forget_resizes(void);

#endif
