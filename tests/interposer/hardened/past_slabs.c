/* SPDX-License-Identifier: Apache-2.0 */
/* A write that runs on through small blocks meets memory that cannot be written to. */
#include "../expect.h"

#define BLOCK_BYTES 30000
#define BLOCKS      2000
#define RUN_BYTES   (8 * MIB)

static void test(char **argv)
{
    char *lowest = NULL;
    for (int i = 0; i < BLOCKS; i++) {
        char *block = malloc(BLOCK_BYTES);
        EXPECT(block != NULL);
        lowest = lowest == NULL || block < lowest ? block : lowest;
    }
    for (size_t offset = 0; offset < RUN_BYTES; offset += KIB) {
        *(volatile char *)hidden(lowest + offset) = 'o';
    }
}
