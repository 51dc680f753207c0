/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/sys/sync_heap.h>
#include "catalogue.h"

static struct sys_sync_heap heap;

void catalogue_sync_heap(void)
{
    const struct entry entries[] = {
        MACRO(struct sys_sync_heap, heap.heap.heap == NULL),
        FUNCTION(sys_sync_heap_init),
        FUNCTION(sys_sync_heap_alloc),
        FUNCTION(sys_sync_heap_aligned_alloc),
        FUNCTION(sys_sync_heap_noalign_alloc),
        FUNCTION(sys_sync_heap_free),
        FUNCTION(sys_sync_heap_realloc),
        FUNCTION(sys_sync_heap_aligned_realloc),
        FUNCTION(sys_sync_heap_runtime_stats_get),
    };

    CATALOGUE(entries);
}
