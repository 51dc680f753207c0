/* SPDX-License-Identifier: Apache-2.0 */
/* New blocks come in the order of their addresses ("rising"), or in none ("mixed"); so do blocks
 * that were freed in some order. */
#include "../expect.h"

#define BLOCKS 200
#define BYTES  (16 * 21) /* of this size nobody else has any */

/* Whether all blocks' addresses, or none but a few, are above that of the one before. */
static int is_mixed(char *const blocks[BLOCKS])
{
    int rising = 0;
    for (int i = 1; i < BLOCKS; i++) {
        rising += blocks[i] > blocks[i - 1];
    }
    return rising > BLOCKS / 10 && rising < BLOCKS - BLOCKS / 10;
}

static void allocate(char *blocks[BLOCKS])
{
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BYTES - 8);
        EXPECT(blocks[i] != NULL);
    }
}

static int by_address(const void *a, const void *b)
{
    const char *first = *(char *const *)a;
    const char *second = *(char *const *)b;
    return (first > second) - (first < second);
}

static void test(char **argv)
{
    char *blocks[BLOCKS];
    int mixed = strcmp(argv[1], "mixed") == 0;
    allocate(blocks);
    EXPECT(is_mixed(blocks) == mixed);
    qsort(blocks, BLOCKS, sizeof(blocks[0]), by_address);
    for (int i = 0; i < BLOCKS; i++) {
        free(blocks[i]);
    }
    allocate(blocks);
    EXPECT(is_mixed(blocks) == mixed);
}
