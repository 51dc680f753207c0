/* SPDX-License-Identifier: Apache-2.0 */
/* realloc(p, 0) and reallocarray(p, 0, n) free the block and return NULL, as glibc's do. */
#include "../memory_use.h"

static void test(char **argv)
{
    const size_t sizes[] = {2000, 40000, 300 * KIB, MIB, 8 * MIB};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        in_case("size", sizes[i]);
        free(malloc(sizes[i]));
        size_t before = live_bytes();
        for (int repeat = 0; repeat < 16; repeat++) {
            EXPECT(realloc(malloc(sizes[i]), hidden_size(0)) == NULL);
            EXPECT(reallocarray(malloc(sizes[i]), hidden_size(0), 8) == NULL);
            EXPECT(reallocarray(malloc(sizes[i]), 8, hidden_size(0)) == NULL);
        }
        EXPECT(live_bytes() == before);
    }
}
