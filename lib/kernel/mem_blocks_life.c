/* SPDX-License-Identifier: Apache-2.0 */
/* Memory blocks that begin and end at run time. Zephyr has static ones only.
 *
 *    buffer, block size --+
 *                         +--> struct sys_mem_blocks, as a static definition would be
 *    bit array -----------+
 *
 * What is made is checked: all blocks lie between the buffer and the end of the address space, so
 * that a distance from the buffer tells the block (kernel/mem_blocks.h), and each is as well
 * aligned as the buffer. */
#include <quarry/mem_blocks.h>

#include <errno.h>

#include "core/bitarray.h"
#include "core/bits.h"
#include "core/check.h"
#include "core/note.h"
#include "kernel/mem_blocks.h"
#include "kernel/obj_core.h"

static bool can_be_blocks(const void *buffer, size_t block_size, size_t num_blocks)
{
    size_t align = block_size < sizeof(void *) ? block_size : sizeof(void *);
    size_t end;

    return buffer != NULL && num_blocks != 0 && is_power_of_two(block_size) &&
           (uintptr_t)buffer % align == 0 && size_multiply(block_size, num_blocks, &end) &&
           size_add(end, (uintptr_t)buffer, &end);
}

static unsigned int shift_of(size_t power_of_two)
{
    return (unsigned int)__builtin_ctzll(power_of_two);
}

int quarry_mem_blocks_init(sys_mem_blocks_t *mem_block, void *buffer, size_t block_size,
                           sys_bitarray_t *bitmap)
{
    if (mem_block == NULL || bitmap == NULL ||
        !can_be_blocks(buffer, block_size, bitmap->num_bits)) {
        return -EINVAL;
    }
    uint32_t used = (uint32_t)bitarray_count_region(bitmap, bitmap->num_bits, 0);

    *mem_block = (sys_mem_blocks_t){
        .info = {.num_blocks = bitmap->num_bits,
                 .blk_sz_shift = (uint8_t)shift_of(block_size),
                 .used_blocks = used,
                 .max_used_blocks = used},
        .buffer = buffer,
        .bitmap = bitmap,
    };
    if (note_is_watched()) {
        mem_blocks_watch(mem_block);
    }
    obj_core_begin(K_OBJ_CORE(mem_block), &z_obj_type_mem_block, &mem_block->info);
    return 0;
}

void quarry_mem_blocks_end(sys_mem_blocks_t *mem_block)
{
    REQUIRE(mem_block != NULL && mem_block->bitmap != NULL && mem_block->buffer != NULL,
            "memory blocks that are to end are NULL, or have no buffer or no bit array", mem_block,
            NULL);
    if (note_is_watched()) {
        mem_blocks_unwatch(mem_block);
    }
    mem_block->info.num_blocks = 0;
}
