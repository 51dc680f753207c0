/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * sys_sync_heap: a sys_heap that threads may use at the same time, without waiting for memory.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Each call is that of sys_heap with the same name, with a lock around it: parameters, returns and
 * misuse are as told in <zephyr/sys/sys_heap.h>.
 *
 * Cost:    that of the call of sys_heap, and a lock.
 * Blocks:  for the lock, which is held for one such call.
 * Threads: any at the same time.
 * Signals: not from a handler that may have interrupted a call on the same heap: k_heap has what
 *          handlers need.
 * Fork:    the child of a process in which another thread is inside of a call must not use the
 *          heap.
 * Owner:   the caller owns heap and buffer, and must keep both where they are.
 * Source:  Zephyr's <zephyr/sys/sync_heap.h>.
 */
#ifndef ZEPHYR_INCLUDE_SYS_SYNC_HEAP_H_
#define ZEPHYR_INCLUDE_SYS_SYNC_HEAP_H_

#include <stddef.h>
#include <zephyr/spinlock.h>
#include <zephyr/sys/mem_stats.h>
#include <zephyr/sys/sys_heap.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** A lock of the library's own, under the name that Zephyr gives to what threads wait for. */
struct k_mutex {
    struct k_spinlock lock;
};

/** A sys_heap with a lock. */
struct sys_sync_heap {
    struct sys_heap heap;   /**< first, so that its address is the sys_heap's */
    struct k_mutex *lock;   /**< NULL before sys_sync_heap_init */
    struct k_mutex storage; /**< what `lock` points to */
};

/**
 * Makes an empty heap out of a buffer, as sys_heap_init does.
 *
 * @return 0, also if the buffer is too small: then heap->heap.heap is NULL
 *
 * Blocks: never. Threads: nobody may use the heap meanwhile.
 * Differs from Zephyr: there is always room for the lock, so never -ENOMEM.
 */
int sys_sync_heap_init(struct sys_sync_heap *heap, void *mem, size_t bytes);

/** sys_heap_alloc. */
void *sys_sync_heap_alloc(struct sys_sync_heap *heap, size_t bytes);

/** sys_heap_aligned_alloc. */
void *sys_sync_heap_aligned_alloc(struct sys_sync_heap *heap, size_t align, size_t bytes);

/** sys_heap_noalign_alloc. */
void *sys_sync_heap_noalign_alloc(struct sys_sync_heap *heap, size_t align, size_t bytes);

/** sys_heap_free. */
void sys_sync_heap_free(struct sys_sync_heap *heap, void *mem);

/** sys_heap_realloc. */
void *sys_sync_heap_realloc(struct sys_sync_heap *heap, void *ptr, size_t bytes);

/** sys_heap_aligned_realloc. */
void *sys_sync_heap_aligned_realloc(struct sys_sync_heap *heap, void *ptr, size_t align,
                                    size_t bytes);

/** sys_heap_runtime_stats_get; -EINVAL also before sys_sync_heap_init. */
int sys_sync_heap_runtime_stats_get(struct sys_sync_heap *heap, struct sys_memory_stats *stats);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
