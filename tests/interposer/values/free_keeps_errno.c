/* SPDX-License-Identifier: Apache-2.0 */
/* free and its relatives keep errno for blocks of every size, also where the block goes back to the
 * operating system. */
#include "../entry_points.h"

static void free_with(const struct exit_point *way, size_t bytes)
{
    in_case(way->name, bytes);
    void *block = malloc(bytes);
    EXPECT(block != NULL);
    memset(block, 1, bytes < 4096 ? bytes : 4096);
    errno = 4711;
    way->release(block, bytes);
    EXPECT(errno == 4711);
}

static void free_aligned_with(size_t alignment, size_t bytes)
{
    in_case("free_aligned_sized", bytes);
    void *block = aligned_alloc(alignment, bytes);
    EXPECT(block != NULL);
    errno = 4711;
    free_aligned_sized(block, alignment, bytes);
    EXPECT(errno == 4711);
}

static void test(char **argv)
{
    for (size_t bytes = 1; bytes <= 64 * MIB; bytes *= 2) {
        FOR_EACH_EXIT_POINT(way)
        {
            free_with(way, bytes);
            free_with(way, bytes + bytes / 2 + 1);
        }
        if (free_aligned_sized != NULL) {
            free_aligned_with(16, bytes);
            free_aligned_with(64 * KIB, bytes);
        }
    }
}
