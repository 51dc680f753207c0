/* SPDX-License-Identifier: Apache-2.0 */
/* Which blocks of slabs are in use: a bit for every 16 bytes of the range of slices, which stands
 * for the block that begins there. Hardened library only.
 *
 *    slices:  | block         | block         | block         | ...
 *    bits:      1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 0 ...
 *
 * Bits of what is no block's beginning are never set, so one look tells a block in use from a block
 * that is free and from any other address. The table lies beside the descriptors of slabs
 * (slice_range.c), where no block overflows into; it costs 1/128 of what slabs have.
 *
 *   1. A bit is set by whoever hands the block out, and cleared by whoever gives it back, first of
 *      all: of two that free a block at once, one finds it cleared. */
#ifndef QUARRY_PROCESS_BLOCK_BITS_H
#define QUARRY_PROCESS_BLOCK_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/size_class.h"
#include "process/slices.h"

#define BLOCK_BITS_WORD        64u
#define BLOCK_BITS_SLICE_BYTES ((SLICE_BYTES >> SIZE_CLASS_STEP_SHIFT) / 8)

#pragma GCC visibility push(hidden)
/* NULL in the usual library; else constant once it is set, and usable as far as slices are known.
 */
extern uint64_t *block_bits;
#pragma GCC visibility pop

static inline uint64_t *block_bits_word_(const void *block, uint64_t *bit)
{
    size_t number = ((uintptr_t)block - slice_range_start) >> SIZE_CLASS_STEP_SHIFT;

    *bit = (uint64_t)1 << number % BLOCK_BITS_WORD;
    return &block_bits[number / BLOCK_BITS_WORD];
}

/* All of them for an address in a slice that is known, a multiple of 16. */
static inline bool block_bits_get(const void *block)
{
    uint64_t bit;
    const uint64_t *word = block_bits_word_(block, &bit);

    return (__atomic_load_n(word, __ATOMIC_RELAXED) & bit) != 0;
}

/* Sets the bit; what it was. */
static inline bool block_bits_set(const void *block)
{
    uint64_t bit;
    uint64_t *word = block_bits_word_(block, &bit);

    return (__atomic_fetch_or(word, bit, __ATOMIC_RELAXED) & bit) != 0;
}

/* Clears the bit; what it was. */
static inline bool block_bits_clear(const void *block)
{
    uint64_t bit;
    uint64_t *word = block_bits_word_(block, &bit);

    return (__atomic_fetch_and(word, ~bit, __ATOMIC_RELAXED) & bit) != 0;
}

#endif
