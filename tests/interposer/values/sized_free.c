/* SPDX-License-Identifier: Apache-2.0 */
/* free_sized takes a block with the size it was asked for, free_aligned_sized also with its
 * alignment; the memory is used again. */
#include "../entry_points.h"
#include "../memory_use.h"

static void free_with_sizes(size_t bytes)
{
    in_case("size", bytes);
    free_sized(malloc(bytes), bytes);
    free_sized(calloc(1, bytes), bytes);
    free_sized(realloc(malloc(bytes / 2), bytes), bytes);
    for (size_t alignment = 1; alignment <= 64 * KIB; alignment *= 4) {
        free_aligned_sized(aligned_alloc(alignment, bytes), alignment, bytes);
    }
}

static void test(char **argv)
{
    if (free_sized == NULL || free_aligned_sized == NULL) {
        EXPECT(any_malloc_will_do());
        exit(EXIT_SKIPPED);
    }
    size_t before = live_bytes();
    for (size_t bytes = 1; bytes < 8 * MIB; bytes += 1 + bytes / 5) {
        free_with_sizes(bytes);
    }
    EXPECT(live_bytes() == before);
}
