/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of memory blocks. They are atomic, because a signal handler may move them that has
 * no lock, and move beside the bits in an order that makes them right whoever comes in between:
 *
 *   1. used_blocks is never more than the bits that are set: a block counts once its bit is set,
 *      and not any more before it is cleared. So if there are too few by this count, there are too
 *      few; and max_used_blocks is never more than there were.
 *   2. With nobody inside both are equal, as long as nobody else changes the bits.
 *   3. With nobody inside max_used_blocks is not less: who raises used_blocks looks at it after,
 *      and who lowers it looks at used_blocks after. */
#ifndef QUARRY_KERNEL_MEM_BLOCKS_COUNT_H
#define QUARRY_KERNEL_MEM_BLOCKS_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/mem_blocks.h>

/* Sequentially consistent, as what it follows: rule 3. */
static inline void mem_blocks_raise_most(struct sys_mem_blocks_info *info, uint32_t used)
{
    uint32_t most = __atomic_load_n(&info->max_used_blocks, __ATOMIC_SEQ_CST);

    while (used > most && !__atomic_compare_exchange_n(&info->max_used_blocks, &most, used, true,
                                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
}

static inline void mem_blocks_count_taken(sys_mem_blocks_t *mem_block, size_t count)
{
    struct sys_mem_blocks_info *info = &mem_block->info;

    mem_blocks_raise_most(
        info, __atomic_add_fetch(&info->used_blocks, (uint32_t)count, __ATOMIC_SEQ_CST));
}

static inline void mem_blocks_count_given(sys_mem_blocks_t *mem_block, size_t count)
{
    __atomic_fetch_sub(&mem_block->info.used_blocks, (uint32_t)count, __ATOMIC_RELAXED);
}

/* They were not there to be given. */
static inline void mem_blocks_count_again(sys_mem_blocks_t *mem_block, size_t count)
{
    __atomic_fetch_add(&mem_block->info.used_blocks, (uint32_t)count, __ATOMIC_RELAXED);
}

static inline uint32_t mem_blocks_used(const sys_mem_blocks_t *mem_block)
{
    return __atomic_load_n(&mem_block->info.used_blocks, __ATOMIC_RELAXED);
}

static inline bool mem_blocks_are_too_few(const sys_mem_blocks_t *mem_block, size_t count)
{
    return count > mem_block->info.num_blocks - mem_blocks_used(mem_block);
}

#endif
