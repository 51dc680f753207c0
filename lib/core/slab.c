/* SPDX-License-Identifier: Apache-2.0 */
/* What a slab's stack of free blocks does less often: waiting, unusual addresses, walks. slab.h has
 * the picture and the invariants. */
#include "core/slab.h"

bool slab_begin_wait(struct k_mem_slab_info *info)
{
    struct slab_state before = slab_state(info);

    while (before.first_free != SLAB_WAITED_FOR) {
        struct slab_state after = {SLAB_WAITED_FOR, before.num_used, before.changes};

        if (before.first_free != 0 || before.num_used < info->num_blocks) {
            return false;
        }
        if (slab_swap(info, &before, after)) {
            break;
        }
    }
    return true;
}

/* Whoever sees SLAB_WAITED_FOR changes nothing without the lock, which the caller has. */
void slab_end_wait(struct k_mem_slab_info *info)
{
    struct slab_state before = slab_state(info);

    while (before.first_free == SLAB_WAITED_FOR) {
        struct slab_state after = {0, before.num_used, before.changes};

        if (slab_swap(info, &before, after)) {
            break;
        }
    }
}

uint32_t slab_find_block(const struct k_mem_slab_info *info, size_t offset)
{
    if (info->num_blocks == 0 || offset % info->block_size != 0) {
        return SLAB_NO_BLOCK;
    }
    size_t block = offset / info->block_size;

    return block < info->num_blocks ? (uint32_t)block : SLAB_NO_BLOCK;
}

/* Whether a walk along the stack as it is in `state` meets a block. It ends also where the links
 * make no sense, which they may if others change them. */
static bool stack_has(const struct k_mem_slab_info *info, char *buffer, struct slab_state state,
                      uint32_t block)
{
    uintptr_t next = state.first_free == SLAB_WAITED_FOR ? 0 : state.first_free;

    for (uint32_t i = 0; i < info->num_blocks && next != 0 && next <= info->num_blocks; i++) {
        uint32_t found = (uint32_t)next - 1;

        if (found == block) {
            return true;
        }
        next = slab_read_link(slab_block_at(info, buffer, found), found);
    }
    return false;
}

/* How often a walk is begun anew because others changed the stack on the way. */
#define WALKS 100

bool slab_is_free(const struct k_mem_slab_info *info, char *buffer, uint32_t block)
{
    for (unsigned int i = 0; i < WALKS; i++) {
        struct slab_state before = slab_state(info);
        bool found = stack_has(info, buffer, before, block);
        struct slab_state after = slab_state(info);

        if (after.changes == before.changes && after.first_free == before.first_free &&
            after.num_used == before.num_used) {
            return found;
        }
    }
    return false;
}

/* Each block has one successor, so a walk that comes to the end has met no block twice. */
bool slab_validate(const struct k_mem_slab_info *info, char *buffer)
{
    struct slab_state state = slab_state(info);
    uintptr_t next = state.first_free == SLAB_WAITED_FOR ? 0 : state.first_free;

    if (state.num_used > info->touched || info->touched > info->num_blocks ||
        (state.first_free == SLAB_WAITED_FOR && state.num_used != info->num_blocks)) {
        return false;
    }
    for (uint32_t left = info->touched - state.num_used; left != 0; left--) {
        if (next == 0 || next > info->touched) {
            return false;
        }
        uint32_t block = (uint32_t)next - 1;

        next = slab_read_link(slab_block_at(info, buffer, block), block);
    }
    return next == 0;
}
