/* SPDX-License-Identifier: Apache-2.0 */
/* The short ways of malloc and free, to be part of whichever function has these names: no call, no
 * lock, nothing that other threads write to; and where the long ways begin. */
#ifndef QUARRY_PROCESS_FAST_H
#define QUARRY_PROCESS_FAST_H

#include <stdbool.h>
#include <stddef.h>

#include "process/slice_window.h"
#include "process/thread_cache.h"

/* The rest of the two calls, for whom the short way has failed (malloc.c). */
__attribute__((noinline)) void *slow_malloc(size_t bytes);
__attribute__((noinline)) void slow_free(void *block);

/* A block, or NULL if it is not that simple. */
static inline void *fast_malloc(size_t bytes)
{
    struct thread_cache *cache = thread_cache;
    size_t size_class;

    if (__builtin_expect(bytes <= SIZE_CLASS_TABLE_BYTES, 1)) {
        size_class = cache->classes.of_steps[size_class_steps(bytes)];
    } else if (bytes <= SIZE_CLASS_MOST_BYTES) {
        size_class = size_class_of(bytes);
    } else {
        return NULL;
    }
    return thread_cache_pop(cache, size_class);
}

/* False iff it is not that simple, NULL among other things. */
static inline bool fast_free(void *block)
{
    return thread_cache_push(slice_window_slab(block), block);
}

#endif
