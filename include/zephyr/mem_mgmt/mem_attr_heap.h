/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * mem_attr_heap: a heap in each region of the program's table (<zephyr/mem_mgmt/mem_attr.h>) that
 * is there to be allocated from, asked for by the region's attributes.
 *
 *   static char uncached[4096];
 *   static struct mem_attr_region_t regions[] = {
 *       {"uncached", (uintptr_t)uncached, sizeof(uncached), DT_MEM_SW_ALLOC_NON_CACHE},
 *   };
 *   quarry_mem_attr_regions_set(regions, 1);        of <quarry/memory_region.h>
 *   mem_attr_heap_pool_init();
 *   void *block = mem_attr_heap_alloc(DT_MEM_SW_ALLOC_NON_CACHE, 100);
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    O(regions) and a call of sys_heap for each region that is tried, under a lock.
 *
 * Blocks:  for that lock, which is held for such calls; never for memory.
 *
 * Threads: any at the same time.
 *
 * Signals: all may be called from a handler, whatever it interrupted. If it interrupted a call on
 *          these heaps, what would allocate returns NULL, and a block that is freed comes back when
 *          the interrupted call ends. The same if it interrupted a call on another object of
 *          <zephyr/kernel.h> while the lock of these is taken.
 *
 * Fork:    a child has a copy of the heaps. If another thread was inside of a call when the process
 *          forked, the child's first call looks whether the heaps are whole, and if not, reports
 *          that and aborts.
 *
 * Owner:   the program owns table and memory, and must keep both in place and untouched for good.
 *          Blocks may be freed by any thread.
 *
 * Misuse:  as with sys_heap, and an address that lies in no heap: reported in one line, and the
 *          program aborts.
 *
 * Source:  Zephyr's <zephyr/mem_mgmt/mem_attr_heap.h>, of 2026.
 */
#ifndef ZEPHYR_INCLUDE_MEM_ATTR_HEAP_H_
#define ZEPHYR_INCLUDE_MEM_ATTR_HEAP_H_

#include <stddef.h>
#include <stdint.h>
#include <zephyr/mem_mgmt/mem_attr.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** Regions that can have a heap. */
#define MAX_MEM_ATTR_HEAPS 32

/**
 * Makes a heap in each region of the table that has a DT_MEM_SW_ALLOC_ bit. The others are left
 * alone.
 *
 * @return 0; -EALREADY iff it was done before; -ENOMEM iff there are more than MAX_MEM_ATTR_HEAPS
 *         of them, one has no room for a heap, or two of them overlap: then there is no heap, and
 *         it may be tried again; -EBUSY iff a signal handler calls this that gets NULL from the
 *         other calls
 *
 * Differs from Zephyr: there a region without room is an assertion, and overlapping ones damage
 *          each other.
 */
int mem_attr_heap_pool_init(void);

/**
 * Returns a block of memory with certain attributes, of the first region in the table that has
 * exactly these, and room for it.
 *
 * @param attr  DT_MEM_ bits: all that the region has
 * @param bytes wanted size in bytes, 0 to SIZE_MAX
 * @return the block, aligned as by sys_heap_alloc, with undefined contents; NULL iff @p bytes is 0,
 *         no region with these attributes has room, there are no heaps yet, or a signal handler
 *         cannot have the lock
 */
void *mem_attr_heap_alloc(uint32_t attr, size_t bytes);

/**
 * Does what mem_attr_heap_alloc does and returns an address that is a multiple of @p align.
 *
 * @param align as of sys_heap_aligned_alloc
 * @return as mem_attr_heap_alloc
 */
void *mem_attr_heap_aligned_alloc(uint32_t attr, size_t align, size_t bytes);

/**
 * Gives a block back to its region.
 *
 * @param block the block, or NULL, which has no effect
 */
void mem_attr_heap_free(void *block);

/**
 * Tells which region a block lies in.
 *
 * @param addr any address
 * @return the table's entry; NULL iff the address lies in no region that has a heap
 *
 * Cost: O(regions), no lock. Signals: answers in every handler.
 * Differs from Zephyr: there an address that lies in none may get a region, or a crash.
 */
const struct mem_attr_region_t *mem_attr_heap_get_region(void *addr);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
