/* SPDX-License-Identifier: Apache-2.0 */
/* A block of argv[1] bytes that is resized after it was freed ends the program. */
#include "../expect.h"

static void test(char **argv)
{
    size_t bytes = strtoul(argv[1], NULL, 10);
    void *block = malloc(bytes);
    void *neighbour = malloc(100);
    free(hidden(block));
    void *resized = realloc(hidden(block), 2 * bytes);
    free(resized);
    free(neighbour);
}
