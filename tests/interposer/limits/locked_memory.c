/* SPDX-License-Identifier: Apache-2.0 */
/* In a program that locked its memory, where the kernel refuses to take pages back, freed memory is
 * used again, calloc still clears, and free keeps errno. */
#include <sys/mman.h>

#include "../blocks.h"

static void expect_cleared(size_t bytes)
{
    char *block = malloc(bytes);
    in_case("size", bytes);
    EXPECT(block != NULL);
    memset(block, 0xa5, bytes);
    errno = 4711;
    free(block);
    EXPECT(errno == 4711);
    malloc_trim(0);
    block = calloc(1, bytes);
    EXPECT(block != NULL && is_filled(block, 0, malloc_usable_size(block)));
    free(block);
}

static void test(char **argv)
{
    static struct block blocks[500];
    uint32_t state = 89;
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        exit(EXIT_SKIPPED);
    }
    for (int step = 0; step < 20000; step++) {
        blocks_step(blocks, 500, &state);
    }
    for (size_t bytes = 16; bytes < 32 * MIB; bytes += 16 + bytes / 3) {
        expect_cleared(bytes);
    }
    blocks_free(blocks, 500);
}
