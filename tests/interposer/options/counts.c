/* SPDX-License-Identifier: Apache-2.0 */
/* Makes known numbers of calls, which the line that the option stats writes at exit must show: 1000
 * allocations of which 3 are large, 500 resizes, most or all of them in place, 900 frees, and 2 of what is no block of
 * ours. */
#include "../expect.h"

static void test(char **argv)
{
    static void *blocks[1000];
    static char foreign[64];
    for (size_t i = 0; i < 1000; i++) {
        blocks[i] = i < 3 ? calloc(1, 4 * MIB) : malloc(100 + i);
        EXPECT(blocks[i] != NULL);
    }
    for (size_t i = 500; i < 1000; i++) {
        blocks[i] = realloc(blocks[i], 100 + i / 2);
        EXPECT(blocks[i] != NULL);
    }
    for (size_t i = 0; i < 900; i++) {
        free(blocks[i]);
    }
    free(hidden(foreign));
    free(hidden(foreign + 16));
}
