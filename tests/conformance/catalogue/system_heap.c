/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/kernel.h>
#include "catalogue.h"

void catalogue_system_heap(void)
{
    const struct entry entries[] = {
        MACRO(K_HEAP_MEM_POOL_SIZE, K_HEAP_MEM_POOL_SIZE > 0),
        MACRO(_system_heap, (void *)&_system_heap == (void *)&_system_heap.heap),
        FUNCTION(k_malloc),
        FUNCTION(k_calloc),
        FUNCTION(k_aligned_alloc),
        FUNCTION(k_realloc),
        FUNCTION(k_free),
        FUNCTION(k_thread_heap_assign),
        FUNCTION(k_thread_system_pool_assign),
        FUNCTION(z_thread_malloc),
        FUNCTION(z_thread_aligned_alloc),
    };

    CATALOGUE(entries);
}
