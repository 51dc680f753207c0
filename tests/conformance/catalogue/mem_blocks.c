/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/sys/mem_blocks.h>
#include "catalogue.h"

static uint8_t __aligned(64) buffer[64 * 4];

SYS_MEM_BLOCKS_DEFINE(public_blocks, 64, 4, 64);
SYS_MEM_BLOCKS_DEFINE_STATIC(private_blocks, 32, 5, 4);
SYS_MEM_BLOCKS_DEFINE_WITH_EXT_BUF(public_outside, 64, 4, buffer);
SYS_MEM_BLOCKS_DEFINE_STATIC_WITH_EXT_BUF(private_outside, 64, 3, buffer);
_SYS_MEM_BLOCKS_DEFINE(modified_blocks, 16, 6, 4, static);
_SYS_MEM_BLOCKS_DEFINE_WITH_EXT_BUF(modified_outside, 64, 2, buffer, static);

static bool has(const sys_mem_blocks_t *blocks, uint32_t num_blocks, uint8_t shift)
{
    return blocks->info.num_blocks == num_blocks && blocks->info.blk_sz_shift == shift &&
           blocks->bitmap->num_bits == num_blocks && blocks->buffer != NULL;
}

void catalogue_mem_blocks(void)
{
    const struct entry entries[] = {
        TYPE(sys_mem_blocks_t),
        TYPE(struct sys_mem_blocks),
        TYPE(struct sys_mem_blocks_info),
        TYPE(sys_multi_mem_blocks_t),
        TYPE(struct sys_multi_mem_blocks),
        TYPE(sys_multi_mem_blocks_choice_fn_t),
        MACRO(MAX_MULTI_ALLOCATORS, MAX_MULTI_ALLOCATORS == 8),
        MACRO(SYS_MEM_BLOCKS_DEFINE, has(&public_blocks, 4, 6)),
        MACRO(SYS_MEM_BLOCKS_DEFINE_STATIC, has(&private_blocks, 5, 5)),
        MACRO(SYS_MEM_BLOCKS_DEFINE_WITH_EXT_BUF, has(&public_outside, 4, 6)),
        MACRO(SYS_MEM_BLOCKS_DEFINE_STATIC_WITH_EXT_BUF, has(&private_outside, 3, 6)),
        MACRO(_SYS_MEM_BLOCKS_DEFINE, has(&modified_blocks, 6, 4)),
        MACRO(_SYS_MEM_BLOCKS_DEFINE_WITH_EXT_BUF, has(&modified_outside, 2, 6)),
        FUNCTION(sys_mem_blocks_alloc),
        FUNCTION(sys_mem_blocks_alloc_contiguous),
        FUNCTION(sys_mem_blocks_get),
        FUNCTION(sys_mem_blocks_is_region_free),
        FUNCTION(sys_mem_blocks_free),
        FUNCTION(sys_mem_blocks_free_contiguous),
        FUNCTION(sys_mem_blocks_runtime_stats_get),
        FUNCTION(sys_mem_blocks_runtime_stats_reset_max),
        FUNCTION(sys_multi_mem_blocks_init),
        FUNCTION(sys_multi_mem_blocks_add_allocator),
        FUNCTION(sys_multi_mem_blocks_alloc),
        FUNCTION(sys_multi_mem_blocks_free),
    };

    CATALOGUE(entries);
}
