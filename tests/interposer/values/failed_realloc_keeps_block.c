/* SPDX-License-Identifier: Apache-2.0 */
/* A realloc that fails reports ENOMEM and leaves the block, its size and its bytes as they were. */
#include "../expect.h"

static void test(char **argv)
{
    const size_t sizes[] = {1, 100, 5000, 100 * KIB, 3 * MIB};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        in_case("size", sizes[i]);
        char *block = malloc(sizes[i]);
        EXPECT(block != NULL);
        memset(block, 'k', sizes[i]);
        size_t usable = malloc_usable_size(block);
        errno = 0;
        EXPECT(realloc(block, hidden_size(SIZE_MAX - 100)) == NULL && errno == ENOMEM);
        errno = 0;
        EXPECT(realloc(block, hidden_size((size_t)PTRDIFF_MAX - 100)) == NULL && errno == ENOMEM);
        errno = 0;
        EXPECT(reallocarray(block, hidden_size(SIZE_MAX / 8 + 2), 8) == NULL && errno == ENOMEM);
        EXPECT(malloc_usable_size(block) == usable && is_filled(block, 'k', sizes[i]));
        free(block);
    }
}
