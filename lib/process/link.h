/* SPDX-License-Identifier: Apache-2.0 */
/* The link in the first word of a free block of a slab, and the second word of one that is sent to
 * another thread: the only file that knows what they look like.
 *
 *    usual      | address of the next block, or NULL |
 *    hardened   | that, xor a number that follows from the block's own address and a secret |
 *
 * In the hardened library a link is believed only if it leads to where a block of the same slab may
 * be. Whoever writes to a block that was freed so ends the program when the link is used next. */
#ifndef QUARRY_PROCESS_LINK_H
#define QUARRY_PROCESS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/hardened.h"
#include "process/size_class.h"
#include "process/slices.h"

/* Does not return unless both are in one slab, and as blocks are aligned. */
void link_require_same_slab(const void *block, const void *next);

/* All that lists ever write to a block. */
#define LINK_BYTES (2 * sizeof(uint64_t))

/* What a word at that place in a block is encoded with. */
static inline uint64_t link_code(const void *place)
{
    return HARDENED ? hardened_word(&hardened_key_of_links, place) : 0;
}

/* Most slabs are one slice: then addresses of their blocks differ in these bits only. */
#define LINK_BITS_ (SLICE_BYTES - (1u << SIZE_CLASS_STEP_SHIFT))

static inline void link_set(void *block, void *next)
{
    *(void **)block = HARDENED ? (void *)((uintptr_t)next ^ (uintptr_t)link_code(block)) : next;
}

static inline void *link_next(const void *block)
{
    void *next = *(void *const *)block;

    if (HARDENED) {
        next = (void *)((uintptr_t)next ^ (uintptr_t)link_code(block));
        if (next != NULL && (((uintptr_t)next ^ (uintptr_t)block) & ~LINK_BITS_) != 0) {
            link_require_same_slab(block, next);
        }
    }
    return next;
}

#endif
