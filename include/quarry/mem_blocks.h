/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What Quarry's memory blocks offer beyond Zephyr's API: a beginning at run time, and an end.
 *
 * Rules for both: Blocks: never. Threads: nobody may use the blocks meanwhile. Signals: not from a
 * handler that may have interrupted a call on the blocks. Source: Quarry.
 */
#ifndef QUARRY_MEM_BLOCKS_H_
#define QUARRY_MEM_BLOCKS_H_

#include <stddef.h>
#include <quarry/bitarray.h>
#include <zephyr/sys/mem_blocks.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/**
 * Makes an allocator of a buffer and a bit array, which has a bit for each block.
 *
 *     static uint32_t words[QUARRY_BITARRAY_WORDS(1000)];
 *     static sys_bitarray_t bitmap;
 *     static sys_mem_blocks_t blocks;
 *
 *     quarry_bitarray_init(&bitmap, 1000, words, ARRAY_SIZE(words));
 *     quarry_mem_blocks_init(&blocks, aligned_alloc(64, 64 * 1000), 64, &bitmap);
 *
 * @param mem_block  the allocator; what it was before is lost
 * @param buffer     block_size bytes for each bit; aligned as a block is to be, and at least for a
 *                   pointer or, if that is less, to the size of a block. Not touched
 * @param block_size bytes of a block, a power of two
 * @param bitmap     one that quarry_bitarray_init or SYS_BITARRAY_DEFINE made, and that nobody else
 *                   uses. Blocks whose bits are set already count as taken
 * @return 0; -EINVAL iff one of these does not hold, one of them is NULL, or the buffer would wrap
 *         around the end of the address space
 *
 * Cost:  O(number of blocks / 32).
 * Owner: the caller of all four, which must stay in place.
 */
int quarry_mem_blocks_init(sys_mem_blocks_t *mem_block, void *buffer, size_t block_size,
                           sys_bitarray_t *bitmap);

/**
 * Ends an allocator: its buffer is ordinary memory again, and has no value.
 *
 * Without a memory checker nothing but the allocator changes. Under AddressSanitizer or Valgrind
 * its buffer is off limits save for the blocks that are taken, until it ends. So call this before
 * the buffer is used otherwise, and before one on the stack goes out of scope; a buffer of malloc
 * may be freed as it is.
 *
 * @param mem_block of which no block is in use any more. It has no blocks afterwards
 *
 * Cost: O(1).
 */
void quarry_mem_blocks_end(sys_mem_blocks_t *mem_block);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
