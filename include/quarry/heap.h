/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What Quarry's chunk heaps offer beyond Zephyr's API: a second bucket policy, and an end.
 *
 * The rules of <zephyr/sys/sys_heap.h> on blocking, threads, signals, ownership and misuse hold for
 * every function of this file.
 */
#ifndef QUARRY_HEAP_H_
#define QUARRY_HEAP_H_

#include <stdbool.h>
#include <stddef.h>
#include <zephyr/sys/sys_heap.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** How a heap sorts its free chunks, which decides what fits and what a search costs. */
enum quarry_heap_buckets {
    /** Zephyr's rule, and its addresses: one bucket per power of two, first in first out, three
     *  tries in the fitting bucket. */
    QUARRY_HEAP_ZEPHYR_BUCKETS,
    /** 32 buckets per power of two, last in first out, one try in the fitting bucket. Fits more
     *  into the same buffer, in less time; its bookkeeping takes 112 bytes and 128 bytes for each
     *  power of two of the heap's size. */
    QUARRY_HEAP_FINE_BUCKETS,
};

/**
 * Does what sys_heap_init does, with a choice of buckets. All other calls are those of sys_heap.
 *
 * @param heap    the handle to fill; not NULL
 * @param mem     the buffer
 * @param bytes   its size in bytes; QUARRY_HEAP_FINE_SIZE_FOR says what suffices for fine buckets
 * @param buckets the rule that the heap follows for good
 *
 * Fails as sys_heap_init does: heap->heap is NULL then.
 * Cost: O(1) with Zephyr's buckets, else O(log bytes): the heads of the free lists are written.
 * Differs from Zephyr: not there.
 */
void quarry_heap_init(struct sys_heap *heap, void *mem, size_t bytes,
                      enum quarry_heap_buckets buckets);

/** @cond internal */
/* No fewer units than a heap has that holds its bookkeeping and a block of n bytes. */
#define QUARRY_HEAP_FINE_UNITS_(n)                                                                 \
    (Z_HEAP_CHUNK_(Z_HEAP_BIG_HEADER_BYTES_, n) / Z_HEAP_UNIT_BYTES_ * 2u + 256u)
/* No fewer words than its masks and list heads take. */
#define QUARRY_HEAP_FINE_WORDS_(n) (28u + 32u * (Z_HEAP_LOG2_(QUARRY_HEAP_FINE_UNITS_(n)) - 3u))
/** @endcond */

/**
 * A size in bytes from which an 8-aligned buffer suffices for a fresh heap with fine buckets to
 * serve one block of @p n bytes.
 *
 * A constant expression; @p n at least 1 and at most a few gigabytes (no overflow check). A few
 * hundred bytes more than the smallest such size.
 */
#define QUARRY_HEAP_FINE_SIZE_FOR(n)                                                               \
    (Z_HEAP_CHUNK0_(QUARRY_HEAP_FINE_WORDS_(n)) + Z_HEAP_CHUNK_(Z_HEAP_BIG_HEADER_BYTES_, n) +     \
     Z_HEAP_BIG_HEADER_BYTES_)

/**
 * Ends a heap: its buffer is ordinary memory again.
 *
 * Zephyr has no such call and needs none, and without a memory checker nothing but the handle
 * changes. But under AddressSanitizer or Valgrind a heap's buffer is off limits save for its live
 * blocks, until the heap ends, and the checker cannot know when its owner considers it ended. So
 * call this before the buffer is used otherwise, and before a buffer on the stack goes out of scope
 * or a mapped one is unmapped; a buffer of malloc may be freed as it is. A heap that begins where
 * another one was ends that one, unless it lies in a live block of it.
 *
 * @param heap the handle, not NULL; heap->heap is NULL afterwards, and nothing happens if it was
 *             before. The blocks are gone with the heap; the buffer's contents are undefined
 *
 * Cost: O(1). Differs from Zephyr: not there.
 */
void quarry_heap_end(struct sys_heap *heap);

/**
 * Begins to count who has how much of a heap: for sys_heap_stats_log and sys_heap_get_caller.
 *
 * Blocks that are there already are counted as those of unknown threads. From then on the handle is
 * tracked, also when it is initialised anew, which begins at zero, until quarry_heap_end. A heap
 * that is tracked already begins anew. Built with -Dheap_stats_logging=true, the library does this
 * for every heap that begins, as long as there are tables; then it says so on standard error.
 *
 * @param heap the handle, initialised or not
 * @return 0; -EINVAL iff @p heap is NULL; -ENOMEM iff as many heaps are tracked as the library was
 *         built for (-Dheap_stats_tracked_heaps, 2 unless said otherwise), or there is no memory
 *
 * Cost:    O(number of chunks). Then each call on the heap that changes a block takes two system
 *          calls and a lock of the process; calls on other heaps a few loads.
 * Blocks:  for that lock.
 * Threads: serialised with other calls on the heap; different heaps are independent.
 * Signals: not from a handler. Calls on a tracked heap may come from handlers as on any heap.
 * Fork:    the child goes on with the same counts; what another thread was just allocating is
 *          counted or not.
 * Owner:   the tables lie outside of the heap, in memory that is kept for good.
 * Misuse:  a handle that no longer exists keeps its table.
 * Differs from Zephyr: not there; tracking is a matter of configuration.
 */
int quarry_heap_track(struct sys_heap *heap);

/**
 * Counts what the calling thread allocates from tracked heaps as an interrupt's from now on, or as
 * its own again.
 *
 * Nothing does this by itself: a signal handler that is to be told from the thread that it
 * interrupts calls it at its beginning and its end.
 *
 * @param inside true: an interrupt's
 * @return what it was before, to be put back
 *
 * Cost: O(1). Threads: for the calling one only. Signals: from any handler.
 */
bool quarry_heap_track_interrupt(bool inside);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
