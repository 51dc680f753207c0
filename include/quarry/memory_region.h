/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Memory of a kind, from the operating system: in huge pages, locked, in a file that other
 * processes can map, on a node of the machine. And the ways from there to Zephyr's heaps:
 *
 *   struct quarry_memory_region region;
 *   if (quarry_memory_region_map(&region, MB(16), QUARRY_MEMORY_LOCKED) == 0) {
 *       quarry_shared_multi_heap_add(&region, SMH_REG_ATTR_NON_CACHEABLE);
 *   }
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    a few system calls, of which one may take a time that grows with the size.
 *
 * Blocks:  as these do.
 *
 * Threads: any at the same time, on different regions.
 *
 * Signals: not from a handler.
 *
 * Fork:    a child has a copy of a region, and shares one that is a file. What is locked is not
 *          locked in the child; a child that writes to pages that were set aside (see
 *          QUARRY_MEMORY_HUGE) is ended by SIGBUS if no more of them are.
 *
 * Owner:   the caller owns a region until it is unmapped.
 *
 * Source:  Quarry.
 */
#ifndef QUARRY_MEMORY_REGION_H_
#define QUARRY_MEMORY_REGION_H_

#include <stddef.h>
#include <stdint.h>
#include <zephyr/mem_mgmt/mem_attr.h>
#include <zephyr/multi_heap/shared_multi_heap.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** What memory is wanted. */
enum quarry_memory_kind {
    QUARRY_MEMORY_ORDINARY, /**< pages come when they are first touched, and may go to swap */
    QUARRY_MEMORY_HUGE,   /**< huge pages, which take fewer entries of the processor's tables: those
                             that the system has set aside for it, if there are enough, else what it
                             puts together as it can (transparent huge pages) */
    QUARRY_MEMORY_LOCKED, /**< all pages are there from the start, and stay */
    QUARRY_MEMORY_FILE,   /**< a nameless file in memory, which other processes can map, too */
};

/** What pages a region has. */
enum quarry_memory_pages {
    QUARRY_PAGES_USUAL,
    QUARRY_PAGES_TRANSPARENT, /**< huge ones where the system can make one; it tries */
    QUARRY_PAGES_SET_ASIDE,   /**< huge ones, all of them, and they are this region's */
};

/** A region. Read it freely. */
struct quarry_memory_region {
    void *start;  /**< its first byte, at a multiple of its pages' size; NULL: not mapped */
    size_t bytes; /**< its size: what was asked for, rounded up to whole pages */
    enum quarry_memory_pages pages;
    int file; /**< file descriptor of a QUARRY_MEMORY_FILE, closed on exec; else -1 */
};

/**
 * Maps memory, which reads as zeros.
 *
 * @param region what was got, if it was
 * @param bytes  wanted size in bytes
 * @param kind   what memory
 * @return 0; -EINVAL iff @p bytes is 0 or @p kind is none; -ENOMEM iff there is not so much memory
 *         or address space; -EPERM iff the process may not have it: more locked memory than
 *         RLIMIT_MEMLOCK, or a larger file than RLIMIT_FSIZE; -EMFILE iff there are too many open
 *         files; -ENOTSUP iff the system has no such memory. Not 0: region->start is NULL
 *
 * Differs by system: QUARRY_MEMORY_HUGE needs pages that the administrator has set aside
 * (vm.nr_hugepages), or transparent huge pages that are not switched off.
 */
int quarry_memory_region_map(struct quarry_memory_region *region, size_t bytes,
                             enum quarry_memory_kind kind);

/**
 * Maps ordinary memory of one node of a machine whose processors have memory of their own.
 *
 * @param region what was got, if it was
 * @param bytes  wanted size in bytes
 * @param node   the node's number, as below /sys/devices/system/node
 * @return 0; -EINVAL iff @p bytes is 0, or the machine has no such node with memory that the
 *         process may use; -ENOMEM as above; -EPERM iff the process may not choose; -ENOTSUP iff
 *         the system knows no nodes
 */
int quarry_memory_region_map_on_node(struct quarry_memory_region *region, size_t bytes,
                                     unsigned int node);

/**
 * Maps all of a file that quarry_memory_region_map has made, in this process or another one, which
 * has passed its descriptor on (SCM_RIGHTS, fork, or /proc/PID/fd).
 *
 * @param region what was got, if it was
 * @param file   the descriptor. It stays the caller's: the region has one of its own
 * @return 0; -EINVAL iff it is no such file: its size is 0 or could be changed by others, or it
 *         cannot be written to; -ENOMEM as above; -EMFILE iff there are too many open files
 */
int quarry_memory_region_attach(struct quarry_memory_region *region, int file);

/**
 * Gives a region back to the system, and closes its file.
 *
 * @param region the region. End heaps in it first (quarry_heap_end); one that is in a pool stays
 *               mapped for good
 * @return 0: region->start is NULL now; -EINVAL iff it was before; -ENOMEM iff the system has no
 *         room to take it back (it may, where neighbouring mappings are one to it): then it is as
 *         it was
 */
int quarry_memory_region_unmap(struct quarry_memory_region *region);

/**
 * Adds a region to the pool of shared_multi_heap.
 *
 * @return as shared_multi_heap_add
 */
int quarry_shared_multi_heap_add(const struct quarry_memory_region *region,
                                 enum shared_multi_heap_attr attr);

/**
 * Maps the kind of memory that an attribute stands for, and adds it to the pool of
 * shared_multi_heap: ordinary, locked or in huge pages.
 *
 * @param attr  the attribute
 * @param bytes wanted size in bytes, rounded up to whole pages
 * @return 0; -EINVAL iff @p attr is none, or @p bytes is 0 or more than a heap can have; what
 *         quarry_memory_region_map returns; what shared_multi_heap_add returns. Not 0: nothing is
 *         mapped
 */
int quarry_shared_multi_heap_map(enum shared_multi_heap_attr attr, size_t bytes);

/**
 * Describes a region for the table of quarry_mem_attr_regions_set.
 *
 * @param region the region
 * @param name   its name, which lives for good; may be NULL
 * @param attr   DT_MEM_ bits that say what it is like
 * @return an element of the table
 */
static inline struct mem_attr_region_t
quarry_mem_attr_region(const struct quarry_memory_region *region, const char *name, uint32_t attr)
{
    struct mem_attr_region_t element = {name, (uintptr_t)region->start, region->bytes, attr};

    return element;
}

/**
 * Names the table of the program's memory regions, in the place of a devicetree.
 *
 * @param regions the table, which lives for good and does not change; may be NULL if @p count is 0
 * @param count   number of regions
 * @return 0; -EALREADY iff mem_attr_heap_pool_init has made heaps of the one before; -EINVAL iff
 *         @p regions is NULL and @p count is not 0. Not 0: the table is the one before
 *
 * Cost: O(1). Blocks: never. Threads: nobody may look into the table meanwhile.
 */
int quarry_mem_attr_regions_set(const struct mem_attr_region_t *regions, size_t count);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
