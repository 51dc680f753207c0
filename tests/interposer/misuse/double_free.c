/* SPDX-License-Identifier: Apache-2.0 */
/* A block of argv[1] bytes that is freed twice ends the program at the second free. */
#include "../expect.h"

static void test(char **argv)
{
    void *block = malloc(strtoul(argv[1], NULL, 10));
    void *neighbour = malloc(100);
    free(hidden(block));
    free(hidden(block));
    free(neighbour);
}
