/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What memory is like, as bits that are combined by `|`. The library compares them and gives them
 * no meaning of its own.
 *
 * Source: Zephyr's <zephyr/dt-bindings/memory-attr/memory-attr.h>.
 */
#ifndef ZEPHYR_INCLUDE_DT_BINDINGS_MEM_ATTR_H_
#define ZEPHYR_INCLUDE_DT_BINDINGS_MEM_ATTR_H_

#define DT_MEM_CACHEABLE    0x1u /**< a cache may hold it */
#define DT_MEM_NON_VOLATILE 0x2u /**< it keeps its contents without power */
#define DT_MEM_OOO          0x4u /**< accesses may take place in another order */
#define DT_MEM_DMA          0x8u /**< devices can read and write it */

#endif
