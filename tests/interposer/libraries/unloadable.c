/* SPDX-License-Identifier: Apache-2.0 */
/* A library that allocates in its constructor and for its caller, and frees in its destructor. */
#define EXPECT_IN_LIBRARY
#include "unloadable.h"

static struct block own[20];
static uint32_t state = 61;

__attribute__((constructor)) static void construct(void)
{
    for (int i = 0; i < 20; i++) {
        block_allocate(&own[i], &state);
    }
}

__attribute__((destructor)) static void destroy(void)
{
    blocks_free(own, 20);
}

struct block make_block(void)
{
    struct block block;
    block_allocate(&block, &state);
    return block;
}
