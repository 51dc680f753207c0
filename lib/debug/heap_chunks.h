/* SPDX-License-Identifier: Apache-2.0 */
/* All chunks of a heap as <quarry/heap_snapshot.h> tells them, one at a time. */
#ifndef QUARRY_DEBUG_HEAP_CHUNKS_H
#define QUARRY_DEBUG_HEAP_CHUNKS_H

#include <stdbool.h>
#include <zephyr/sys/sys_heap.h>
#include <quarry/heap_snapshot.h>

typedef void (*heap_chunk_fn)(const struct quarry_heap_chunk *chunk, void *arg);

/* Shows every chunk to see(chunk, arg), bookkeeping first and end marker last; `heap` must be
 * initialised. False iff the chain of chunks is broken: then the last chunk shown is of the kind
 * QUARRY_HEAP_CHUNK_DAMAGED. O(number of chunks). */
bool heap_chunks_each(const struct sys_heap *heap, heap_chunk_fn see, void *arg);

#endif
