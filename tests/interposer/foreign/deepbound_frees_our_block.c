/* SPDX-License-Identifier: Apache-2.0 */
/* A library opened with RTLD_DEEPBIND calls free on a block of ours, made by strdup inside libc or
 * passed by the program: the program must not end. argv[1] is the library. */
#include "../expect.h"

static void test(char **argv)
{
    void (*copy_and_free)(const char *);
    void (*free_here)(void *);
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND);
    EXPECT(library != NULL);
    void *copy_symbol = dlsym(library, "copy_and_free");
    void *free_symbol = dlsym(library, "free_here");
    EXPECT(copy_symbol != NULL && free_symbol != NULL);
    memcpy(&copy_and_free, &copy_symbol, sizeof(copy_symbol));
    memcpy(&free_here, &free_symbol, sizeof(free_symbol));
    for (int i = 0; i < 100; i++) {
        copy_and_free("a text that libc copies");
        free_here(malloc(100));
        free_here(malloc(100000));
        free_here(malloc(2 * MIB));
        free(malloc(100));
    }
}
