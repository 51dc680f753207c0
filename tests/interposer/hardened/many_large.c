/* SPDX-License-Identifier: Apache-2.0 */
/* More large blocks than could each have a guard, at two mappings each and the kernel's usual limit
 * of 65530, and the last is a block like the first. */
#include "../expect.h"

#define BLOCKS 34000

static void test(char **argv)
{
    static char *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(600 * KIB);
        in_case("block", (size_t)i);
        EXPECT(blocks[i] != NULL);
    }
    blocks[BLOCKS - 1] = realloc(blocks[BLOCKS - 1], 700 * KIB);
    EXPECT(blocks[BLOCKS - 1] != NULL);
    for (int i = 0; i < BLOCKS; i++) {
        free(blocks[i]);
    }
}
