/* SPDX-License-Identifier: Apache-2.0 */
/* A library opened with RTLD_DEEPBIND hands out blocks of libc's malloc; free here ignores them.
 * argv[1] is the library. */
#include "../expect.h"

static void test(char **argv)
{
    void *(*make_here)(size_t);
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND);
    EXPECT(library != NULL);
    void *symbol = dlsym(library, "make_here");
    EXPECT(symbol != NULL);
    memcpy(&make_here, &symbol, sizeof(symbol));
    for (size_t bytes = 1; bytes < 4 * MIB; bytes *= 2) {
        void *block = make_here(bytes);
        EXPECT(block != NULL);
        memset(block, 1, bytes);
        free(block);
        free(malloc(bytes));
    }
}
