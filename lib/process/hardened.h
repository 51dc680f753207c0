/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the library that is being built is the hardened one, and the secrets that it has.
 *
 * libquarry-malloc-hardened.so is made of the same sources as libquarry-malloc.so, compiled with
 * QUARRY_HARDENED=1. What differs:
 *
 *   guarded.h     what is around every block: proof that it is in use, and where it ends
 *   block_bits.h  which blocks of slabs are in use, out of their reach
 *   link.h        links of free blocks, encoded and verified
 *   shuffle.h     the order in which a slab's blocks are handed out
 *   slice_range.c, large.c  addresses that nobody may touch
 *   options.c     foreign=abort is the usual case, and zero_on_free is there
 *
 * Other files ask for HARDENED, a constant: in the usual library nothing of it is left. */
#ifndef QUARRY_PROCESS_HARDENED_H
#define QUARRY_PROCESS_HARDENED_H

#include <stdbool.h>
#include <stdint.h>

#ifndef QUARRY_HARDENED
#define QUARRY_HARDENED 0
#endif

#define HARDENED (QUARRY_HARDENED != 0)

/* Odd numbers that a process draws for itself, one pair for each use. */
struct hardened_key {
    uint64_t addend;
    uint64_t factor;
};

#pragma GCC visibility push(hidden)
/* Constant once they are drawn. */
extern struct hardened_key hardened_key_of_links;
extern struct hardened_key hardened_key_of_ends;
#pragma GCC visibility pop

/* Draws the keys, unless somebody did: before the first block is made. Any thread, any time. */
void hardened_draw_keys(void);

/* A number that follows from an address and a secret. It keeps what is written by mistake, or
 * without sight of the process's memory, from passing for ours; it is no cipher. */
static inline uint64_t hardened_word(const struct hardened_key *key, const void *address)
{
    uint64_t product = ((uintptr_t)address + key->addend) * key->factor;

    return product ^ product >> 32;
}

#endif
