/* SPDX-License-Identifier: Apache-2.0 */
/* In a C program that opens a C++ library privately, that library's failing new throws what it can
 * catch. argv[1] is the library. */
#include "../expect.h"

static void test(char **argv)
{
    int (*catch_bad_alloc)(size_t);
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    EXPECT(library != NULL);
    void *symbol = dlsym(library, "catch_bad_alloc");
    EXPECT(symbol != NULL);
    memcpy(&catch_bad_alloc, &symbol, sizeof(symbol));
    EXPECT(catch_bad_alloc(PTRDIFF_MAX) == 1);
    EXPECT(catch_bad_alloc(PTRDIFF_MAX - 100) == 1);
}
