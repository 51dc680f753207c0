/* SPDX-License-Identifier: Apache-2.0 */
/* free_sized with another size than malloc's is a crime. */
#include "../entry_points.h"
#include "../expect.h"

static void test(char **argv)
{
    EXPECT(free_sized != NULL);
    free_sized(hidden(malloc(100)), 100);
    free_sized(hidden(malloc(100)), 90);
}
