/* SPDX-License-Identifier: Apache-2.0 */
/* Guarded blocks: the hardened library's malloc, around that of <quarry/malloc.h>. Each function
 * does what the one of the same name does there, and more (guarded.c). A block of the one must not
 * be given to the other. Does not return if a block was damaged, or is none. */
#ifndef QUARRY_PROCESS_GUARDED_H
#define QUARRY_PROCESS_GUARDED_H

#include <stddef.h>

void *guarded_malloc(size_t bytes);
void *guarded_calloc(size_t count, size_t bytes);
void *guarded_realloc(void *block, size_t bytes);
void *guarded_aligned_alloc(size_t align, size_t bytes);
void *guarded_memalign(size_t align, size_t bytes);
int guarded_posix_memalign(void **out, size_t align, size_t bytes);
void *guarded_valloc(size_t bytes);
void *guarded_pvalloc(size_t bytes);
void guarded_free(void *block);
/* `bytes` must be what was asked for. */
void guarded_free_sized(void *block, size_t bytes);
/* Exactly what was asked for. */
size_t guarded_malloc_usable_size(void *block);

#endif
