/* SPDX-License-Identifier: Apache-2.0 */
/* Allocates from the preloaded malloc, and from that of a libquarry.so that it is linked with: both
 * read QUARRY_OPTIONS. */
#include "../expect.h"

void *quarry_malloc(size_t bytes);
void quarry_free(void *block);

static void test(char **argv)
{
    char *block = quarry_malloc(100);

    EXPECT(block != NULL);
    quarry_free(block);
    free(malloc(100));
}
