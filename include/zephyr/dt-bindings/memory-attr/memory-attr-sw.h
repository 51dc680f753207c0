/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What memory is for, as bits that are combined by `|` with those of <.../memory-attr.h>.
 *
 * Source: Zephyr's <zephyr/dt-bindings/memory-attr/memory-attr-sw.h>. Differs from Zephyr: the
 * names are the same, the numbers behind them may not be: use the names.
 */
#ifndef ZEPHYR_INCLUDE_DT_BINDINGS_MEM_ATTR_SW_H_
#define ZEPHYR_INCLUDE_DT_BINDINGS_MEM_ATTR_SW_H_

/** The bits that say what memory is for. */
#define DT_MEM_SW_ATTR_MASK 0xf0000u

#define DT_MEM_SW_ALLOC_CACHE     0x10000u /**< a heap of cached memory */
#define DT_MEM_SW_ALLOC_NON_CACHE 0x20000u /**< a heap of memory that is not cached */
#define DT_MEM_SW_ALLOC_DMA       0x40000u /**< a heap of memory for devices */

#endif
