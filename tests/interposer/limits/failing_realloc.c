/* SPDX-License-Identifier: Apache-2.0 */
/* Under a limit set by the runner, a block that grows until realloc fails is intact then, and
 * shrinks. */
#include "../expect.h"

static void test(char **argv)
{
    size_t bytes = 1;
    char *block = malloc(bytes);
    char *grown = block;
    while (grown != NULL) {
        block = grown;
        memset(block, 'g', bytes);
        grown = realloc(block, bytes * 2);
        bytes *= grown != NULL ? 2 : 1;
        EXPECT(grown != NULL || errno == ENOMEM);
        EXPECT(is_filled(grown != NULL ? grown : block, 'g', grown != NULL ? bytes / 2 : bytes));
    }
    in_case("bytes", bytes);
    EXPECT(bytes >= 32 * MIB);
    block = realloc(block, 1000);
    EXPECT(block != NULL && is_filled(block, 'g', 1000));
    free(block);
}
