/* SPDX-License-Identifier: Apache-2.0 */
/* What a preloaded malloc calls: <quarry/malloc.h>, or in the hardened library guarded.h. */
#ifndef QUARRY_PROCESS_FACE_H
#define QUARRY_PROCESS_FACE_H

#include <quarry/malloc.h>
#include <stddef.h>

#include "process/fast.h"
#include "process/guarded.h"
#include "process/hardened.h"
#include "process/setup.h"
#include "process/slice_range.h"

static inline void *face_malloc(size_t bytes)
{
    return HARDENED ? guarded_malloc(bytes) : quarry_malloc(bytes);
}

/* For whom the short ways (fast.h) have failed, or are none. */
static inline void *face_slow_malloc(size_t bytes)
{
    return HARDENED ? guarded_malloc(bytes) : slow_malloc(bytes);
}

static inline void face_slow_free(void *block)
{
    if (HARDENED) {
        guarded_free(block);
    } else {
        slow_free(block);
    }
}

static inline void *face_calloc(size_t count, size_t bytes)
{
    return HARDENED ? guarded_calloc(count, bytes) : quarry_calloc(count, bytes);
}

static inline void *face_realloc(void *block, size_t bytes)
{
    return HARDENED ? guarded_realloc(block, bytes) : quarry_realloc(block, bytes);
}

static inline void *face_aligned_alloc(size_t align, size_t bytes)
{
    return HARDENED ? guarded_aligned_alloc(align, bytes) : quarry_aligned_alloc(align, bytes);
}

static inline void *face_memalign(size_t align, size_t bytes)
{
    return HARDENED ? guarded_memalign(align, bytes) : quarry_memalign(align, bytes);
}

static inline int face_posix_memalign(void **out, size_t align, size_t bytes)
{
    return HARDENED ? guarded_posix_memalign(out, align, bytes)
                    : quarry_posix_memalign(out, align, bytes);
}

static inline void *face_valloc(size_t bytes)
{
    return HARDENED ? guarded_valloc(bytes) : quarry_valloc(bytes);
}

static inline void *face_pvalloc(size_t bytes)
{
    return HARDENED ? guarded_pvalloc(bytes) : quarry_pvalloc(bytes);
}

static inline void face_free(void *block)
{
    if (HARDENED) {
        guarded_free(block);
    } else {
        quarry_free(block);
    }
}

static inline void face_free_sized(void *block, size_t bytes)
{
    if (HARDENED) {
        guarded_free_sized(block, bytes);
    } else {
        quarry_free_sized(block, bytes);
    }
}

static inline size_t face_malloc_usable_size(void *block)
{
    return HARDENED ? guarded_malloc_usable_size(block) : quarry_malloc_usable_size(block);
}

/* Before the process is to have less address space. */
static inline void face_give_address_space(void)
{
    setup();
    slice_range_end();
}

#endif
