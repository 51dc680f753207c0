/* SPDX-License-Identifier: Apache-2.0 */
/* A library that allocated can be closed: what it made stays valid, and its destructor may free the
 * rest. argv[1] is the library. */
#include "../blocks.h"

static void test(char **argv)
{
    for (int i = 0; i < 100; i++) {
        struct block (*make_block)(void);
        void *library = dlopen(argv[1], RTLD_NOW);
        EXPECT(library != NULL);
        void *symbol = dlsym(library, "make_block");
        EXPECT(symbol != NULL);
        memcpy(&make_block, &symbol, sizeof(symbol));
        struct block block = make_block();
        EXPECT(dlclose(library) == 0);
        block_check(&block);
        block_free(&block);
    }
}
