/* SPDX-License-Identifier: Apache-2.0 */
/* When memory is short, blocks that are there stay intact, smaller requests may still succeed, and
 * what is freed of one size can be had as another. */
#include "../blocks.h"

enum { COUNT = 200000 };

static struct block blocks[COUNT];

static int allocate_until_full(size_t bytes, int first)
{
    while (first < COUNT) {
        struct block *block = &blocks[first];
        *block = (struct block){malloc(bytes), bytes, (unsigned char)first};
        if (block->start == NULL) {
            EXPECT(errno == ENOMEM);
            break;
        }
        memset(block->start, block->mark, bytes);
        first++;
    }
    return first;
}

static void test(char **argv)
{
    int after_large = allocate_until_full(3 * MIB, 0);
    int after_medium = allocate_until_full(100000, after_large);
    int after_small = allocate_until_full(3000, after_medium);
    int all = allocate_until_full(300, after_small);
    in_case("large blocks", (size_t)after_large);
    EXPECT(after_large >= 15 && all < COUNT);
    blocks_free(blocks, (uint32_t)all);
    EXPECT(allocate_until_full(100000, 0) >= 500);
    blocks_free(blocks, COUNT);
}
