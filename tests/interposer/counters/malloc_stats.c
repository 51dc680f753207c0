/* SPDX-License-Identifier: Apache-2.0 */
/* malloc_stats writes on standard error, and on nothing else. */
#include "../expect.h"

static void test(char **argv)
{
    void *block = malloc(5000);
    malloc_stats();
    free(block);
}
