/* SPDX-License-Identifier: Apache-2.0 */
/* A block as workloads treat every one of theirs: its address is looked at when it comes, its two
 * ends are written, and read again before it goes. Blocks that overlap, that move without their
 * contents, or that are handed out twice do not get past that. */
#ifndef QUARRY_WORKLOADS_BLOCK_H
#define QUARRY_WORKLOADS_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "random.h"
#include "workload.h"

#define BLOCK_PAGE_BYTES 4096u

struct block {
    unsigned char *address; /* NULL: none */
    uint32_t bytes;         /* asked for, at least 1 */
    uint32_t stamp;         /* what its ends hold, mixed */
};

/* What C11 wants, as a correction to it reads (DR 075): of a block, the alignment that an object of
 * its size can need. Allocators give 8 bytes, not 16, to a block of 8. */
static inline size_t block_alignment(size_t bytes)
{
    size_t most = _Alignof(max_align_t);

    return bytes >= most ? most : (size_t)1 << (63 - __builtin_clzll(bytes));
}

/* Not NULL, and aligned; or the workload ends. */
static inline void block_require(const void *address, size_t bytes)
{
    if (address == NULL) {
        workload_fail("no block of %zu bytes", bytes);
    }
    if (((uintptr_t)address & (block_alignment(bytes) - 1)) != 0) {
        workload_fail("block of %zu bytes at %p is misaligned", bytes, address);
    }
}

/* Eight bytes at each end of a block that has sixteen, else one. */
static inline void block_write_ends(unsigned char *address, size_t bytes, uint64_t word)
{
    uint64_t other = ~word;

    if (bytes >= 2 * sizeof(word)) {
        memcpy(address, &word, sizeof(word));
        memcpy(address + bytes - sizeof(other), &other, sizeof(other));
    } else {
        address[0] = (unsigned char)word;
        address[bytes - 1] = (unsigned char)word;
    }
}

/* True iff the ends are as block_write_ends left them. */
static inline int block_ends_are(const unsigned char *address, size_t bytes, uint64_t word)
{
    uint64_t first;
    uint64_t last;

    if (bytes < 2 * sizeof(word)) {
        return address[0] == (unsigned char)word && address[bytes - 1] == (unsigned char)word;
    }
    memcpy(&first, address, sizeof(first));
    memcpy(&last, address + bytes - sizeof(last), sizeof(last));
    return first == word && last == ~word;
}

static inline void block_stamp(struct block *block, void *address, size_t bytes, uint32_t stamp)
{
    block_require(address, bytes);
    *block = (struct block){address, (uint32_t)bytes, stamp};
    block_write_ends(address, bytes, random_mix(stamp));
}

static inline void block_allocate(struct block *block, size_t bytes, uint32_t stamp)
{
    block_stamp(block, malloc(bytes), bytes, stamp);
}

/* A log-uniform size, and a random stamp. One is drawn after the other: arguments of a call would
 * be drawn in an order that the compiler chooses. */
static inline void block_allocate_random(struct block *block, struct random *random, size_t least,
                                         size_t most)
{
    size_t bytes = random_log_uniform(random, least, most);

    block_allocate(block, bytes, (uint32_t)random_bits(random));
}

/* What the block adds to the workload's check; its contents are as they were, or the workload ends.
 * Sums of these do not depend on the order. */
static inline uint64_t block_check(const struct block *block)
{
    if (!block_ends_are(block->address, block->bytes, random_mix(block->stamp))) {
        workload_fail("block of %zu bytes at %p has lost its contents", (size_t)block->bytes,
                      (const void *)block->address);
    }
    return random_mix(((uint64_t)block->stamp << 32) | block->bytes);
}

/* Checks the block and frees it. */
static inline uint64_t block_release(struct block *block)
{
    uint64_t check = block_check(block);

    free(block->address);
    block->address = NULL;
    return check;
}

/* One byte on each page that the block's ends are not on: what costs a fault costs it now. */
static inline void block_touch_pages(const struct block *block)
{
    size_t step = BLOCK_PAGE_BYTES;

    for (size_t at = step; at + 2 * step < block->bytes; at += step) {
        block->address[at] = (unsigned char)block->stamp;
    }
}

#endif
