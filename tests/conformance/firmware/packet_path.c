/* SPDX-License-Identifier: Apache-2.0 */
/* Packets on their way: fragments in memory blocks that a device reads, headers from the system's
 * heap, and a pool by kind of memory. */
#include <zephyr/kernel.h>
#include <zephyr/sys/check.h>
#include <zephyr/sys/mem_blocks.h>
#include <zephyr/sys/printk.h>
#include "firmware.h"

#define FRAGMENT_SIZE  CONFIG_PACKET_FRAGMENT_SIZE
#define FRAGMENT_COUNT 16
#define MAX_FRAGMENTS  4

#if defined(CONFIG_PACKET_DMA)
#define FRAGMENT_ALIGN 64
#else
#define FRAGMENT_ALIGN 4
#endif

struct packet {
    size_t fragment_count;
    void *fragments[MAX_FRAGMENTS];
};

SYS_MEM_BLOCKS_DEFINE_STATIC(fragments, FRAGMENT_SIZE, FRAGMENT_COUNT, FRAGMENT_ALIGN);
SYS_MEM_BLOCKS_DEFINE(small_fragments, 16, 8, 4);

static sys_multi_mem_blocks_t pools;

static sys_mem_blocks_t *choose_pool(struct sys_multi_mem_blocks *group, void *cfg)
{
    return POINTER_TO_UINT(cfg) <= 16 ? group->allocators[1] : group->allocators[0];
}

struct packet *packet_new(size_t length)
{
    size_t count = DIV_ROUND_UP(length, FRAGMENT_SIZE);
    struct packet *packet;

    CHECKIF(count > MAX_FRAGMENTS)
    {
        return NULL;
    }

    packet = (struct packet *)k_calloc(1, sizeof(*packet));
    if (packet == NULL) {
        return NULL;
    }
    if (sys_mem_blocks_alloc(&fragments, count, packet->fragments) != 0) {
        k_free(packet);
        return NULL;
    }
    packet->fragment_count = count;
    return packet;
}

void packet_free(struct packet *packet)
{
    int ret = sys_mem_blocks_free(&fragments, packet->fragment_count, packet->fragments);

    __ASSERT_NO_MSG(ret == 0);
    ARG_UNUSED(ret);
    k_free(packet);
}

int packet_path_init(void)
{
    sys_multi_mem_blocks_init(&pools, choose_pool);
    sys_multi_mem_blocks_add_allocator(&pools, &fragments);
    sys_multi_mem_blocks_add_allocator(&pools, &small_fragments);
    if (IS_ENABLED(CONFIG_PACKET_TRACE)) {
        printk("%u fragments of %u bytes\n", fragments.info.num_blocks,
               1u << fragments.info.blk_sz_shift);
    }
    return 0;
}

int packet_path_run(void)
{
    struct packet *packet = packet_new(3 * FRAGMENT_SIZE - 1);
    void *header[1];
    size_t header_size;
    int ret;

    if (packet == NULL || packet->fragment_count != 3) {
        return -ENOMEM;
    }
    ret = sys_multi_mem_blocks_alloc(&pools, UINT_TO_POINTER(12), ARRAY_SIZE(header), header,
                                     &header_size);
    if (ret == 0) {
        ret = sys_multi_mem_blocks_free(&pools, ARRAY_SIZE(header), header);
    }
    packet_free(packet);
    return ret != 0 ? ret : (int)header_size;
}
