/* SPDX-License-Identifier: Apache-2.0 */
/* errno also survives the frees that empty the heap: thousands of blocks of one size, freed in both
 * orders, and a whole set of large blocks. */
#include "../expect.h"

#define COUNT 4000

static void *blocks[COUNT];

static void allocate_all(size_t count, size_t bytes)
{
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(bytes);
        EXPECT(blocks[i] != NULL);
    }
    errno = 4711;
}

static void test(char **argv)
{
    for (size_t bytes = 16; bytes <= 2 * MIB; bytes *= 8) {
        size_t count = bytes < 64 * KIB ? COUNT : 64;
        in_case("size", bytes);
        allocate_all(count, bytes);
        for (size_t i = 0; i < count; i++) {
            free(blocks[i]);
        }
        EXPECT(errno == 4711);
        allocate_all(count, bytes);
        for (size_t i = count; i > 0; i--) {
            free(blocks[i - 1]);
        }
        EXPECT(errno == 4711);
    }
}
