/* SPDX-License-Identifier: Apache-2.0 */
/* What lies behind a large block cannot be written to; else blocks lie side by side, and the lower
 * one's overflow is the upper one's damage. */
#include "../expect.h"

#define BLOCKS 8

static void test(char **argv)
{
    char *blocks[BLOCKS];
    char *highest = NULL;
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(MIB);
        EXPECT(blocks[i] != NULL);
        highest = blocks[i] > highest ? blocks[i] : highest;
    }
    for (int i = 0; i < BLOCKS; i++) {
        uintptr_t end = (uintptr_t)blocks[i] + malloc_usable_size(blocks[i]) + page_bytes;
        if (blocks[i] != highest) {
            *(volatile char *)hidden((void *)(end - end % page_bytes)) = 'o';
        }
    }
}
