/* SPDX-License-Identifier: Apache-2.0 */
/* Every failure sets ENOMEM; a call that succeeds leaves errno alone. posix_memalign returns its
 * code instead. */
#include "../entry_points.h"

enum { UNTOUCHED = 4711 };

static void test(char **argv)
{
    const size_t good[] = {0, 1, 24, 1000, 70000, 3 * MIB};
    const size_t bad[] = {SIZE_MAX, (size_t)PTRDIFF_MAX + 1, (size_t)PTRDIFF_MAX, (size_t)1 << 62};
    FOR_EACH_ENTRY_POINT(entry)
    {
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
            in_case(entry->name, good[i]);
            errno = UNTOUCHED;
            void *block = entry->allocate(good[i]);
            EXPECT(block != NULL && errno == UNTOUCHED);
            EXPECT(malloc_usable_size(block) >= good[i] && errno == UNTOUCHED);
            block = realloc(block, hidden_size(good[i] + 100));
            EXPECT(block != NULL && errno == UNTOUCHED);
            free(block);
            EXPECT(errno == UNTOUCHED);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            in_case(entry->name, bad[i]);
            errno = UNTOUCHED;
            EXPECT(entry->allocate(bad[i]) == NULL && errno == ENOMEM);
        }
    }
}
