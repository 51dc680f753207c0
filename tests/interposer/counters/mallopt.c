/* SPDX-License-Identifier: Apache-2.0 */
/* mallopt returns 0 for a parameter that it does not know, and then changes nothing. */
#include "../expect.h"

static void test(char **argv)
{
    const int unknown[] = {-12345, 12345, 77, -77};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        in_case("number", i);
        EXPECT(mallopt(unknown[i], 1) == 0);
    }
    EXPECT(mallopt(M_MMAP_THRESHOLD, 300000) == 1);
    free(malloc(400000));
}
