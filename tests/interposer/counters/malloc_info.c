/* SPDX-License-Identifier: Apache-2.0 */
/* malloc_info writes XML, which the runner parses, on the stream it is given, and refuses options
 * other than 0. */
#include "../children.h"

static void test(char **argv)
{
    static struct background background;
    EXPECT(malloc_info(hidden_size(1) != 0, stdout) != 0);
    background_start(&background);
    void *large = malloc(5 * MIB);
    EXPECT(malloc_info(0, stdout) == 0);
    free(large);
    background_stop(&background);
}
