/* SPDX-License-Identifier: Apache-2.0 */
/* Under a limit set by the runner, an alignment that needs more than there is fails with ENOMEM and
 * takes nothing with it; smaller ones go on working. */
#include "../memory_use.h"

static void expect_clean_result(size_t alignment)
{
    in_case("alignment", alignment);
    errno = 0;
    char *block = aligned_alloc(alignment, hidden_size(2000));
    EXPECT(block != NULL ? is_aligned(block, alignment) : errno == ENOMEM);
    EXPECT(block != NULL || alignment > MIB);
    free(block);
}

static size_t live_bytes_after(int repeats)
{
    for (int i = 0; i < repeats; i++) {
        for (size_t alignment = 16; alignment <= 64 * GIB; alignment *= 2) {
            expect_clean_result(alignment);
        }
    }
    return live_bytes();
}

static void test(char **argv)
{
    size_t before = live_bytes_after(10);
    EXPECT(live_bytes_after(50) <= before + 64 * KIB); /* glibc keeps some in its thread cache */
}
