/* SPDX-License-Identifier: Apache-2.0 */
/* A block has the bytes that were asked for, and no more. */
#include "../expect.h"

static const size_t sizes[] = {0,    1,    8,     15,    16,    17,     100,    1000,    1024,
                               4096, 5000, 30000, 32760, 32768, 100000, 500000, 1 << 20, 3000001};

static void expect_bytes(char *block, size_t bytes)
{
    EXPECT(block != NULL && malloc_usable_size(block) == bytes);
    memset(block, 'x', bytes);
}

static void test(char **argv)
{
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        in_case("bytes", sizes[i]);
        char *block = malloc(sizes[i]);
        expect_bytes(block, sizes[i]);
        expect_bytes(block = realloc(block, sizes[i] + 1), sizes[i] + 1);
        expect_bytes(block = realloc(block, sizes[i] / 2 + 1), sizes[i] / 2 + 1);
        free(block);
        expect_bytes(block = calloc(sizes[i], 1), sizes[i]);
        free(block);
        expect_bytes(block = memalign(4096, sizes[i]), sizes[i]);
        free(block);
    }
}
