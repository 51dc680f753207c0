/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * k_malloc and its kin: one heap for the whole program, whose blocks know where they came from; and
 * the pools out of which the kernel allocates on a thread's behalf.
 *
 *     char *text = k_malloc(100);
 *     ...
 *     k_free(text);
 *
 * The heap comes to be when it is first used. Its size is how many bytes it can give in one piece,
 * the pointer in front of the block included: k_malloc(size - sizeof(void *)) succeeds while
 * nothing else is in it. The size is the last of these that is there, the first two of which
 * K_HEAP_MEM_POOL_SIZE tells:
 *
 *   - what the library was built with (-Dheap_mem_pool_size, 1 MiB unless said otherwise);
 *   - what the program is compiled with: -DCONFIG_HEAP_MEM_POOL_SIZE=n, or
 *     -DK_HEAP_MEM_POOL_SIZE=n, in a file that includes this header; all such files must agree, and
 *     lie in the program itself or in a library that is loaded with it;
 *   - system_heap=SIZE in the environment variable QUARRY_OPTIONS, as it is at the first use: a
 *     number with or without k, m or g behind it. In a program that runs with raised privileges the
 *     variable has no effect.
 *
 * 0 means that there is none: all calls that allocate return NULL. At most 15 GiB (32-bit machines:
 * 1 GiB, with small headers only 252 KiB); larger numbers mean that, but in QUARRY_OPTIONS, where
 * they are reported and ignored. Memory is taken from the system as it is touched.
 *
 * Each block carries a pointer to its heap, sizeof(void *) bytes in front of the address that the
 * caller gets, at the heap's expense. So k_free and k_realloc work on all blocks of this file,
 * whichever heap they are of, and a block of 0 bytes is one like any other. Addresses are aligned
 * to sizeof(void *): 8 bytes on 64-bit machines, where malloc gives 16.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    O(1) and a lock; k_free and the reallocations also serve those who wait for memory of
 *          that heap (k_heap_alloc with a timeout), as k_heap_free does. The first use: a few
 *          system calls more.
 *
 * Blocks:  for the heap's lock, which is held for one such call; never for memory.
 *
 * Threads: any at the same time, also before main.
 *
 * Signals: k_free may be called from a handler, whatever it interrupted; so may the others, which
 *          return NULL if the handler interrupted a call on this heap, or one on another object
 *          while this heap's lock is taken.
 *
 * Fork:    as with a k_heap: the child has a copy of the heap and of its blocks.
 *
 * Owner:   the caller owns the block until it is freed. Any thread may free it.
 *
 * Misuse:  a block that was freed already, that is none of these, or in front of which somebody
 *          wrote, is reported in one line, and the program aborts; so is what sys_heap reports.
 *
 * Source:  Zephyr's <zephyr/kernel.h>, sections "Heap APIs" and "Thread APIs", v4.4 and later.
 *
 * Differs from Zephyr: the heap is there unless it was given 0 bytes, and even then programs link.
 * An alignment below sizeof(void *) counts as that. The heap is not among those of
 * k_heap_array_get, whose programs have not defined it.
 */
#ifndef ZEPHYR_INCLUDE_KERNEL_SYSTEM_HEAP_H_
#define ZEPHYR_INCLUDE_KERNEL_SYSTEM_HEAP_H_

#include <stddef.h>
#include <zephyr/autoconf.h>
#include <zephyr/kernel/kheap.h>
#include <zephyr/kernel/thread.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** @cond internal */
/* What the program was compiled with. The library asks whether there is one. */
extern const size_t quarry_heap_mem_pool_bytes __attribute__((weak));
#if Z_HEAP_MEM_POOL_IS_GIVEN
const size_t quarry_heap_mem_pool_bytes = K_HEAP_MEM_POOL_SIZE;
#endif
/** @endcond */

/**
 * The system heap, which may be used as any k_heap.
 *
 * Before its first use `_system_heap.heap.heap` is NULL; sys_heap_runtime_stats_get and
 * sys_heap_runtime_stats_reset_max count as a use, other calls of sys_heap do not.
 *
 * Differs from Zephyr: there, whoever uses it declares it.
 */
extern struct k_heap _system_heap;

