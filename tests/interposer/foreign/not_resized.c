/* SPDX-License-Identifier: Apache-2.0 */
/* realloc and malloc_usable_size of an address that is not from this allocator: NULL with ENOMEM or
 * EINVAL, and 0; the memory there is not touched. */
#include "foreign.h"

static void expect_not_resized(char *foreign)
{
    const size_t sizes[] = {1, 100, 100000, 4 * MIB};
    memset(foreign, 'f', 256);
    EXPECT(malloc_usable_size(hidden(foreign)) == 0);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        errno = 0;
        EXPECT(realloc(hidden(foreign), sizes[i]) == NULL);
        EXPECT(errno == ENOMEM || errno == EINVAL);
        errno = 0;
        EXPECT(reallocarray(hidden(foreign), sizes[i], 2) == NULL);
        EXPECT(errno == ENOMEM || errno == EINVAL);
    }
    EXPECT(realloc(hidden(foreign), hidden_size(0)) == NULL);
    EXPECT(is_filled(foreign, 'f', 256));
}

static void test(char **argv)
{
    char on_stack[FOREIGN_BYTES];
    expect_not_resized(foreign_page());
    expect_not_resized(foreign_static);
    expect_not_resized(on_stack);
    EXPECT(malloc_usable_size((void *)(uintptr_t)16) == 0);
    EXPECT(realloc((void *)(uintptr_t)16, 100) == NULL);
}
