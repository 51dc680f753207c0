/* SPDX-License-Identifier: Apache-2.0 */
/* sys_sync_heap: lock, one call of sys_heap, unlock. A heap that was not initialised has no lock,
 * and no memory: its calls fail. */
#include <zephyr/sys/sync_heap.h>

#include <errno.h>

#include "kernel/lock.h"

/* False if there is no lock. */
static bool enter(const struct sys_sync_heap *heap)
{
    if (heap->lock == NULL) {
        return false;
    }
    lock_acquire(lock_of(&heap->lock->lock));
    return true;
}

static void leave(const struct sys_sync_heap *heap)
{
    lock_release(lock_of(&heap->lock->lock));
}

int sys_sync_heap_init(struct sys_sync_heap *heap, void *mem, size_t bytes)
{
    *heap = (struct sys_sync_heap){.lock = &heap->storage};
    lock_init(lock_of(&heap->storage.lock), LOCK_RANK_KERNEL, 0); /* cannot fail: nothing special */
    sys_heap_init(&heap->heap, mem, bytes);
    return 0;
}

void *sys_sync_heap_alloc(struct sys_sync_heap *heap, size_t bytes)
{
    return sys_sync_heap_aligned_alloc(heap, 0, bytes);
}

void *sys_sync_heap_noalign_alloc(struct sys_sync_heap *heap, size_t align, size_t bytes)
{
    (void)align;
    return sys_sync_heap_aligned_alloc(heap, 0, bytes);
}

void *sys_sync_heap_aligned_alloc(struct sys_sync_heap *heap, size_t align, size_t bytes)
{
    if (!enter(heap)) {
        return NULL;
    }
    void *mem = sys_heap_aligned_alloc(&heap->heap, align, bytes);
    leave(heap);
    return mem;
}

void sys_sync_heap_free(struct sys_sync_heap *heap, void *mem)
{
    if (enter(heap)) {
        sys_heap_free(&heap->heap, mem);
        leave(heap);
    }
}

void *sys_sync_heap_realloc(struct sys_sync_heap *heap, void *ptr, size_t bytes)
{
    return sys_sync_heap_aligned_realloc(heap, ptr, 0, bytes);
}

void *sys_sync_heap_aligned_realloc(struct sys_sync_heap *heap, void *ptr, size_t align,
                                    size_t bytes)
{
    if (!enter(heap)) {
        return NULL;
    }
    void *mem = sys_heap_aligned_realloc(&heap->heap, ptr, align, bytes);
    leave(heap);
    return mem;
}

int sys_sync_heap_runtime_stats_get(struct sys_sync_heap *heap, struct sys_memory_stats *stats)
{
    if (heap == NULL || !enter(heap)) {
        return -EINVAL;
    }
    int result = sys_heap_runtime_stats_get(&heap->heap, stats);
    leave(heap);
    return result;
}
