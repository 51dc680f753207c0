/* SPDX-License-Identifier: Apache-2.0 */
/* A byte that is written to a freed block of argv[1] bytes, behind its links: with zero_on_free it
 * is found when blocks of this size are asked for. */
#include "../expect.h"

#define BLOCKS 1000

static void test(char **argv)
{
    size_t bytes = strtoul(argv[1], NULL, 10);
    char *block = hidden(malloc(bytes));
    EXPECT(block != NULL);
    free(block);
    block[bytes / 2] = 'w';
    for (int i = 0; i < BLOCKS; i++) {
        EXPECT(hidden(malloc(bytes)) != NULL);
    }
}
