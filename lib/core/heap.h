/* SPDX-License-Identifier: Apache-2.0 */
/* What a chunk heap can do beyond Zephyr's API, for the rest of the library: resize a block in
 * place only, and grow and shrink at its end. A growable heap is a sys_heap in every other respect.
 *
 * None of these locks or blocks; all are O(1). */
#ifndef QUARRY_CORE_HEAP_H
#define QUARRY_CORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <zephyr/sys/sys_heap.h>

/* sys_heap_init for a buffer of `bytes` bytes now, which may be extended up to `max_bytes` later:
 * the heap gets the buckets that the larger size needs. Fails (heap->heap NULL) as sys_heap_init
 * does, and if max_bytes < bytes. */
void heap_init_growable(struct sys_heap *heap, void *mem, size_t bytes, size_t max_bytes);

/* Adds the `extra_bytes` bytes behind the heap's buffer to it. They must be accessible, their
 * number a multiple of 8, and the sum no more than the max_bytes of heap_init_growable. */
void heap_extend(struct sys_heap *heap, size_t extra_bytes);

/* Bytes that heap_shrink could take off: what is free at the heap's end, less one smallest chunk.
 */
size_t heap_shrinkable_bytes(const struct sys_heap *heap);

/* Takes the last `less_bytes` bytes off the heap: a multiple of 8, at most
 * heap_shrinkable_bytes. The heap does not touch them any more. */
void heap_shrink(struct sys_heap *heap, size_t less_bytes);

/* Ends a heap whose memory is about to be used otherwise; heap->heap is NULL then. */
void heap_abandon(struct sys_heap *heap);

/* Address of the first block that a fresh heap hands out. */
void *heap_first_block(const struct sys_heap *heap);

/* Makes a live block `bytes` bytes large (not 0) without moving it. False iff it cannot stay, and
 * then nothing has changed. */
bool heap_resize_in_place(struct sys_heap *heap, void *mem, size_t bytes);

#endif
