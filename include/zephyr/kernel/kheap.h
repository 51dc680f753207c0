/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * k_heap: a sys_heap with a lock, in which threads can wait for memory.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    that of the call of sys_heap of the same name, O(1), and a lock. A call that frees
 *          memory tries to serve each of the w threads that wait: O(w), under the lock.
 * Blocks:  for the lock, which is held for one such call; and, with a timeout, for memory: until
 *          there is some, or the timeout has gone by. Then it is a cancellation point (but for the
 *          reallocations): a thread that is cancelled leaves no trace. Threads are served in the
 *          order of their priorities (k_thread_priority_set), and of arrival among equals; one
 *          whose request cannot be met yet is passed over, and keeps its place.
 * Threads: any at the same time.
 * Signals: k_heap_free may be called from a handler, whatever it interrupted; so may the others
 *          with K_NO_WAIT, which return NULL if the handler interrupted a call on this heap, or one
 *          on another object while this heap's lock is taken.
 * Fork:    a child has a copy of the heap, and nobody waits in it. If another thread was inside of
 *          a call when the process forked, the child's first call looks whether the heap is whole,
 *          and if not, reports that and aborts.
 * Owner:   the caller owns heap and buffer, and must keep them in place and untouched. Blocks may
 *          be freed by any thread.
 * Misuse:  as with sys_heap: reported in one line, and the program aborts.
 * Source:  Zephyr's <zephyr/kernel.h>, v4.4 and later.
 *
 * Differs from Zephyr: there, who frees wakes all threads that wait, each tries again, and those
 * without luck queue up anew behind others. Here memory is given to the right one under the lock:
 * nobody wakes for nothing, or loses its place. A request that cannot be met even by an empty heap
 * returns NULL at once with K_FOREVER, where Zephyr never returns; so does one for 0 bytes with any
 * timeout. Memory that a reallocation sets free is given to those who wait, too.
 */
#ifndef ZEPHYR_INCLUDE_KERNEL_KHEAP_H_
#define ZEPHYR_INCLUDE_KERNEL_KHEAP_H_

#include <stddef.h>
#include <zephyr/sys/sys_heap.h>
#include <zephyr/sys/util.h>
#include <zephyr/sys_clock.h>
#include <zephyr/wait_q.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct shared_heap;

/** A heap that threads can wait for. Its statistics are those of `heap`: take them by
 *  sys_heap_runtime_stats_get, of which one or another word may be of an earlier moment. */
struct k_heap {
    struct sys_heap heap; /**< first, so that a k_heap's address is its sys_heap's */
    _wait_q_t wait_q;
    struct shared_heap *shared; /**< NULL, or what processes share (<quarry/shared.h>) */
};

/** @cond internal */
void k_heap_ready(struct k_heap *h);

/* Objects of a program or shared library lie side by side, in a section of their own. */
#define Z_HEAP_SECTION_ section("quarry_k_heap"), used, aligned(__alignof__(struct k_heap))
extern struct k_heap __start_quarry_k_heap[] __attribute__((weak, visibility("hidden")));
extern struct k_heap __stop_quarry_k_heap[] __attribute__((weak, visibility("hidden")));

#define Z_HEAP_BYTES_(bytes) ((bytes) > Z_HEAP_MIN_SIZE ? (bytes) : Z_HEAP_MIN_SIZE)
/** @endcond */

