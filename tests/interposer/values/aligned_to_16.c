/* SPDX-License-Identifier: Apache-2.0 */
/* Every block starts at a multiple of 16, whatever its size: compilers assume it of malloc. */
#include "../entry_points.h"

static void expect_entry_points_aligned(size_t bytes)
{
    FOR_EACH_ENTRY_POINT(entry)
    {
        in_case(entry->name, bytes);
        void *block = entry->allocate(bytes);
        EXPECT(block != NULL && is_aligned(block, 16) && is_aligned(block, entry->alignment));
        void *resized = realloc(block, bytes + 1 + bytes / 3);
        EXPECT(resized != NULL && is_aligned(resized, 16));
        free(resized);
    }
}

static void test(char **argv)
{
    static void *held[4097];
    for (size_t bytes = 0; bytes <= 4096; bytes++) {
        held[bytes] = malloc(bytes);
        EXPECT(held[bytes] != NULL && is_aligned(held[bytes], 16));
        expect_entry_points_aligned(bytes);
    }
    for (size_t bytes = 4097; bytes < 64 * MIB; bytes += 1 + bytes / 2) {
        expect_entry_points_aligned(bytes);
    }
    for (size_t bytes = 0; bytes <= 4096; bytes++) {
        free(held[bytes]);
    }
}
