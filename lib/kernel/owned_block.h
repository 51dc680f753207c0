/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of a k_heap that know which heap they came from. */
#ifndef QUARRY_KERNEL_OWNED_BLOCK_H
#define QUARRY_KERNEL_OWNED_BLOCK_H

#include <stddef.h>
#include <zephyr/kernel/kheap.h>

/* A block of any size, also 0, aligned to a pointer and to `align`, 0 or a power of two. NULL:
 * there is none now. */
void *owned_block_alloc(struct k_heap *h, size_t align, size_t size);

/* Changes the size of a block, not NULL, in its heap. NULL: there is no room, and nothing has
 * changed. `align` as above: the block moves if it is not so aligned. */
void *owned_block_realloc(void *ptr, size_t align, size_t size);

/* Gives a block, not NULL, back to its heap. */
void owned_block_free(void *ptr);

#endif
