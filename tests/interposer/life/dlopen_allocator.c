/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator's library can also be opened in a program that runs on another malloc: its
 * functions then work next to the other's. argv[1] is the library. */
#include "../expect.h"

static void test(char **argv)
{
    void *(*their_malloc)(size_t);
    void (*their_free)(void *);
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    EXPECT(library != NULL);
    void *malloc_symbol = dlsym(library, "malloc");
    void *free_symbol = dlsym(library, "free");
    EXPECT(malloc_symbol != NULL && free_symbol != NULL);
    memcpy(&their_malloc, &malloc_symbol, sizeof(malloc_symbol));
    memcpy(&their_free, &free_symbol, sizeof(free_symbol));
    EXPECT(their_malloc != malloc && their_free != free);
    for (size_t bytes = 1; bytes < 16 * MIB; bytes *= 2) {
        void *theirs = their_malloc(bytes);
        void *ours = malloc(bytes);
        EXPECT(theirs != NULL && ours != NULL && theirs != ours);
        memset(theirs, 1, bytes);
        memset(ours, 2, bytes);
        their_free(theirs);
        free(ours);
    }
    EXPECT(dlclose(library) == 0);
    free(malloc(100));
}
