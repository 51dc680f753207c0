/* SPDX-License-Identifier: Apache-2.0 */
/* A read-only walk over every chunk of a heap, in address order. */
#ifndef QUARRY_CORE_SYS_HEAP_WALK_H
#define QUARRY_CORE_SYS_HEAP_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/sys_heap.h>

/* One chunk as the walk sees it. The header chunk and the end marker are not shown. */
struct heap_chunk_view {
    void *mem;             /* address of the block that the chunk holds or could hold */
    size_t mem_bytes;      /* bytes from there to the chunk's end */
    uint32_t offset_units; /* start of the chunk, in 8-byte units from the start of the heap */
    uint32_t size_units;   /* size including the chunk's own header */
    bool used;             /* false: free */
    bool listed;           /* free and large enough to be on a free list */
};

/* Returns false to stop the walk. */
typedef bool (*heap_visit_fn)(const struct heap_chunk_view *chunk, void *arg);

/* Shows every chunk to visit(chunk, arg). Returns false iff the heap has no consistent chain of
 * chunks from its start to its end (the walk stops at the first bad link) or was not initialised;
 * true also if visit stopped it. O(number of chunks); the heap must not change meanwhile. */
bool heap_walk(const struct sys_heap *heap, heap_visit_fn visit, void *arg);

/* Whether invariants 1 to 6 hold, and every canary is right; not whether the counters are. Reads
 * only, outside of any note bracket. O(number of chunks). */
bool heap_is_sound(const struct z_heap *h);

#endif
