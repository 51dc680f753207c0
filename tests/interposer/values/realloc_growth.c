/* SPDX-License-Identifier: Apache-2.0 */
/* A block that realloc grows from 1 byte to 256 MiB, in steps of all kinds, keeps every byte. */
#include "../expect.h"

#define MAXIMUM (256 * MIB)

/* The byte that belongs at an offset; not periodic in any power of two. */
static unsigned char byte_at(size_t offset)
{
    return (unsigned char)(offset % 251);
}

static void write_from(unsigned char *block, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        block[i] = byte_at(i);
    }
}

/* Checks every byte of small blocks; of large ones some of each page and all around `joint`. */
static void expect_kept(const unsigned char *block, size_t bytes, size_t joint)
{
    size_t step = bytes < 64 * KIB ? 1 : 509;
    for (size_t i = 0; i < bytes; i += step) {
        EXPECT(block[i] == byte_at(i));
    }
    for (size_t i = joint < 5000 ? 0 : joint - 5000; i < bytes && i < joint + 5000; i++) {
        EXPECT(block[i] == byte_at(i));
    }
}

static void grow(size_t start, size_t numerator, size_t denominator)
{
    unsigned char *block = NULL;
    size_t bytes = 0;
    for (size_t next = start; next <= MAXIMUM; next += 1 + next * numerator / denominator) {
        in_case("size", next);
        void *neighbour = malloc(next / 3);
        block = realloc(block, next);
        EXPECT(block != NULL && malloc_usable_size(block) >= next);
        write_from(block, bytes, next);
        expect_kept(block, next, bytes);
        bytes = next;
        free(neighbour);
    }
    free(block);
}

static void test(char **argv)
{
    grow(1, 1, 1);
    grow(24, 1, 2);
}
