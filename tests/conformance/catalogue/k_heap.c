/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/kernel.h>
#include "catalogue.h"

#define IN_SECTION __attribute__((section("quarry_catalogue_heap")))

K_HEAP_DEFINE(public_heap, 1000);
K_HEAP_DEFINE_NOCACHE(uncached_heap, 1000);
Z_HEAP_DEFINE_IN_SECT(heap_in_section, 1, IN_SECTION);

static bool is_ready(struct k_heap *heap, size_t bytes)
{
    return heap->heap.heap != NULL && heap->heap.init_bytes == bytes;
}

void catalogue_k_heap(void)
{
    const struct entry entries[] = {
        TYPE(struct k_heap),
        MACRO(K_HEAP_DEFINE, is_ready(&public_heap, 1000)),
        MACRO(K_HEAP_DEFINE_NOCACHE, is_ready(&uncached_heap, 1000)),
        MACRO(Z_HEAP_DEFINE_IN_SECT, is_ready(&heap_in_section, Z_HEAP_MIN_SIZE)),
        FUNCTION(k_heap_init),
        FUNCTION(k_heap_alloc),
        FUNCTION(k_heap_aligned_alloc),
        FUNCTION(k_heap_calloc),
        FUNCTION(k_heap_realloc),
        FUNCTION(k_heap_free),
        FUNCTION(k_heap_array_get),
    };

    CATALOGUE(entries);
}
