/* SPDX-License-Identifier: Apache-2.0 */
/* Freeing NULL does nothing, whatever the function and whatever the size that comes with it. */
#include "../entry_points.h"

static void test(char **argv)
{
    errno = 4711;
    FOR_EACH_EXIT_POINT(way)
    {
        if (way->release != by_realloc_to_0) {
            way->release(hidden(NULL), 0);
            way->release(hidden(NULL), 100);
            way->release(hidden(NULL), SIZE_MAX);
        }
    }
    if (free_aligned_sized != NULL) {
        free_aligned_sized(hidden(NULL), 64, 100);
        free_aligned_sized(hidden(NULL), 0, SIZE_MAX);
    }
    EXPECT(errno == 4711);
}