/** As K_HEAP_DEFINE; @p in_section is an attribute of the buffer, such as __nocache. */
#define Z_HEAP_DEFINE_IN_SECT(name, bytes, in_section)                                             \
    static in_section char __attribute__((aligned(8))) kheap_##name[Z_HEAP_BYTES_(bytes)];         \
    struct k_heap name __attribute__((Z_HEAP_SECTION_)) = {                                        \
        {NULL, kheap_##name, sizeof(kheap_##name)}, Z_WAIT_Q_INIT, NULL};                          \
    __attribute__((constructor(101), used)) static void z_k_heap_ready_##name(void)                \
    {                                                                                              \
        k_heap_ready(&name);                                                                       \
    }                                                                                              \
    struct k_heap

/**
 * Defines a heap and its buffer, ready for use before any code of the program runs.
 *
 * @param name  of the heap; `extern struct k_heap name;` makes it known elsewhere
 * @param bytes of the buffer, in which the heap's bookkeeping lies, too (Z_HEAP_MIN_SIZE_FOR tells
 *              what a block takes); raised to what a block of one byte takes
 */
#define K_HEAP_DEFINE(name, bytes) Z_HEAP_DEFINE_IN_SECT(name, bytes, )

/** As K_HEAP_DEFINE: here all memory is cached. */
#define K_HEAP_DEFINE_NOCACHE(name, bytes) Z_HEAP_DEFINE_IN_SECT(name, bytes, __nocache)

/**
 * Makes a heap out of a buffer.
 *
 * @param h     the heap; what it was before is lost
 * @param mem   the buffer
 * @param bytes its size. If it is too small, h->heap.heap is NULL, and all allocations return NULL
 *
 * Blocks: never. Threads: nobody may use the heap meanwhile.
 * Differs from Zephyr: there, a buffer that is too small is an assertion.
 */
void k_heap_init(struct k_heap *h, void *mem, size_t bytes);

/**
 * Returns a block of at least @p bytes bytes, with undefined contents.
 *
 * @param h       the heap
 * @param bytes   wanted size in bytes, 0 to SIZE_MAX
 * @param timeout how long to wait for memory; counts from the call
 * @return the block, aligned as by sys_heap_alloc; NULL iff @p bytes is 0, or there is no room for
 *         it, also after the timeout
 */
void *k_heap_alloc(struct k_heap *h, size_t bytes, k_timeout_t timeout);

/**
 * Does what k_heap_alloc does and returns an address that is a multiple of @p align.
 *
 * @param align 0 or a power of two. Misuse: any other value
 */
void *k_heap_aligned_alloc(struct k_heap *h, size_t align, size_t bytes, k_timeout_t timeout);

/**
 * Returns a block for @p num objects of @p size bytes, all bytes 0.
 *
 * @return as k_heap_alloc for the product; NULL at once if that is more than a size_t holds
 */
void *k_heap_calloc(struct k_heap *h, size_t num, size_t size, k_timeout_t timeout);

/**
 * Changes the size of a block, in place if that is possible, else by moving it.
 *
 * @param h       the heap that it came from
 * @param ptr     the block; NULL makes this k_heap_alloc
 * @param bytes   new size in bytes; 0 frees the block and returns NULL at once
 * @param timeout how long to wait for memory; counts from the call
 * @return as sys_heap_realloc; NULL iff @p bytes is 0 or there is no room for it, also after the
 *         timeout: then the block is as it was
 *
 * Differs from Zephyr: no cancellation point while it waits for another size of a block, since
 * nobody could tell afterwards where it is. With K_FOREVER it may wait for ever where the block
 * itself stands in the way of its larger size. Upstream frees twice if @p bytes is 0.
 */
void *k_heap_realloc(struct k_heap *h, void *ptr, size_t bytes, k_timeout_t timeout);

/**
 * Does what k_heap_realloc does and returns an address that is a multiple of @p align.
 *
 * @param align 0 or a power of two. Misuse: any other value
 *
 * Differs from Zephyr: not there.
 */
void *k_heap_aligned_realloc(struct k_heap *h, void *ptr, size_t align, size_t bytes,
                             k_timeout_t timeout);

/**
 * Gives a block back, and its memory to threads that wait.
 *
 * @param h   the heap that it came from
 * @param mem the block, or NULL, which has no effect
 */
void k_heap_free(struct k_heap *h, void *mem);

/**
 * Gives the heaps that were defined by K_HEAP_DEFINE in the program, or in the shared library, that
 * calls this.
 *
 * @param heap where the address of the first one goes; the others follow it in an array
 * @return their number
 *
 * Blocks: never.
 * Differs from Zephyr: the heaps of another program file are not among them.
 */
static inline int k_heap_array_get(struct k_heap **heap)
{
    *heap = __start_quarry_k_heap;
    return (int)(__stop_quarry_k_heap - __start_quarry_k_heap);
}

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
