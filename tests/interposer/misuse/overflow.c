/* SPDX-License-Identifier: Apache-2.0 */
/* A block that was written past its end, over what lies behind it, ends the program when it
 * ("itself") or the block behind it is freed. */
#include "../expect.h"

static void test(char **argv)
{
    char *blocks[3];
    for (int i = 0; i < 3; i++) {
        blocks[i] = malloc(1000);
        EXPECT(blocks[i] != NULL);
    }
    int first = blocks[0] < blocks[1] ? 0 : 1;
    char *block = hidden(blocks[first]);
    memset(block, 'o', malloc_usable_size(block) + 16);
    free(strcmp(argv[1], "itself") == 0 ? block : blocks[1 - first]);
}
