/* SPDX-License-Identifier: Apache-2.0 */
/* Resource pools: the heap out of which the kernel allocates on a thread's behalf. It is a word in
 * the thread, atomic, since others may write it while the thread reads it; blocks name their heap
 * themselves (owned_block.c), so it matters to allocations only. */
#include "kernel/owned_block.h"
#include "kernel/thread.h"

#include <zephyr/kernel/context.h>
#include <zephyr/kernel/system_heap.h>

void k_thread_heap_assign(struct k_thread *thread, struct k_heap *heap)
{
    __atomic_store_n(&thread->resource_pool, heap, __ATOMIC_RELAXED);
}

void k_thread_system_pool_assign(struct k_thread *thread)
{
    k_thread_heap_assign(thread, &_system_heap);
}

void *z_thread_malloc(size_t size)
{
    return z_thread_aligned_alloc(0, size);
}

void *z_thread_aligned_alloc(size_t align, size_t size)
{
    struct k_heap *pool = k_is_in_isr() ? &_system_heap : thread_pool(thread_self());

    return pool == NULL ? NULL : owned_block_alloc(pool, align, size);
}
