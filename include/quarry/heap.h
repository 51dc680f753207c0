/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What Quarry's chunk heaps offer beyond Zephyr's API: a second bucket policy.
 *
 * The rules of <zephyr/sys/sys_heap.h> on blocking, threads, signals, ownership and misuse hold for
 * every function of this file.
 */
#ifndef QUARRY_HEAP_H_
#define QUARRY_HEAP_H_

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
 * @param bytes   its size in bytes; for fine buckets no less than QUARRY_HEAP_FINE_MIN_SIZE
 * @param buckets the rule that the heap follows for good
 *
 * Fails as sys_heap_init does: heap->heap is NULL then.
 * Cost: O(1) with Zephyr's buckets, else O(log bytes): the heads of the free lists are written.
 */
void quarry_heap_init(struct sys_heap *heap, void *mem, size_t bytes,
                      enum quarry_heap_buckets buckets);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
