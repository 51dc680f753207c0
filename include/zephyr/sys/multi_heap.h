/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * sys_multi_heap: several sys_heaps under one handle. A function of the user chooses, for each
 * request, of which heap it is served; a block finds its way back by its address.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    O(number of heaps), at most MAX_MULTI_HEAPS, and the calls of sys_heap that are told of.
 *
 * Blocks:  never; no system call, no lock.
 *
 * Threads: a multi heap has no lock of its own. Calls on one must be serialised by the caller, also
 *          with other calls on its heaps: <zephyr/multi_heap/shared_multi_heap.h> has a lock.
 *
 * Signals: from a handler as long as no call on the same multi heap was interrupted.
 *
 * Fork:    a child has a copy.
 *
 * Owner:   the caller owns the handle, the heaps and their buffers, and must keep them in place.
 *
 * Misuse:  that of sys_heap, and what is told below: it is reported in one line, and the program
 *          aborts.
 *
 * Source:  Zephyr's <zephyr/sys/multi_heap.h>, v4.1 and later.
 */
#ifndef ZEPHYR_INCLUDE_SYS_MULTI_HEAP_H_
#define ZEPHYR_INCLUDE_SYS_MULTI_HEAP_H_

#include <stddef.h>
#include <zephyr/sys/sys_heap.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** Heaps that a multi heap has room for. */
#define MAX_MULTI_HEAPS 8

struct sys_multi_heap;

/**
 * Serves a request: it calls sys_heap_alloc or sys_heap_aligned_alloc on a heap of its choice.
 *
 * @param mheap whose heaps[0] to heaps[nheaps - 1] it chooses from
 * @param cfg   what the caller of the allocation has passed; nobody else looks at it
 * @param align as of sys_heap_aligned_alloc; 0 from calls without an alignment
 * @param size  wanted size in bytes, 0 to SIZE_MAX
 * @return a block of one of the heaps, or NULL: there is none
 */
typedef void *(*sys_multi_heap_fn_t)(struct sys_multi_heap *mheap, void *cfg, size_t align,
                                     size_t size);

/** One of its heaps. */
struct sys_multi_heap_rec {
    struct sys_heap *heap;
    void *user_data; /**< the user's, for the function that chooses */
};

/** Several heaps. Read it freely; it is changed by the functions below. */
struct sys_multi_heap {
    unsigned int nheaps;
    sys_multi_heap_fn_t choice;
    struct sys_multi_heap_rec heaps[MAX_MULTI_HEAPS]; /**< in the order of their addresses */
};

/**
 * Makes a multi heap without a heap.
 *
 * @param heap      the handle; what it was before is lost
 * @param choice_fn what serves requests; not NULL
 */
void sys_multi_heap_init(struct sys_multi_heap *heap, sys_multi_heap_fn_t choice_fn);

/**
 * Adds a heap. Those at higher addresses move up by one place in the array.
 *
 * @param mheap     the multi heap
 * @param heap      the heap, which sys_heap_init has made, and which lives as long as the multi
 *                  heap is used
 * @param user_data for the function that chooses
 *
 * Misuse: one heap more than MAX_MULTI_HEAPS, a heap that was not made, or that is there already.
 * Differs from Zephyr: there these are assertions, or not noticed.
 */
void sys_multi_heap_add_heap(struct sys_multi_heap *mheap, struct sys_heap *heap, void *user_data);

/**
 * Has the user's function serve a request, with alignment 0.
 *
 * @param mheap the multi heap
 * @param cfg   for that function
 * @param bytes for that function
 * @return what it returns
 *
 * Misuse: the multi heap was not made by sys_multi_heap_init.
 */
void *sys_multi_heap_alloc(struct sys_multi_heap *mheap, void *cfg, size_t bytes);

/**
 * Has the user's function serve a request.
 *
 * @param align for that function
 * @return what it returns
 *
 * Misuse: as for sys_multi_heap_alloc.
 */
void *sys_multi_heap_aligned_alloc(struct sys_multi_heap *mheap, void *cfg, size_t align,
                                   size_t bytes);

/**
 * Gives a block back to the heap that it lies in.
 *
 * @param mheap the multi heap
 * @param block the block, or NULL, which has no effect
 *
 * Misuse: an address that lies in none of the heaps.
 * Differs from Zephyr: there the heap below such an address takes it as its own.
 */
void sys_multi_heap_free(struct sys_multi_heap *mheap, void *block);

/**
 * Tells which heap an address lies in: of heaps that lie in each other's blocks, the innermost.
 *
 * @param mheap the multi heap
 * @param addr  any address
 * @return the heap's record, which is valid until a heap is added; NULL iff it lies in none
 *
 * Differs from Zephyr: there an address behind the end of a heap lies in it, too.
 */
const struct sys_multi_heap_rec *sys_multi_heap_get_heap(const struct sys_multi_heap *mheap,
                                                         void *addr);

/**
 * Changes the size of a block: within its heap as sys_heap_aligned_realloc does, and if that has no
 * room, by moving it to where the user's function finds some.
 *
 * @param mheap the multi heap
 * @param cfg   for that function
 * @param ptr   the block; NULL makes this sys_multi_heap_aligned_alloc
 * @param align 0 or a power of two (no rewind bit)
 * @param bytes new size in bytes; 0 frees the block and returns NULL
 * @return the block, at the same or another address; NULL iff @p bytes is 0, or there is no room in
 *         its heap and the function returns NULL: then the block is as it was
 *
 * Cost: also copying the block if it moves. Misuse: as for sys_multi_heap_free.
 */
void *sys_multi_heap_aligned_realloc(struct sys_multi_heap *mheap, void *cfg, void *ptr,
                                     size_t align, size_t bytes);

/** sys_multi_heap_aligned_realloc with alignment 0. */
#define sys_multi_heap_realloc(mheap, cfg, ptr, bytes)                                             \
    sys_multi_heap_aligned_realloc((mheap), (cfg), (ptr), 0, (bytes))

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
