/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 64 bytes for a device that fills two at once. What says which are free lies outside of
 * the buffer, so that the device may own every byte of it. */
#include <stdio.h>
#include <string.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/mem_blocks.h>

#define BLOCK_BYTES 64
#define BLOCKS      4

SYS_MEM_BLOCKS_DEFINE(descriptors, BLOCK_BYTES, BLOCKS, 4);

static uint8_t __aligned(BLOCK_BYTES) device_memory[BLOCK_BYTES * BLOCKS];
SYS_MEM_BLOCKS_DEFINE_STATIC_WITH_EXT_BUF(device_blocks, BLOCK_BYTES, BLOCKS, device_memory);

/* Takes two blocks at a time, until there are no two left; returns how many pairs it got. */
static int take_pairs(sys_mem_blocks_t *from, void *pairs[][2], int most)
{
    int count = 0;

    while (count < most && sys_mem_blocks_alloc(from, 2, pairs[count]) == 0) {
        memset(pairs[count][0], 0xff, BLOCK_BYTES);
        memset(pairs[count][1], 0xff, BLOCK_BYTES);
        count++;
    }
    return count;
}

int main(void)
{
    void *pairs[BLOCKS][2];
    void *run;

    int count = take_pairs(&descriptors, pairs, BLOCKS);
    printf("%d pairs, and then no more\n", count);
    for (int i = 0; i < count; i++) {
        if (sys_mem_blocks_free(&descriptors, 2, pairs[i]) != 0) {
            printf("pair %d was not ours\n", i);
        }
    }
    if (sys_mem_blocks_free(&descriptors, 2, pairs[0]) == -EFAULT) {
        printf("a pair is not given back twice\n");
    }

    if (sys_mem_blocks_alloc_contiguous(&device_blocks, 3, &run) == 0) {
        printf("three side by side, from block %td on\n",
               ((uint8_t *)run - device_memory) / BLOCK_BYTES);
        sys_mem_blocks_free_contiguous(&device_blocks, run, 3);
    }
    return 0;
}
