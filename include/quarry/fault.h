/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What happens when Quarry finds damaged memory, or a call that would damage it.
 *
 * Unless the program says otherwise, one line goes to standard error, without stdio and without
 * allocating, and the program aborts:
 *
 *     quarry: block is not in use: double free, or not a block, heap 0x..., address 0x..., size 48
 */
#ifndef QUARRY_FAULT_H_
#define QUARRY_FAULT_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** What was found. */
struct quarry_fault {
    const char *what;      /**< a constant phrase that names the likely cause */
    const void *heap;      /**< start of the heap, or NULL */
    const void *address;   /**< the block or chunk in question, or NULL */
    size_t size_bytes;     /**< size of that chunk, header included, by its own word; 0: unknown */
    size_t neighbour_size; /**< its size by its neighbour's word, in bytes; 0: agrees, or unknown */
};

/** Called in the thread that found it, in the middle of the call. */
typedef void (*quarry_fault_handler)(const struct quarry_fault *fault);

/**
 * Replaces what is done before the program ends.
 *
 * The handler may end the program in its own way, or leave by longjmp: the heap must then not be
 * used any more, unless the fault is a misused pointer in a call to free or realloc on a heap of
 * the caller's own, which stays as it was before the call. With quarry_malloc, with
 * objects that have a lock (k_heap, sys_sync_heap, shared slabs and heaps), and inside of the
 * callback of a heap listener, a lock is held, and longjmp leaves it so. If the handler returns,
 * the line is printed and the program aborts. The handler must not call into the heap in question.
 *
 * @param handler the function to call, or NULL for none
 * @return the handler before this one, or NULL
 *
 * Cost: O(1).
 * Blocks: never.
 * Threads: from any; the last call wins.
 * Signals: may be called from a handler.
 * Source: Quarry; stands for Zephyr's k_sys_fatal_error_handler.
 */
quarry_fault_handler quarry_set_fault_handler(quarry_fault_handler handler);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
