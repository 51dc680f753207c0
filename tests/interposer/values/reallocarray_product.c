/* SPDX-License-Identifier: Apache-2.0 */
/* reallocarray resizes to the product, keeps the bytes, and refuses a product that wraps with
 * ENOMEM. */
#include "../expect.h"

static void test(char **argv)
{
    char *block = NULL;
    size_t kept = 0;
    for (size_t count = 1; count < 100000; count += 1 + count / 2) {
        in_case("count", count);
        block = reallocarray(block, count, 12);
        EXPECT(block != NULL && malloc_usable_size(block) >= count * 12);
        EXPECT(is_filled(block, 'r', kept));
        kept = count * 12;
        memset(block, 'r', kept);
        errno = 0;
        EXPECT(reallocarray(block, hidden_size(SIZE_MAX / 12 + count), 12) == NULL);
        EXPECT(errno == ENOMEM && is_filled(block, 'r', kept));
    }
    free(block);
}
