/* SPDX-License-Identifier: Apache-2.0 */
/* In the real-time mode a load of many blocks makes no system call and no page fault, from its
 * first block on. Arguments: the sizes of blocks, and how many there are at most. */
#include "watched.h"

static struct block blocks[20000];

static void test(char **argv)
{
    size_t least = strtoul(argv[1], NULL, 10);
    size_t most = strtoul(argv[2], NULL, 10);
    uint32_t count = (uint32_t)strtoul(argv[3], NULL, 10);
    uint32_t state = 101;

    EXPECT(count <= sizeof(blocks) / sizeof(blocks[0]));
    memset(blocks, 0xff, sizeof(blocks)); /* its pages are there */
    memset(blocks, 0, sizeof(blocks));
    forbid_system_calls();
    step(&blocks[0], least, most, &state); /* what of the program itself is not there yet */
    block_free(&blocks[0]);
    long before = faults();
    free(NULL); /* is looked up as well */
    for (uint32_t i = 0; i < 20 * count; i++) {
        step(&blocks[next_random(&state) % count], least, most, &state);
    }
    blocks_free(blocks, count);
    EXPECT(faults() == before);
    _exit(0);
}
