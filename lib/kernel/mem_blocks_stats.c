/* SPDX-License-Identifier: Apache-2.0 */
/* The statistics of memory blocks: its counters, times the size of a block.
 *
 * Both calls do without the lock. What is read is of one moment or the next; what is reset keeps
 * rule 3 of mem_blocks_count.h by looking again. */
#include <zephyr/sys/mem_blocks.h>

#include <errno.h>

#include "kernel/mem_blocks.h"
#include "kernel/mem_blocks_count.h"

int sys_mem_blocks_runtime_stats_get(sys_mem_blocks_t *mem_block, struct sys_memory_stats *stats)
{
    if (mem_block == NULL || stats == NULL) {
        return -EINVAL;
    }
    uint32_t used = mem_blocks_used(mem_block);
    uint32_t most = __atomic_load_n(&mem_block->info.max_used_blocks, __ATOMIC_RELAXED);

    stats->allocated_bytes = mem_blocks_bytes(mem_block, used);
    stats->free_bytes = mem_blocks_bytes(mem_block, mem_block->info.num_blocks - used);
    stats->max_allocated_bytes = mem_blocks_bytes(mem_block, most);
    return 0;
}

int sys_mem_blocks_runtime_stats_reset_max(sys_mem_blocks_t *mem_block)
{
    if (mem_block == NULL) {
        return -EINVAL;
    }
    struct sys_mem_blocks_info *info = &mem_block->info;

    __atomic_store_n(&info->max_used_blocks, mem_blocks_used(mem_block), __ATOMIC_SEQ_CST);
    mem_blocks_raise_most(info, __atomic_load_n(&info->used_blocks, __ATOMIC_SEQ_CST));
    return 0;
}
