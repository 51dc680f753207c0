/* SPDX-License-Identifier: Apache-2.0 */
/* quick_exit runs its handlers, which may allocate, while other threads allocate. */
#include "../children.h"

static struct background background;

static void allocate_at_exit(void)
{
    free(realloc(malloc(100), 100000));
}

static void test(char **argv)
{
    EXPECT(at_quick_exit(allocate_at_exit) == 0);
    background_start(&background);
    quick_exit(0);
}
