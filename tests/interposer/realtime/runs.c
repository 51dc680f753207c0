/* SPDX-License-Identifier: Apache-2.0 */
/* In the real-time mode large blocks grow and shrink, are cleared and moved without a system call,
 * and without a page fault. */
#include "watched.h"

static struct block blocks[50];

static void test(char **argv)
{
    uint32_t state = 5;

    memset(blocks, 0xff, sizeof(blocks));
    memset(blocks, 0, sizeof(blocks));
    forbid_system_calls();
    blocks_step(blocks, 1, &state);
    long before = faults();
    for (int i = 0; i < 20000; i++) {
        blocks_step(blocks, 50, &state);
    }
    blocks_free(blocks, 50);
    char *grown = NULL;
    for (size_t bytes = 1; bytes < 32 * MIB; bytes += 1 + bytes / 2) {
        grown = realloc(grown, bytes);
        EXPECT(grown != NULL && is_filled(grown, 'g', bytes / 2));
        memset(grown, 'g', bytes);
    }
    free(grown);
    for (size_t bytes = 16; bytes < 32 * MIB; bytes *= 2) {
        char *cleared = calloc(1, bytes);
        EXPECT(cleared != NULL && is_filled(cleared, 0, bytes));
        free(cleared);
    }
    EXPECT(malloc_trim(0) == 0);
    EXPECT(faults() == before);
    _exit(0);
}
