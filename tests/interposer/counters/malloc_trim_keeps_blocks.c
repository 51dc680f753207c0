/* SPDX-License-Identifier: Apache-2.0 */
/* malloc_trim leaves the blocks in use as they are, and the memory it gave back can be used again.
 */
#include "../blocks.h"

static void test(char **argv)
{
    static struct block blocks[3000];
    uint32_t state = 71;
    for (int round = 0; round < 30; round++) {
        for (int step = 0; step < 3000; step++) {
            blocks_step(blocks, 3000, &state);
        }
        int trimmed = malloc_trim((size_t)round * 10 * KIB);
        EXPECT(trimmed == 0 || trimmed == 1);
    }
    blocks_free(blocks, 3000);
}
