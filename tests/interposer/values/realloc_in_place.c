/* SPDX-License-Identifier: Apache-2.0 */
/* realloc to the same size returns the same pointer, also when the size is the usable size;
 * shrinking never fails and keeps the bytes. */
#include "../expect.h"

static void shrink_to(char **block, size_t bytes)
{
    *block = realloc(*block, bytes);
    EXPECT(*block != NULL && malloc_usable_size(*block) >= bytes && is_filled(*block, 's', bytes));
}

static void test(char **argv)
{
    for (size_t bytes = 1; bytes < 16 * MIB; bytes += 1 + bytes / 4) {
        in_case("size", bytes);
        char *block = malloc(bytes);
        EXPECT(block != NULL && realloc(block, bytes) == block);
        EXPECT(any_malloc_will_do() || realloc(block, malloc_usable_size(block)) == block);
        EXPECT(realloc(block, bytes) == block);
        memset(block, 's', bytes);
        shrink_to(&block, bytes - bytes / 5);
        shrink_to(&block, bytes - bytes / 2);
        shrink_to(&block, 1 + bytes / 10);
        shrink_to(&block, 1);
        free(block);
    }
}
