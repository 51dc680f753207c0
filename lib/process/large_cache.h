/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings of large blocks that were freed a moment ago, for the next large blocks: a mapping costs
 * a system call, and a page fault for each of its pages. No lock; any thread, any handler. */
#ifndef QUARRY_PROCESS_LARGE_CACHE_H
#define QUARRY_PROCESS_LARGE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keeps a mapping, and its contents. `live_bytes` are in use besides: as long as there are many,
 * more is kept. False if it is not worth it: then the caller has it still. */
bool large_cache_keep(void *start, size_t bytes, size_t live_bytes);

/* A mapping of `bytes` or up to an eighth more, *mapped_bytes says how many, with undefined
 * contents; NULL if there is none. */
void *large_cache_take(size_t bytes, size_t *mapped_bytes);

/* Gives a mapping to the system that is not kept. */
void large_cache_unmap(void *start, size_t bytes);

/* Unmaps what has been kept for the purge delay. To be called now and then. */
void large_cache_purge_if_due(void);

/* Unmaps all; returns how many bytes. */
size_t large_cache_empty(void);

/* Bytes that are kept. */
size_t large_cache_bytes(void);

#endif
