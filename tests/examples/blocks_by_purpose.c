/* SPDX-License-Identifier: Apache-2.0 */
/* A group of two kinds of memory blocks. A function of ours chooses, by what the caller says that
 * it wants: here whether blocks are for the device or for the processor. */
#include <stdio.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/mem_blocks.h>

enum purpose { FOR_DEVICE, FOR_PROCESSOR, FOR_NOBODY };

SYS_MEM_BLOCKS_DEFINE_STATIC(device_blocks, 64, 4, 64);
SYS_MEM_BLOCKS_DEFINE_STATIC(processor_blocks, 32, 8, 4);

static sys_mem_blocks_t *choose(struct sys_multi_mem_blocks *group, void *cfg)
{
    switch (*(const enum purpose *)cfg) {
    case FOR_DEVICE:
        return group->allocators[0];
    case FOR_PROCESSOR:
        return group->allocators[1];
    default:
        return NULL;
    }
}

static void take_and_give_back(sys_multi_mem_blocks_t *group, enum purpose purpose)
{
    void *blocks[2];
    size_t bytes;
    int result = sys_multi_mem_blocks_alloc(group, &purpose, 2, blocks, &bytes);

    if (result != 0) {
        printf("purpose %d: %s\n", purpose, result == -EINVAL ? "no such blocks" : "none left");
        return;
    }
    printf("purpose %d: two blocks of %zu bytes\n", purpose, bytes);
    if (sys_multi_mem_blocks_free(group, 2, blocks) != 0) { /* which finds out whose they are */
        printf("they were not of this group\n");
    }
}

int main(void)
{
    sys_multi_mem_blocks_t group;

    sys_multi_mem_blocks_init(&group, choose);
    sys_multi_mem_blocks_add_allocator(&group, &device_blocks);
    sys_multi_mem_blocks_add_allocator(&group, &processor_blocks);
    take_and_give_back(&group, FOR_DEVICE);
    take_and_give_back(&group, FOR_PROCESSOR);
    take_and_give_back(&group, FOR_NOBODY);
    return 0;
}
