/* SPDX-License-Identifier: Apache-2.0 */
/* Small blocks out of the calling thread's slabs, whichever way they come. */
#ifndef QUARRY_TESTS_SMALL_BLOCKS_H
#define QUARRY_TESTS_SMALL_BLOCKS_H

#include "process/fast.h"
#include "process/setup.h"

static inline void *take(size_t bytes)
{
    void *block = fast_malloc(bytes);

    return block != NULL ? block : thread_cache_alloc_slowly(size_class_of(bytes));
}

/* The slab of a block that was taken, which has one. */
static inline struct slab *slab_of_taken(const void *block)
{
    return slab_first(slab_of_slice(slice_of(block)));
}

static inline void give(void *block)
{
    if (!fast_free(block)) {
        thread_cache_free_slowly(slab_of_block(block), block);
    }
}

/* For cmocka: the thread has a cache from now on. */
static inline int small_blocks_begin(void **state)
{
    (void)state;
    setup();
    thread_cache_init();
    return take(16) != NULL ? 0 : -1;
}

#endif
