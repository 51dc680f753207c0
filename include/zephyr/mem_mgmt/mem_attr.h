/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The table of a program's memory regions, with what each of them is like.
 *
 * Zephyr makes the table from the board's devicetree. Here the program makes it, as an array that
 * is constant or is filled in with memory that it has mapped, and names it by
 * quarry_mem_attr_regions_set (<quarry/memory_region.h>).
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Blocks:  never.
 *
 * Threads: any at the same time. Signals: from any handler. Fork: a child has the same table.
 *
 * Owner:   the table is the program's, and lives on for good.
 *
 * Source:  Zephyr's <zephyr/mem_mgmt/mem_attr.h>.
 */
#ifndef ZEPHYR_INCLUDE_MEM_ATTR_H_
#define ZEPHYR_INCLUDE_MEM_ATTR_H_

#include <stddef.h>
#include <stdint.h>
#include <zephyr/dt-bindings/memory-attr/memory-attr-sw.h>
#include <zephyr/dt-bindings/memory-attr/memory-attr.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** A region of memory. */
struct mem_attr_region_t {
    const char *dt_name; /**< for people to read; may be NULL */
    uintptr_t dt_addr;   /**< address of its first byte */
    size_t dt_size;      /**< in bytes */
    uint32_t dt_attr;    /**< DT_MEM_ bits */
};

/**
 * Gives the table.
 *
 * @param region where the address of the first region goes; the others follow it in an array. NULL
 *               goes there if there is no table
 * @return number of regions
 *
 * Cost: O(1).
 */
size_t mem_attr_get_regions(const struct mem_attr_region_t **region);

/**
 * Tells whether a buffer lies in memory that is as it should be.
 *
 * @param addr the buffer
 * @param size its size in bytes
 * @param attr DT_MEM_ bits, not 0
 * @return 0 iff its region has all of these bits; -ENOTSUP iff @p size or @p attr is 0; -ENOBUFS
 *         iff it begins in no region; -ENOSPC iff it reaches beyond the region that it begins in;
 *         -EINVAL iff that region lacks a bit
 *
 * Cost: O(regions).
 */
int mem_attr_check_buf(void *addr, size_t size, uint32_t attr);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
