/* SPDX-License-Identifier: Apache-2.0 */
/* Who writes an address into a block that was freed gets malloc to return it: that would be the
 * exit code 3. argv[1]: what is written, "address" of a variable or a "neighbour" that is in use.
 */
#include "../expect.h"

#define BLOCKS 1000

static _Alignas(16) char target[256];

static void test(char **argv)
{
    char *neighbour = malloc(112);
    void **block = hidden(malloc(112));
    EXPECT(block != NULL && neighbour != NULL);
    void *wanted = strcmp(argv[1], "address") == 0 ? target : neighbour;
    free(block);
    *block = wanted;
    for (int i = 0; i < BLOCKS; i++) {
        if (hidden(malloc(112)) == wanted) {
            _exit(3);
        }
    }
}
