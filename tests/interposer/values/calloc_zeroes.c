/* SPDX-License-Identifier: Apache-2.0 */
/* calloc clears memory that was used before, over the whole usable size: a later realloc inside
 * that size would show what is not cleared. */
#include "../expect.h"

static void dirty(size_t bytes)
{
    void *blocks[4];
    for (int i = 0; i < 4; i++) {
        blocks[i] = malloc(bytes);
        EXPECT(blocks[i] != NULL);
        memset(blocks[i], 0xa5, malloc_usable_size(blocks[i]));
    }
    for (int i = 0; i < 4; i++) {
        free(blocks[i]);
    }
}

static void test(char **argv)
{
    for (size_t bytes = 1; bytes < 8 * MIB; bytes += 1 + bytes / 9) {
        in_case("size", bytes);
        dirty(bytes);
        dirty(bytes + 16 + bytes / 8);
        for (int repeat = 0; repeat < 3; repeat++) {
            unsigned char *block = calloc(bytes, 1);
            EXPECT(block != NULL);
            size_t usable = malloc_usable_size(block);
            EXPECT(is_filled(block, 0, usable));
            block = realloc(block, usable);
            EXPECT(block != NULL && is_filled(block, 0, usable));
            memset(block, 0x5a, usable);
            free(block);
        }
    }
}
