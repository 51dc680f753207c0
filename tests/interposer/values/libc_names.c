/* SPDX-License-Identifier: Apache-2.0 */
/* The names with __libc_ are the same allocator: what one hands out the other takes. */
#include "../expect.h"

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *block, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);
extern void *__libc_valloc(size_t bytes);
extern void *__libc_pvalloc(size_t bytes);
extern void __libc_free(void *block);
extern int __posix_memalign(void **block, size_t alignment, size_t bytes) __attribute__((weak));
extern void __libc_cfree(void *block) __attribute__((weak));

static void expect_ours(void *block, size_t bytes, size_t alignment)
{
    EXPECT(block != NULL && is_aligned(block, alignment) && malloc_usable_size(block) >= bytes);
    memset(block, 1, bytes);
    free(block);
}

static void test(char **argv)
{
    void *block = NULL;
    expect_ours(__libc_malloc(100), 100, 16);
    expect_ours(__libc_calloc(10, 10), 100, 16);
    expect_ours(__libc_realloc(malloc(5), 100), 100, 16);
    expect_ours(__libc_memalign(128, 100), 100, 128);
    expect_ours(__libc_valloc(100), 100, 4096);
    expect_ours(__libc_pvalloc(100), 4096, 4096);
    __libc_free(malloc(100));
    if (__posix_memalign != NULL) {
        EXPECT(__posix_memalign(&block, 256, 100) == 0);
        expect_ours(block, 100, 256);
    }
    if (__libc_cfree != NULL) {
        __libc_cfree(malloc(100));
    }
    EXPECT(any_malloc_will_do() || (__posix_memalign != NULL && __libc_cfree != NULL));
}
