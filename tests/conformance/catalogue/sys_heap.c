/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/sys/mem_stats.h>
#include <zephyr/sys/sys_heap.h>
#include "catalogue.h"

static char buffer[Z_HEAP_MIN_SIZE_FOR(100)];
char catalogue_least_buffer[Z_HEAP_MIN_SIZE];

/* What a static definition carries to the code that initialises it. */
static const struct sys_heap heap = {NULL, buffer, sizeof(buffer)};
static const struct sys_memory_stats memory_stats = {1, 2, 3};
static const struct z_heap_stress_result stress_result = {1, 2, 3, 4};

void catalogue_sys_heap(void)
{
    const struct entry entries[] = {
        MACRO(struct sys_heap,
              heap.heap == NULL && heap.init_mem == buffer && heap.init_bytes == sizeof(buffer)),
        MACRO(struct sys_memory_stats, memory_stats.free_bytes == 1 &&
                                           memory_stats.allocated_bytes == 2 &&
                                           memory_stats.max_allocated_bytes == 3),
        MACRO(struct z_heap_stress_result,
              stress_result.total_allocs == 1 && stress_result.successful_allocs == 2 &&
                  stress_result.total_frees == 3 && stress_result.accumulated_in_use_bytes == 4),
        MACRO(Z_HEAP_MIN_SIZE_FOR, sizeof(buffer) > 100 && sizeof(buffer) < 250),
        MACRO(Z_HEAP_MIN_SIZE, sizeof(catalogue_least_buffer) < sizeof(buffer)),
        FUNCTION(sys_heap_init),
        FUNCTION(sys_heap_alloc),
        FUNCTION(sys_heap_aligned_alloc),
        FUNCTION(sys_heap_noalign_alloc),
        FUNCTION(sys_heap_free),
        FUNCTION(sys_heap_realloc),
        FUNCTION(sys_heap_aligned_realloc),
        FUNCTION(sys_heap_usable_size),
        FUNCTION(sys_heap_runtime_stats_get),
        FUNCTION(sys_heap_runtime_stats_reset_max),
        FUNCTION(sys_heap_validate),
        FUNCTION(sys_heap_stress),
        FUNCTION(sys_heap_print_info),
        FUNCTION(sys_heap_array_save),
        FUNCTION(sys_heap_array_get),
        FUNCTION(sys_heap_stats_log),
        FUNCTION(sys_heap_get_caller),
    };

    CATALOGUE(entries);
}
