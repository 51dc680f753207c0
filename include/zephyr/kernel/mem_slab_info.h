/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What a memory slab tells about itself: `info` of struct k_mem_slab.
 *
 * Source: Zephyr's <zephyr/kernel.h>. Differs from Zephyr: four members more, the order another.
 */
#ifndef ZEPHYR_INCLUDE_KERNEL_MEM_SLAB_INFO_H_
#define ZEPHYR_INCLUDE_KERNEL_MEM_SLAB_INFO_H_

#include <stddef.h>
#include <stdint.h>

/** Counters and sizes of a slab, to be read at any time. */
struct k_mem_slab_info {
    size_t block_size;   /**< bytes of a block, a multiple of sizeof(void *) */
    uint64_t reciprocal; /**< of block_size: the library's own */
    uint32_t num_blocks; /**< blocks that there are */
    uint32_t max_used;   /**< the most that were in use, or since it was reset */
    /** The library's own: this and what follows change together, by one instruction. */
    __attribute__((aligned(16))) uint32_t first_free;
    uint32_t changes;  /**< the library's own */
    uint32_t num_used; /**< blocks in use */
    uint32_t touched;  /**< the most that ever were in use: the library's own */
};

#endif
