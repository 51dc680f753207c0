/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Counters that all of Zephyr's allocators report in one form.
 *
 * Source: Zephyr's <zephyr/sys/mem_stats.h>.
 */
#ifndef ZEPHYR_INCLUDE_SYS_MEM_STATS_H_
#define ZEPHYR_INCLUDE_SYS_MEM_STATS_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A snapshot of an allocator's counters, in bytes that users can use (headers do not count). */
struct sys_memory_stats {
    size_t free_bytes;          /**< free now */
    size_t allocated_bytes;     /**< allocated now */
    size_t max_allocated_bytes; /**< the most that was ever allocated, or since it was reset */
};

#ifdef __cplusplus
}
#endif

#endif
