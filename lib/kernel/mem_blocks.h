/* SPDX-License-Identifier: Apache-2.0 */
/* Memory blocks: their numbers and addresses, and what watchers are told of them. */
#ifndef QUARRY_KERNEL_MEM_BLOCKS_H
#define QUARRY_KERNEL_MEM_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/mem_blocks.h>

/* Blocks side by side. */
struct stretch {
    size_t first;
    size_t count;
};

static inline size_t mem_blocks_bytes(const sys_mem_blocks_t *mem_block, size_t count)
{
    return count << mem_block->info.blk_sz_shift;
}

static inline void *mem_blocks_address(const sys_mem_blocks_t *mem_block, size_t number)
{
    return mem_block->buffer + mem_blocks_bytes(mem_block, number);
}

/* The block that an address lies in. For what lies in none, num_blocks or more: distances from
 * below the buffer wrap around. */
static inline size_t mem_blocks_number(const sys_mem_blocks_t *mem_block, const void *mem)
{
    return ((uintptr_t)mem - (uintptr_t)mem_block->buffer) >> mem_block->info.blk_sz_shift;
}

/* --- To be called only if note_is_watched() --- */

/* In each call, before any of the following. */
void mem_blocks_watch(sys_mem_blocks_t *mem_block);

/* These were claimed. Listeners hear of a stretch once, and not of each block. */
void mem_blocks_tell_taken(sys_mem_blocks_t *mem_block, struct stretch what);
/* The same for single blocks, by their addresses, which were written for the caller. */
void mem_blocks_tell_taken_all(sys_mem_blocks_t *mem_block, size_t count, void **blocks);
/* Addresses of blocks were written where the caller wants them. */
void mem_blocks_tell_written(void **blocks, size_t count);
/* The same as mem_blocks_tell_taken for blocks whose contents the caller may know. */
void mem_blocks_tell_got(sys_mem_blocks_t *mem_block, struct stretch what);

/* These are about to be released. False, and nothing is told, iff one of them is not taken. */
bool mem_blocks_tell_given(sys_mem_blocks_t *mem_block, struct stretch what);

/* The buffer is ordinary memory from now on. */
void mem_blocks_unwatch(sys_mem_blocks_t *mem_block);

#endif
