/* SPDX-License-Identifier: Apache-2.0 */
/* A pointer to byte argv[2] of, or behind, a block of argv[1] bytes is no block: free ends the
 * program. The block is filled with the byte argv[3], which must not pass for bookkeeping. */
#include "../expect.h"

static void test(char **argv)
{
    size_t bytes = strtoul(argv[1], NULL, 10);
    char *block = malloc(bytes);
    EXPECT(block != NULL);
    memset(block, atoi(argv[3]), bytes);
    free(hidden(block + strtoul(argv[2], NULL, 10)));
}
