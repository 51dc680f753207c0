/* SPDX-License-Identifier: Apache-2.0 */
/* A pointer that realloc has moved the block away from is not to be freed any more. */
#include "../expect.h"

static void test(char **argv)
{
    void *block = malloc(strtoul(argv[1], NULL, 10));
    void *old = hidden(block);
    void *moved = realloc(block, strtoul(argv[2], NULL, 10));
    EXPECT(moved != NULL && hidden(moved) != old);
    free(old);
}
