/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of random sizes that are made, resized and freed at random never share a byte. */
#include "../blocks.h"
#include "../memory_use.h"

static void test(char **argv)
{
    static struct block blocks[2000];
    uint32_t state = 1;
    for (int step = 0; step < 400000; step++) {
        blocks_step(blocks, 2000, &state);
    }
    blocks_free(blocks, 2000);
}
