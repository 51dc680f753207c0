/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks that remember what was written to them: a block that two owners share, or whose bytes
 * changed behind its owner's back, fails at the next check.
 */
#ifndef QUARRY_TESTS_INTERPOSER_BLOCKS_H
#define QUARRY_TESTS_INTERPOSER_BLOCKS_H

#include "expect.h"

struct block {
    unsigned char *start; /* NULL iff there is no block */
    size_t bytes;
    unsigned char mark;
};

/* A xorshift generator; `state` must not be 0. */
static inline uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Sizes as programs ask for them: mostly small, now and then thousands, seldom above 512 KiB. */
static inline size_t random_size(uint32_t *state)
{
    uint32_t kind = next_random(state) % 1000;
    uint32_t range = kind < 800 ? 256 : kind < 990 ? 8192 : kind < 998 ? 65536 : 1048576;
    return 1 + next_random(state) % range;
}

static inline void block_check(const struct block *block)
{
    EXPECT(is_filled(block->start, block->mark, block->bytes));
}

static inline void block_fill(struct block *block, uint32_t *state)
{
    EXPECT(block->start != NULL);
    block->mark = (unsigned char)next_random(state);
    memset(block->start, block->mark, block->bytes);
}

static inline void block_allocate(struct block *block, uint32_t *state)
{
    block->bytes = random_size(state);
    block->start = (unsigned char *)malloc(block->bytes);
    block_fill(block, state);
}

static inline void block_free(struct block *block)
{
    if (block->start != NULL) {
        block_check(block);
        free(block->start);
        block->start = NULL;
    }
}

static inline void block_resize(struct block *block, uint32_t *state)
{
    size_t bytes = random_size(state);
    unsigned char *moved = (unsigned char *)realloc(block->start, bytes);
    EXPECT(moved != NULL);
    block->start = moved;
    block->bytes = block->bytes < bytes ? block->bytes : bytes;
    block_check(block);
    block->bytes = bytes;
    block_fill(block, state);
}

/* One random step on one of `count` blocks: make it, resize it, or free it. */
static inline void blocks_step(struct block *blocks, uint32_t count, uint32_t *state)
{
    struct block *block = &blocks[next_random(state) % count];
    if (block->start == NULL) {
        block_allocate(block, state);
    } else if (next_random(state) % 4 == 0) {
        block_resize(block, state);
    } else {
        block_free(block);
    }
}

/* Many small blocks that nobody looks at: the time goes into the allocator, so that whatever
 * happens to the thread probably happens there. */
static inline void churn(uint32_t *state)
{
    for (int i = 0; i < 64; i++) {
        free(hidden(malloc(next_random(state) % 2000)));
    }
}

static inline void blocks_free(struct block *blocks, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        block_free(&blocks[i]);
    }
}

#endif
