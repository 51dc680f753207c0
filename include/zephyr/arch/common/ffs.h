/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The first and the last set bit of a word.
 *
 * Cost: O(1). Blocks: never. Threads and signals: any.
 * Source: Zephyr's <zephyr/arch/common/ffs.h>.
 */
#ifndef ZEPHYR_INCLUDE_ARCH_COMMON_FFS_H_
#define ZEPHYR_INCLUDE_ARCH_COMMON_FFS_H_

#include <stdint.h>

/** @return number of the lowest set bit of @p op, the first being 1; 0 iff there is none */
static inline unsigned int find_lsb_set(uint32_t op)
{
    return op == 0 ? 0 : 1 + (unsigned int)__builtin_ctz(op);
}

/** @return number of the highest set bit of @p op, the first being 1; 0 iff there is none */
static inline unsigned int find_msb_set(uint32_t op)
{
    return op == 0 ? 0 : 32 - (unsigned int)__builtin_clz(op);
}

#endif