/**
 * Returns a block of at least @p size bytes, with undefined contents.
 *
 * @param size wanted size in bytes, 0 to SIZE_MAX
 * @return the block, aligned to sizeof(void *); NULL iff there is no room for it
 */
void *k_malloc(size_t size);

/**
 * Does what k_malloc does and returns an address that is a multiple of @p align.
 *
 * @param align 0 or a power of two. Misuse: any other value
 * @param size  wanted size in bytes, 0 to SIZE_MAX
 * @return as k_malloc
 */
void *k_aligned_alloc(size_t align, size_t size);

/**
 * Returns a block for @p nmemb objects of @p size bytes, all bytes 0.
 *
 * @param nmemb number of objects
 * @param size  bytes of each
 * @return as k_malloc for the product, also if that is 0; NULL if it is more than a size_t holds
 */
void *k_calloc(size_t nmemb, size_t size);

/**
 * Changes the size of a block within its own heap, in place if that is possible, else by moving it.
 *
 * Contents are kept up to the smaller of the two sizes. A move keeps an alignment to sizeof(void *)
 * only.
 *
 * @param ptr  a block of k_malloc, k_calloc, k_aligned_alloc, k_realloc, k_aligned_realloc,
 *             z_thread_malloc or z_thread_aligned_alloc; NULL makes this k_malloc
 * @param size new size in bytes; 0 frees the block and returns NULL
 * @return the block, at the same or another address; NULL iff @p size is 0 and @p ptr is not NULL,
 *         or there is no room for it: then the block is as it was. Shrinking fails in a signal
 *         handler only.
 */
void *k_realloc(void *ptr, size_t size);

/**
 * Does what k_realloc does and returns an address that is a multiple of @p align.
 *
 * A block that is not so aligned is moved even if it could stay, also for a smaller size.
 *
 * @param ptr   as for k_realloc; NULL makes this k_aligned_alloc
 * @param align 0 or a power of two. Misuse: any other value
 * @param size  new size in bytes; 0 frees the block and returns NULL
 * @return as k_realloc; it may fail for a smaller size, too, if the block has to move
 *
 * Differs from Zephyr: not there.
 */
void *k_aligned_realloc(void *ptr, size_t align, size_t size);

/**
 * Gives a block back to the heap that it came from, and its memory to threads that wait for some.
 *
 * @param ptr a block as for k_realloc, or NULL, which has no effect
 */
void k_free(void *ptr);

/**
 * Makes a heap the pool of a thread: z_thread_malloc, called by that thread, allocates from it.
 *
 * Threads that k_thread_create or quarry_thread_create make begin with their creator's pool; all
 * others, as that of main, with none. Blocks that were allocated before stay where they are.
 *
 * @param thread the thread; as for k_thread_priority_set
 * @param heap   its pool, which must stay as long as it is one or has such blocks; NULL: none.
 *               Blocks of a heap that processes share are freed by the process that has them
 *
 * Blocks: never. Signals: also from a handler.
 */
void k_thread_heap_assign(struct k_thread *thread, struct k_heap *heap);

/**
 * Makes the system heap the pool of a thread, as k_thread_heap_assign does.
 *
 * @param thread the thread
 *
 * Blocks: never. Signals: also from a handler.
 */
void k_thread_system_pool_assign(struct k_thread *thread);

/**
 * Allocates from the calling thread's pool, or from the system heap where k_is_in_isr() is true, as
 * k_malloc does. k_free gives the block back.
 *
 * @param size wanted size in bytes, 0 to SIZE_MAX
 * @return the block, aligned to sizeof(void *); NULL iff the thread has no pool, or there is no
 *         room for it
 *
 * Differs from Zephyr: a signal handler, other than a function that irq_offload calls, allocates
 * from the pool of the thread that it interrupted.
 */
void *z_thread_malloc(size_t size);

/**
 * Does what z_thread_malloc does and returns an address that is a multiple of @p align.
 *
 * @param align 0 or a power of two. Misuse: any other value
 * @param size  wanted size in bytes, 0 to SIZE_MAX
 * @return as z_thread_malloc
 */
void *z_thread_aligned_alloc(size_t align, size_t size);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
