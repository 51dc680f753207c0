/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * memref: blocks that count their references, and free themselves with the last one.
 *
 *     static void *take(void *heap, size_t bytes)
 *     {
 *         return k_heap_alloc(heap, bytes, K_NO_WAIT);
 *     }
 *     static void give(void *heap, void *mem)
 *     {
 *         k_heap_free(heap, mem);
 *     }
 *     MEMREF_BACKEND_DEFINE(in_my_heap, take, give, &my_heap);
 *
 *     void *mem = memref_alloc(&in_my_heap, 100, NULL);    one reference
 *     memref_ref(mem);                                     two: pass it on
 *     memref_unref(mem);                                   one
 *     memref_unref(mem);                                   none: give(&my_heap, ...) is called
 *
 * Where the memory comes from is the user's to say: a back end is a pair of functions over
 * whatever allocates. Each block begins with a control block of at most 4 words, padded to the
 * strictest alignment of a plain type, and the user's bytes follow it: so they are aligned as the
 * back end's blocks are, up to that alignment.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    O(1), and what the back end takes.
 *
 * Blocks:  never, but for what the back end does.
 *
 * Threads: any at the same time. Who frees a block sees all that others wrote to it before they
 *          gave their references up. A thread may take a reference only while it has one, or while
 *          somebody else keeps one for it.
 *
 * Signals: memref_ref, and memref_unref of a reference that is not the last, may be called from a
 *          handler, whatever it interrupted; the rest if the back end's functions may.
 *
 * Fork:    a child has a copy of each block with its counter; what the back end does there is its
 *          own affair.
 *
 * Owner:   whoever has a reference. The back end must live until its last block is freed.
 *
 * Misuse:  a pointer that is no block's, or whose block is freed, is reported in one line, and the
 *          program aborts (<quarry/fault.h>), as far as it can be seen: the control block is
 *          marked, but memory that was freed may have been given to somebody else by then.
 *
 * Source:  Zephyr's <zephyr/sys/memref.h>. Differs from Zephyr: misuse is noticed in every build,
 *          not only with assertions; the counter cannot wrap around.
 */
#ifndef ZEPHYR_INCLUDE_SYS_MEMREF_H_
#define ZEPHYR_INCLUDE_SYS_MEMREF_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/**
 * Called when the last reference is gone, before the memory is given back: to let go of what the
 * block holds. It may use the block, but take no reference to it.
 *
 * @param mem the block, as memref_alloc returned it
 */
typedef void (*memref_free_cb_t)(void *mem);

/**
 * Gives memory back to a back end.
 *
 * @param be  `ctx` of the back end
 * @param mem what its memref_alloc_func_t returned
 */
typedef void (*memref_free_func_t)(void *be, void *mem);

/**
 * Takes memory from a back end.
 *
 * @param be   `ctx` of the back end
 * @param size bytes, more than the user asked for by the control block; a back end of blocks of one
 *             size must compare
 * @return memory, aligned at least as a pointer; NULL: there is none
 */
typedef void *(*memref_alloc_func_t)(void *be, size_t size);

/** Where blocks come from and go to. */
struct memref_backend {
    memref_alloc_func_t alloc; /**< not NULL */
    memref_free_func_t free;   /**< not NULL */
    void *ctx;                 /**< passed to both; may be NULL */
};

/**
 * Defines a back end, a const object; "static" may go before it.
 *
 * @param name            of the back end
 * @param alloc_func      takes memory
 * @param free_func       gives it back
 * @param backend_context passed to both
 */
#define MEMREF_BACKEND_DEFINE(name, alloc_func, free_func, backend_context)                        \
    const struct memref_backend name = {(alloc_func), (free_func), (backend_context)}

/**
 * Returns a block with one reference, which the caller has.
 *
 * @param backend where from
 * @param size    wanted size in bytes, 0 to SIZE_MAX; 0 makes a block that can be counted only
 * @param free_cb called before the block is freed; NULL: nothing is
 * @return the block, with undefined contents; NULL iff the back end has no memory, or @p size and
 *         the control block are more than a size_t holds
 *
 * Misuse:  a back end that is NULL, lacks a function or returns memory that is not aligned.
 */
void *memref_alloc(const struct memref_backend *backend, size_t size, memref_free_cb_t free_cb);

/**
 * Does what memref_alloc does for @p nmemb objects of @p size bytes, and clears them.
 *
 * @return as memref_alloc for the product, all bytes 0; NULL also iff that is more than a size_t
 *         holds
 */
void *memref_calloc(const struct memref_backend *backend, size_t nmemb, size_t size,
                    memref_free_cb_t free_cb);

/**
 * Takes one more reference to a block.
 *
 * @param mem the block
 *
 * Misuse:  NULL; more than 2^32 - 1 references.
 */
void memref_ref(void *mem);

/**
 * Gives a reference up. With the last one the block's `free_cb` is called, and then the memory
 * goes back to its back end.
 *
 * @param mem the block, or NULL, which has no effect
 */
void memref_unref(void *mem);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
