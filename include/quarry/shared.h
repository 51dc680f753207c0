/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Slabs and heaps that several processes use at once, at whatever address each has mapped them.
 *
 * The object, its blocks and the places of threads that wait lie in one stretch of memory that is
 * mapped with MAP_SHARED. The functions of <zephyr/kernel.h> are used on it as on any other, with
 * the same waiting, hand-over and order of priorities across processes. A block is a different
 * pointer in each process: pass its number (slabs) or its offset from the memory's start.
 *
 * A process may be killed at any time:
 *
 *   - Inside of a call, with the lock held: the next one that gets the lock puts the object in
 * order. A call to give back that had begun is completed, or has not begun; one to take that had
 * not returned never happened, or its block counts as the dead process's. quarry_shared_slab_check
 *     and quarry_shared_heap_check tell every survivor once for each such death (-EOWNERDEAD).
 *   - While it waits: it is taken out of the queue when its turn comes.
 *   - With blocks: they stay in use, since others may be reading them, until somebody who knows
 * that the process is gone calls quarry_shared_slab_reclaim or quarry_shared_heap_reclaim.
 *
 * So no block is lost, and none belongs to two. Every survivor's wait goes on; a wake-up that died
 * with its process is noticed within 50 ms.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    O(1) unless said otherwise, for these and for calls on shared objects: a robust lock,
 *          and a system call for the process id.
 * Blocks:  for that lock.
 * Threads: any, once the object is made.
 * Signals: not from a handler; nor may one use a shared object if it may have interrupted a thread
 *          inside of one (that is reported, and the program aborts).
 * Fork:    a child uses its parent's shared objects as any other process; blocks that the parent
 *          had stay the parent's.
 * Owner:   the memory is the callers'. Processes must be compiled for the same machine word size
 *          and use the same version and configuration of this library.
 * Source:  Quarry; Zephyr has no processes.
 */
#ifndef QUARRY_SHARED_H_
#define QUARRY_SHARED_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <zephyr/kernel/kheap.h>
#include <zephyr/kernel/mem_slab.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/**
 * Memory that a shared slab takes.
 *
 * @param block_size  bytes of a block, a multiple of 8, not 0
 * @param num_blocks  number of blocks, 1 to 2^32 - 2
 * @param max_waiters threads that can wait at once, 1 to 65536
 * @return bytes; 0 iff an argument is not as said, or the sum is more than a size_t holds
 */
size_t quarry_shared_slab_bytes(size_t block_size, uint32_t num_blocks, uint32_t max_waiters);

/**
 * Makes a shared slab.
 *
 * @param memory      64-aligned, shared, and in nobody's use
 * @param bytes       its size
 * @param block_size  as above
 * @param num_blocks  as above
 * @param max_waiters as above. Who would be one more gets -ENOMEM from k_mem_slab_alloc
 * @return the slab, in that memory; NULL iff there is too little of it, or an argument is wrong, or
 *         the system has no robust locks between processes
 *
 * Cost: O(num_blocks + max_waiters).
 */
struct k_mem_slab *quarry_shared_slab_create(void *memory, size_t bytes, size_t block_size,
                                             uint32_t num_blocks, uint32_t max_waiters);

/**
 * Finds the slab that another process has made.
 *
 * @param memory where this process has mapped it
 * @param bytes  how much of it
 * @return the slab; NULL iff there is none, or it was made by another version of the library, or
 *         less of it is mapped than it takes
 */
struct k_mem_slab *quarry_shared_slab_attach(void *memory, size_t bytes);

/** @return the number of a block of a shared slab, the same in each process; UINT32_MAX iff @p mem
 *  is none */
uint32_t quarry_shared_slab_number(const struct k_mem_slab *slab, const void *mem);

/** @return the address of a block in this process; NULL iff there is no such number */
void *quarry_shared_slab_block(const struct k_mem_slab *slab, uint32_t number);

/**
 * Tells whether a process has died inside of a call, since this was last asked.
 *
 * @param slab a shared slab
 * @param seen deaths that the caller knows of: 0 at first, and kept by the caller
 * @return 0; -EOWNERDEAD iff there was one more, and the slab is in order again: then *seen is
 *         what is known now
 */
int quarry_shared_slab_check(struct k_mem_slab *slab, uint32_t *seen);

/**
 * Gives back all blocks that a process has.
 *
 * @param slab    a shared slab
 * @param process that is gone, or the caller's own, if that has no more use for them. So that no
 * other process has got its number meanwhile, reap it afterwards: waitid with WNOWAIT tells of its
 * end
 * @return number of blocks
 *
 * Cost: O(num_blocks).
 */
size_t quarry_shared_slab_reclaim(struct k_mem_slab *slab, pid_t process);

/**
 * Tells whether a shared slab is in order: each block is free or some process has it, but not both.
 *
 * @param slab a shared slab
 * @return true iff it is
 *
 * Cost: O(num_blocks).
 */
bool quarry_shared_slab_validate(struct k_mem_slab *slab);

/**
 * Memory that a shared heap takes.
 *
 * @param heap_bytes  bytes of the heap itself, a multiple of 8; each block takes 8 more than in
 *                    another heap
 * @param max_waiters threads that can wait at once, 1 to 65536
 * @return bytes; 0 iff an argument is not as said, or the sum is more than a size_t holds
 */
size_t quarry_shared_heap_bytes(size_t heap_bytes, uint32_t max_waiters);

/**
 * Makes a shared heap.
 *
 * The functions of <zephyr/kernel/kheap.h> are used on @p h. A reallocation that waits, waits for
 * room for a new block, also where the old one could grow. Alignments above that of all mappings of
 * the memory (a page, if nothing else) are those of the process that gave the memory free. Only as
 * many bytes of a block are the caller's as were asked for, whatever sys_heap_usable_size says.
 * Memory checkers do not know what other processes do in the heap.
 *
 * @param h           this process's view of the heap, in memory of its own
 * @param memory      64-aligned, shared, and in nobody's use
 * @param bytes       its size
 * @param heap_bytes  as above
 * @param max_waiters as above. Who would be one more gets NULL without waiting
 * @return 0; -EINVAL iff there is too little memory or an argument is wrong; -ENOTSUP iff the
 * system has no robust locks between processes
 *
 * Cost: O(heap_bytes / 512 + max_waiters).
 */
int quarry_shared_heap_create(struct k_heap *h, void *memory, size_t bytes, size_t heap_bytes,
                              uint32_t max_waiters);

/**
 * Makes this process's view of a heap that another one has made.
 *
 * @param h      the view, in memory of its own
 * @param memory where this process has mapped it, at any address
 * @param bytes  how much of it
 * @return 0; -EINVAL iff there is no heap, or it was made by another version of the library, or
 * less of it is mapped than it takes
 */
int quarry_shared_heap_attach(struct k_heap *h, void *memory, size_t bytes);

/** As quarry_shared_slab_check. */
int quarry_shared_heap_check(struct k_heap *h, uint32_t *seen);

/**
 * Frees all blocks that a process has: that it allocated, or resized last.
 *
 * @param h       a shared heap
 * @param process that is gone: the caller has waited for it, or is it and has no more use for them
 * @return number of blocks
 *
 * Cost: O(size of the heap / 512 + number of blocks).
 */
size_t quarry_shared_heap_reclaim(struct k_heap *h, pid_t process);

/**
 * Tells whether a shared heap is in order, as sys_heap_validate does, and each block has an owner.
 *
 * @param h a shared heap
 * @return true iff it is
 *
 * Cost: O(size of the heap / 512 + number of chunks).
 */
bool quarry_shared_heap_validate(struct k_heap *h);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
