/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * shared_multi_heap: the one pool of heaps of a program, in which memory is asked for by what kind
 * of memory it is. The program says which memory that is, by adding regions.
 *
 * On a microcontroller the kinds are told apart by caches and buses. Under Linux every kind of
 * memory is cached and coherent, so the same names stand for what differs here:
 *
 *   SMH_REG_ATTR_CACHEABLE      ordinary memory
 *   SMH_REG_ATTR_NON_CACHEABLE  memory that is always there: locked, never written to swap, and no
 *                               page of it faults. In the place of memory that devices read
 *   SMH_REG_ATTR_EXTERNAL       much memory, in huge pages. In the place of a chip of its own
 *
 * This is what quarry_shared_multi_heap_map of <quarry/memory_region.h> maps for each of them. A
 * region that the program brings along itself may be any memory, whatever its attribute.
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
 *          the pool, what would allocate returns NULL, and a block that is freed comes back when
 *          the interrupted call ends. The same if it interrupted a call on another object of
 *          <zephyr/kernel.h> while this pool's lock is taken.
 *
 * Fork:    a child has a copy of the pool and its heaps. If another thread was inside of a call
 *          when the process forked, the child's first call looks whether the heaps are whole, and
 *          if not, reports that and aborts.
 *
 * Owner:   the program owns the regions' memory, and must keep it in place and untouched for good:
 *          nothing takes a region out again. Blocks may be freed by any thread.
 *
 * Misuse:  as with sys_heap, and an address that lies in no region: reported in one line, and the
 *          program aborts.
 *
 * Source:  Zephyr's <zephyr/multi_heap/shared_multi_heap.h>, of 2026.
 */
#ifndef ZEPHYR_INCLUDE_MULTI_HEAP_MANAGER_SMH_H_
#define ZEPHYR_INCLUDE_MULTI_HEAP_MANAGER_SMH_H_

#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/multi_heap.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** Kinds of memory. */
enum shared_multi_heap_attr {
    SMH_REG_ATTR_CACHEABLE,     /**< ordinary */
    SMH_REG_ATTR_NON_CACHEABLE, /**< always there */
    SMH_REG_ATTR_EXTERNAL,      /**< much of it */
    SMH_REG_ATTR_NUM,           /**< their number; no kind */
};

/** Number of the kinds. */
#define MAX_SHARED_MULTI_HEAP_ATTR SMH_REG_ATTR_NUM

/** Memory for the pool. */
struct shared_multi_heap_region {
    uint32_t attr;  /**< one of enum shared_multi_heap_attr */
    uintptr_t addr; /**< address of its first byte, of any alignment */
    size_t size;    /**< in bytes; see sys_heap_init for what of it is lost */
};

/**
 * Says that the pool is going to be used. It needs nothing of the kind: it can be used before, and
 * regions that were added before stay.
 *
 * @return 0 in the first call, -EALREADY in all others
 *
 * Cost: O(1), no lock.
 * Differs from Zephyr: there regions that were added before are lost.
 */
int shared_multi_heap_pool_init(void);

/**
 * Makes a heap of a region, and adds it to the pool.
 *
 * @param region    its description, which need not live on
 * @param user_data not looked at; it has a meaning to Zephyr's own code only
 * @return 0; -EINVAL iff @p region is NULL, its attribute is none, no heap can be made of it
 *         (sys_heap_init tells when), or it overlaps one that is in the pool; -ENOMEM iff there are
 *         MAX_MULTI_HEAPS of its attribute already; -EBUSY iff a signal handler calls this that
 *         gets NULL from the other calls. Not 0: nothing was added, and the region is as it was
 *
 * Differs from Zephyr: there regions may overlap, and MAX_MULTI_HEAPS is the limit for all
 *          attributes together, beyond which it is an assertion.
 */
int shared_multi_heap_add(struct shared_multi_heap_region *region, void *user_data);

/**
 * Returns a block of a kind of memory, of the first region in the order of their addition that has
 * room for it.
 *
 * @param attr  the kind
 * @param bytes wanted size in bytes, 0 to SIZE_MAX
 * @return the block, aligned as by sys_heap_alloc, with undefined contents; NULL iff @p attr is no
 *         kind, @p bytes is 0, no region of that kind has room, or a signal handler cannot have the
 *         lock
 */
void *shared_multi_heap_alloc(enum shared_multi_heap_attr attr, size_t bytes);

/**
 * Does what shared_multi_heap_alloc does and returns an address that is a multiple of @p align.
 *
 * @param align as of sys_heap_aligned_alloc
 * @return as shared_multi_heap_alloc
 */
void *shared_multi_heap_aligned_alloc(enum shared_multi_heap_attr attr, size_t align, size_t bytes);

/**
 * Changes the size of a block: in place, else by moving it within its region, else by moving it to
 * the first region of a kind that has room.
 *
 * @param attr  that kind. If the block is of another one, it stays of it as long as there is room
 * @param ptr   the block; NULL makes this shared_multi_heap_alloc
 * @param bytes new size in bytes; 0 frees the block and returns NULL
 * @return the block, at the same or another address; NULL iff @p attr is no kind (also if @p bytes
 *         is 0: then it is not freed), @p bytes is 0, there is no room, or a signal handler cannot
 *         have the lock. But for the case of @p bytes 0 the block is as it was then
 *
 * Cost: also copying the block if it moves, without the lock.
 */
void *shared_multi_heap_realloc(enum shared_multi_heap_attr attr, void *ptr, size_t bytes);

/**
 * Gives a block back to its region.
 *
 * @param block the block, or NULL, which has no effect
 */
void shared_multi_heap_free(void *block);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
