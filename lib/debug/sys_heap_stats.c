/* SPDX-License-Identifier: Apache-2.0 */
/* Zephyr's statistics calls: the counters of core with Zephyr's error codes. */
#include <errno.h>
#include <zephyr/sys/sys_heap.h>

#include "core/heap.h"

/* Asking counts as a use. */
static bool is_there(struct sys_heap *heap)
{
    if (heap != NULL && heap->heap == NULL && heap_make_ready != NULL) {
        heap_make_ready(heap);
    }
    return heap != NULL && heap->heap != NULL;
}

int sys_heap_runtime_stats_get(struct sys_heap *heap, struct sys_memory_stats *stats)
{
    if (stats == NULL || !is_there(heap)) {
        return -EINVAL;
    }
    return heap_counters(heap, stats) ? 0 : -ENOTSUP;
}

int sys_heap_runtime_stats_reset_max(struct sys_heap *heap)
{
    if (!is_there(heap)) {
        return -EINVAL;
    }
    return heap_reset_marks(heap) ? 0 : -ENOTSUP;
}
