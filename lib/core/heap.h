/* SPDX-License-Identifier: Apache-2.0 */
/* What a chunk heap can do beyond Zephyr's API, for the rest of the library: resize a block in
 * place only, grow and shrink at its end, and be made anew after a process died in a call on it. A
 * growable heap is a sys_heap in every other respect.
 *
 * None of these locks or blocks; all but heap_rebuild are O(1). */
#ifndef QUARRY_CORE_HEAP_H
#define QUARRY_CORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <quarry/heap.h>
#include <zephyr/sys/sys_heap.h>

/* quarry_heap_init for a buffer of `bytes` bytes now, which may be extended up to `max_bytes`
 * later: the heap gets the buckets that the larger size needs. Fails (heap->heap NULL) as
 * sys_heap_init does, if max_bytes < bytes, and if the two sizes would have headers of different
 * formats (32-bit machines only). */
void heap_init_growable(struct sys_heap *heap, void *mem, size_t bytes, size_t max_bytes,
                        enum quarry_heap_buckets buckets);

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

struct heap_ledger;

/* Makes a heap anew around its blocks in use, whatever its own words are: every chunk that the
 * ledger has keeps address, size and the user's bytes, all else is free, and sys_heap_validate is
 * true. For a heap in shared memory after a process was killed in a call on it. heap->heap points
 * to its start, a multiple of 8, where quarry_heap_init made it of a buffer that began there and
 * had `bytes` bytes, with these buckets; it has not been extended or shrunk. ledger: see
 * core/heap_ledger.h; it need not be tidy.
 *
 * The canaries are new: damage to one is forgotten. The order of the free lists is new. The marks
 * of heap_reset_marks stay if they are possible. No watcher is told of anything but that a call is
 * entered and left.
 *
 * False iff no heap of this size and with these chunks can be: heap->heap is NULL, the ledger is
 * for another size, or it has a chunk that is too small, overlaps another one, or does not lie
 * between chunk 0 and the end marker. Then nothing has changed. Interrupted by death, it may be
 * called again; then a mark may be lost, that is, begin anew (the high one) or be 0 (the low one).
 *
 * O(bytes / 512 + chunks). */
bool heap_rebuild(struct sys_heap *heap, const struct heap_ledger *ledger, size_t bytes,
                  enum quarry_heap_buckets buckets);

/* Address of the first block that a fresh heap hands out. */
void *heap_first_block(const struct sys_heap *heap);

/* Makes a live block `bytes` bytes large (not 0) without moving it. False iff it cannot stay, and
 * then nothing has changed. */
bool heap_resize_in_place(struct sys_heap *heap, void *mem, size_t bytes);

/* Copies what a live block holds, `usable_bytes` bytes, or the first `bytes` of them, to a block
 * that will take its place, of this heap or another: to be followed by sys_heap_free. Reads no word
 * of the heap. */
void heap_copy_block(struct sys_heap *heap, void *mem, size_t usable_bytes, void *to, size_t bytes);

/* Whether an address, any at all, lies between the first byte that the heap could give to a user
 * and its end marker. False also if there is no heap. */
bool heap_contains(const struct sys_heap *heap, const void *address);

/* sys_heap_aligned_realloc of a block (not NULL) to a size (not 0), with an alignment that may have
 * a rewind bit: the block stays if it lies as sys_heap_aligned_alloc could have put it. */
void *heap_realloc(struct sys_heap *heap, void *mem, size_t align, size_t bytes);
/* A hook, NULL where nothing has it: makes a heap that has no memory yet and is to get it when it
 * is first used. Waits for that heap's lock. */
void heap_make_ready(struct sys_heap *heap) __attribute__((weak));

/* heap->heap must not be NULL for what follows. */

/* The counters of sys_heap_runtime_stats_get. False if the build does not keep them. */
bool heap_counters(const struct sys_heap *heap, struct sys_memory_stats *stats);
/* Starts the high-water mark and the low-water mark anew. False if the build does not keep them. */
bool heap_reset_marks(struct sys_heap *heap);

/* First-level buckets (powers of two) that the heap has, and the one for a chunk of `units`. */
unsigned int heap_bucket_count(const struct sys_heap *heap);
unsigned int heap_bucket_of(const struct sys_heap *heap, uint32_t units);
/* Units of the smallest chunk that belongs there. */
uint32_t heap_bucket_min_units(const struct sys_heap *heap, unsigned int bucket);

/* Whether such a block can be had of the heap if nothing else is in it. `align` is 0 or a power of
 * two. */
bool heap_can_ever_hold(const struct sys_heap *heap, size_t align, size_t bytes);

/* Bytes of the largest block that sys_heap_alloc would grant now; 0 if none. */
size_t heap_largest_allocatable_bytes(const struct sys_heap *heap);

/* Bytes of a block that sys_heap_alloc would have granted at any moment since the heap was made or
 * since sys_heap_runtime_stats_reset_max; 0 if none, or if the build has no runtime statistics. It
 * is known to a power of two only: that much could be had, perhaps up to twice as much. */
size_t heap_always_allocatable_bytes(const struct sys_heap *heap);

#endif
