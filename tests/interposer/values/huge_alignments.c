/* SPDX-License-Identifier: Apache-2.0 */
/* Alignments above what the address space has fail with ENOMEM; those near it hold or fail so. */
#include "../memory_use.h"

static void test(char **argv)
{
    const unsigned int user_space_bits = 47;
    size_t before = live_bytes();
    for (unsigned int bit = 30; bit < 64; bit++) {
        size_t alignment = (size_t)1 << bit;
        in_case("alignment bit", bit);
        errno = 0;
        char *block = aligned_alloc(hidden_size(alignment), hidden_size(100));
        EXPECT(block != NULL || errno == ENOMEM);
        EXPECT(block == NULL || (is_aligned(block, alignment) && bit < user_space_bits));
        if (block != NULL) {
            memset(block, 1, 100);
            free(block);
        }
    }
    in_case("live bytes", 0);
    EXPECT(live_bytes() == before);
}
