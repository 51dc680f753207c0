/* SPDX-License-Identifier: Apache-2.0 */
/* memalign with an alignment that is no power of two rounds it up or refuses with EINVAL; the
 * alignments below 16 give an ordinary block. */
#include "../expect.h"

static void test(char **argv)
{
    for (size_t alignment = 0; alignment < 5000; alignment++) {
        in_case("alignment", alignment);
        errno = 0;
        void *block = memalign(hidden_size(alignment), 100);
        int is_power = alignment != 0 && (alignment & (alignment - 1)) == 0;
        EXPECT(block != NULL || (!is_power && errno == EINVAL));
        EXPECT(is_aligned(block, 16) && (!is_power || is_aligned(block, alignment)));
        free(block);
    }
}
