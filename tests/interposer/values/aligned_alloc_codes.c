/* SPDX-License-Identifier: Apache-2.0 */
/* aligned_alloc refuses an alignment that is no power of two with EINVAL, and takes sizes that are
 * no multiple of the alignment. */
#include "../expect.h"

static void test(char **argv)
{
    const size_t invalid[] = {0, 3, 5, 12, 24, 48, 100, 4095, 4097, SIZE_MAX / 2, SIZE_MAX};
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        in_case("alignment", invalid[i]);
        errno = 0;
        EXPECT(aligned_alloc(hidden_size(invalid[i]), hidden_size(64)) == NULL && errno == EINVAL);
    }
    for (size_t alignment = 1; alignment <= MIB; alignment *= 2) {
        in_case("alignment", alignment);
        void *block = aligned_alloc(alignment, hidden_size(3 * alignment / 2 + 1));
        EXPECT(block != NULL && is_aligned(block, alignment) && is_aligned(block, 16));
        free(block);
    }
}
