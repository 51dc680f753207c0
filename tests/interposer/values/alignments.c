/* SPDX-License-Identifier: Apache-2.0 */
/* Alignments from 16 bytes to 1 GiB hold for blocks of all sizes, and such a block is like any
 * other to free, realloc and malloc_usable_size. */
#include "../entry_points.h"

static void *allocate(size_t alignment, size_t bytes, int way)
{
    void *block = NULL;
    if (way == 0) {
        block = memalign(alignment, bytes);
    } else if (way == 1) {
        block = aligned_alloc(alignment, bytes);
    } else {
        EXPECT(posix_memalign(&block, alignment, bytes) == 0);
    }
    EXPECT(block != NULL && is_aligned(block, alignment));
    EXPECT(malloc_usable_size(block) >= bytes);
    memset(block, 'a', bytes);
    return block;
}

static void resize(void *block, size_t from, size_t to)
{
    char *resized = realloc(block, to);
    EXPECT(resized != NULL && malloc_usable_size(resized) >= to);
    EXPECT(is_filled(resized, 'a', from < to ? from : to));
    memset(resized, 'b', to);
    free(resized);
}

static void test(char **argv)
{
    const size_t sizes[] = {1, 16, 100, 1000, 4096, 70000, 600 * KIB, 3 * MIB};
    for (size_t alignment = 16; alignment <= GIB; alignment *= 2) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            in_case("alignment", alignment);
            void *blocks[3];
            for (int way = 0; way < 3; way++) {
                blocks[way] = allocate(alignment, sizes[i], way);
            }
            EXPECT(is_filled(blocks[0], 'a', sizes[i]));
            resize(blocks[0], sizes[i], sizes[i] * 2);
            resize(blocks[1], sizes[i], sizes[i] / 2 + 1);
            EXPECT(is_filled(blocks[2], 'a', sizes[i]));
            free(blocks[2]);
        }
    }
}
