/* SPDX-License-Identifier: Apache-2.0 */
/* One bit of a link that is changed in a freed block is found when blocks of this size are asked
 * for: argv[1] is which bit. */
#include "../expect.h"

#define BLOCKS 1000

static void test(char **argv)
{
    uintptr_t *blocks[4];
    for (int i = 0; i < 4; i++) {
        blocks[i] = hidden(malloc(240));
        EXPECT(blocks[i] != NULL);
    }
    for (int i = 0; i < 4; i++) {
        free(blocks[i]);
    }
    for (int i = 0; i < 4; i++) {
        *blocks[i] ^= (uintptr_t)1 << atoi(argv[1]);
    }
    for (int i = 0; i < BLOCKS; i++) {
        EXPECT(hidden(malloc(240)) != NULL);
    }
}
