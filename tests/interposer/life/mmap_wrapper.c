/* SPDX-License-Identifier: Apache-2.0 */
/* Another interposer's mmap, munmap and madvise may themselves allocate: the allocator either does
 * not call them or can be called from within. */
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../blocks.h"

static _Thread_local int depth;

static void allocate_inside(void)
{
    if (depth == 0) {
        depth++;
        free(malloc(100));
        free(calloc(1, 70000));
        depth--;
    }
}

void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    allocate_inside();
    return (void *)syscall(SYS_mmap, address, bytes, protection, flags, file, offset);
}

int munmap(void *address, size_t bytes)
{
    allocate_inside();
    return (int)syscall(SYS_munmap, address, bytes);
}

int madvise(void *address, size_t bytes, int advice)
{
    allocate_inside();
    return (int)syscall(SYS_madvise, address, bytes, advice);
}

static void test(char **argv)
{
    static struct block blocks[1000];
    uint32_t state = 57;
    for (int step = 0; step < 50000; step++) {
        blocks_step(blocks, 1000, &state);
    }
    for (size_t bytes = 64 * KIB; bytes < 256 * MIB; bytes *= 2) {
        free(realloc(malloc(bytes), 2 * bytes));
    }
    blocks_free(blocks, 1000);
    malloc_trim(0);
}
