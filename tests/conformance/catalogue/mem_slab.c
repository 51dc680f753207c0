/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/kernel.h>
#include "catalogue.h"

struct message {
    double value;
    char text[5];
};

#define IN_SECTION __attribute__((section("quarry_catalogue")))

K_MEM_SLAB_DEFINE(public_slab, 12, 3, 4);
K_MEM_SLAB_DEFINE_STATIC(private_slab, 16, 4, 16);
K_MEM_SLAB_DEFINE_IN_SECT(slab_in_section, IN_SECTION, 24, 5, 8);
K_MEM_SLAB_DEFINE_IN_SECT_STATIC(private_in_section, IN_SECTION, 24, 6, 8);
K_MEM_SLAB_DEFINE_IN_SECT(uncached_slab, __nocache, 64, 9, 64);
K_MEM_SLAB_DEFINE_TYPE(slab_of_type, struct message, 7);
K_MEM_SLAB_DEFINE_STATIC_TYPE(private_of_type, struct message, 8);

static char buffer[2 * 32] __aligned(8);
static struct k_mem_slab initialised = Z_MEM_SLAB_INITIALIZER(initialised, buffer, 32, 2);

static bool has(struct k_mem_slab *slab, size_t block_size, uint32_t num_blocks)
{
    return slab->info.block_size == block_size && slab->info.num_blocks == num_blocks &&
           slab->info.num_used == 0 && slab->info.max_used == 0 && slab->buffer != NULL;
}

void catalogue_mem_slab(void)
{
    const size_t of_type = WB_UP(sizeof(struct message));
    const struct entry entries[] = {
        TYPE(struct k_mem_slab),
        TYPE(struct k_mem_slab_info),
        MACRO(K_MEM_SLAB_DEFINE, has(&public_slab, WB_UP(12), 3)),
        MACRO(K_MEM_SLAB_DEFINE_STATIC, has(&private_slab, 16, 4)),
        MACRO(K_MEM_SLAB_DEFINE_IN_SECT, has(&slab_in_section, 24, 5)),
        MACRO(K_MEM_SLAB_DEFINE_IN_SECT_STATIC, has(&private_in_section, 24, 6)),
        MACRO(__nocache, has(&uncached_slab, 64, 9)),
        MACRO(K_MEM_SLAB_DEFINE_TYPE, has(&slab_of_type, of_type, 7)),
        MACRO(K_MEM_SLAB_DEFINE_STATIC_TYPE, has(&private_of_type, of_type, 8)),
        MACRO(Z_MEM_SLAB_INITIALIZER, has(&initialised, 32, 2)),
        MACRO(WB_UP, WB_UP(1) == sizeof(void *)),
        FUNCTION(k_mem_slab_init),
        FUNCTION(k_mem_slab_alloc),
        FUNCTION(k_mem_slab_free),
        FUNCTION(k_mem_slab_num_used_get),
        FUNCTION(k_mem_slab_max_used_get),
        FUNCTION(k_mem_slab_num_free_get),
        FUNCTION(k_mem_slab_runtime_stats_get),
        FUNCTION(k_mem_slab_runtime_stats_reset_max),
    };

    CATALOGUE(entries);
}
