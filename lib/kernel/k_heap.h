/* SPDX-License-Identifier: Apache-2.0 */
/* What the rest of kernel/ does with a k_heap that others may not. */
#ifndef QUARRY_KERNEL_K_HEAP_H
#define QUARRY_KERNEL_K_HEAP_H

#include <zephyr/kernel/kheap.h>

/* Where a heap gets its memory from when it is first used: heap.init_mem points to one, if
 * heap.init_bytes is 0. */
struct k_heap_source {
    /* Memory and its size, or NULL: none now. Called with the heap's lock held, also in a signal
     * handler. */
    void *(*get)(size_t *bytes);
};

/* With K_NO_WAIT, k_heap_aligned_realloc, or k_heap_aligned_alloc if `block` is NULL, for an
 * alignment that may have a rewind bit (sys_heap_aligned_alloc). */
void *k_heap_request(struct k_heap *h, void *block, size_t align, size_t bytes);

#endif
