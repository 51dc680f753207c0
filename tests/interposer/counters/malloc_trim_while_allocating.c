/* SPDX-License-Identifier: Apache-2.0 */
/* malloc_trim takes nothing away from threads that allocate meanwhile. */
#include "../children.h"

static void test(char **argv)
{
    static struct background background;
    background_start(&background);
    for (int i = 0; i < 1000; i++) {
        int trimmed = malloc_trim(0);
        EXPECT(trimmed == 0 || trimmed == 1);
        free(calloc(1, (size_t)i * 100));
    }
    background_stop(&background);
}
