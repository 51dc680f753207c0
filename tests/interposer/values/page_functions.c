/* SPDX-License-Identifier: Apache-2.0 */
/* valloc gives blocks at a page's start; pvalloc also whole pages. */
#include "../expect.h"

static void test(char **argv)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t bytes = 1; bytes < 4 * MIB; bytes += 1 + bytes / 3) {
        in_case("size", bytes);
        void *block = valloc(bytes);
        void *pages = pvalloc(bytes);
        EXPECT(block != NULL && is_aligned(block, page));
        EXPECT(pages != NULL && is_aligned(pages, page));
        EXPECT(malloc_usable_size(pages) >= (bytes + page - 1) / page * page);
        memset(block, 1, bytes);
        memset(pages, 2, malloc_usable_size(pages));
        free(block);
        free(pages);
    }
}
