/* SPDX-License-Identifier: Apache-2.0 */
/* A block is resized and freed as what it was made, wherever the threshold for large blocks has
 * gone meanwhile. */
#include "../blocks.h"
#include "../memory_use.h"

enum { COUNT = 200 };

static void test(char **argv)
{
    static struct block blocks[COUNT];
    const int thresholds[] = {64 * 1024, 512 * 1024, 4 * 1024 * 1024, 30 * 1024 * 1024};
    uint32_t state = 73;
    size_t before = live_bytes();
    for (size_t i = 0; i < 60; i++) {
        EXPECT(mallopt(M_MMAP_THRESHOLD, thresholds[i % 4]) == 1);
        for (int step = 0; step < 300; step++) {
            blocks_step(blocks, COUNT, &state);
        }
        void *wide = malloc((size_t)thresholds[i % 4]);
        void *narrow = malloc((size_t)thresholds[i % 4] - 100);
        EXPECT(wide != NULL && narrow != NULL);
        EXPECT(mallopt(M_MMAP_THRESHOLD, thresholds[(i + 1) % 4]) == 1);
        narrow = realloc(narrow, (size_t)thresholds[(i + 2) % 4]);
        EXPECT(narrow != NULL);
        free(wide);
        free(narrow);
    }
    blocks_free(blocks, COUNT);
    EXPECT(any_malloc_will_do() || live_bytes() == before);
}
