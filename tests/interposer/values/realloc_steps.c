/* SPDX-License-Identifier: Apache-2.0 */
/* realloc keeps the bytes over every pair of sizes of a table, small to large and back, with and
 * without neighbours in the way. */
#include "../expect.h"

static void expect_resized(size_t from, size_t to, int with_neighbour)
{
    in_case("from", from);
    char *block = malloc(from);
    void *neighbour = with_neighbour ? malloc(from) : NULL;
    EXPECT(block != NULL);
    memset(block, 'x', from);
    block = realloc(block, to);
    EXPECT(block != NULL && is_filled(block, 'x', from < to ? from : to));
    memset(block, 'y', malloc_usable_size(block));
    free(neighbour);
    free(block);
}

static void test(char **argv)
{
    const size_t sizes[] = {1,      15,    16,      17,         24,     25,     40,
                            100,    1000,  1024,    2000,       4096,   5000,   16384,
                            32768,  65536, 100000,  262144,     500000, 524287, 524288,
                            524289, MIB,   2 * MIB, 3 * MIB + 1};
    const size_t count = sizeof(sizes) / sizeof(sizes[0]);
    for (size_t from = 0; from < count; from++) {
        for (size_t to = 0; to < count; to++) {
            expect_resized(sizes[from], sizes[to], 0);
            expect_resized(sizes[from], sizes[to], 1);
        }
    }
}
