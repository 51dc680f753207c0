/* SPDX-License-Identifier: Apache-2.0 */
/* What a slab's stack of free blocks does less often: to take and give where the one try of the
 * fast path was not enough, waiting, unusual addresses, walks. slab.h has the picture and the
 * invariants. */
#include "core/slab.h"

/* With a hundred the loser stays away long enough for the winner to keep the cache line for a
 * while: on a machine with two processors two and four threads then get two to three times the
 * throughput that they have without, or with 32. From some 200 on they get no more, and wait
 * longer. It is a few microseconds there, once per lost swap. */
#define PAUSES 128

void slab_back_off(void)
{
#if SLAB_LOCK_FREE
    for (unsigned int i = 0; i < PAUSES; i++) {
        __builtin_ia32_pause();
    }
#endif
}

static struct slab_state state_after_pause(const struct k_mem_slab_info *info)
{
    slab_back_off();
    return slab_state(info);
}

/* Raises the high-water mark. */
static void note_used(struct k_mem_slab_info *info, uint32_t num_used)
{
    uint32_t max = __atomic_load_n(&info->max_used, __ATOMIC_RELAXED);

    while (num_used > max && !__atomic_compare_exchange_n(&info->max_used, &max, num_used, true,
                                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

/* The block that is next, or SLAB_NO_BLOCK; *after is the state without it. *next is its link,
 * which means something if the swap succeeds. */
static uint32_t next_block(const struct k_mem_slab_info *info, char *buffer,
                           struct slab_state before, struct slab_state *after, uintptr_t *next)
{
    uint32_t block = before.first_free - 1;

    *after = (struct slab_state){0, before.changes, before.num_used + 1, before.touched};
    *next = 0;
    if (block < info->num_blocks) {
        *next = slab_read_link(slab_block_at(info, buffer, block), block);
        after->first_free = (uint32_t)*next;
        return block;
    }
    if (before.first_free == 0 && before.touched < info->num_blocks) {
        after->touched++;
        return before.touched;
    }
    return SLAB_NO_BLOCK;
}

/* Whether a state whose words were read one by one, and in which no block is free, was one: nobody
 * has given a block back meanwhile. */
static bool is_still(const struct k_mem_slab_info *info, struct slab_state before)
{
    struct slab_state now = slab_state(info);

    return now.first_free == before.first_free && now.changes == before.changes;
}

uint32_t slab_take(struct k_mem_slab_info *info, char *buffer)
{
    struct slab_state before = slab_state(info);
    struct slab_state after;
    uintptr_t next;
    uint32_t block;

    for (;;) {
        block = next_block(info, buffer, before, &after, &next);
        if (block == SLAB_NO_BLOCK ? is_still(info, before) : slab_swap(info, before, after)) {
            break;
        }
        before = state_after_pause(info);
    }
    if (block != SLAB_NO_BLOCK) {
        char *mem = slab_block_at(info, buffer, block);

        REQUIRE(next <= info->num_blocks, "free block of a slab was written to", info, mem);
        note_used(info, after.num_used);
        slab_erase_link(mem);
    }
    return block;
}

bool slab_give(struct k_mem_slab_info *info, char *mem, uint32_t block)
{
    struct slab_state before = slab_state(info);

    while (before.first_free != SLAB_WAITED_FOR) {
        struct slab_state after = {block + 1, before.changes + 1, before.num_used - 1,
                                   before.touched};

        REQUIRE(before.num_used != 0, "slab has no block in use: double free", info, mem);
        slab_write_link(mem, block, before.first_free);
        if (slab_swap(info, before, after)) {
            return true;
        }
        before = state_after_pause(info);
    }
    slab_erase_link(mem);
    return false;
}

bool slab_begin_wait(struct k_mem_slab_info *info)
{
    struct slab_state before = slab_state(info);

    while (before.first_free != SLAB_WAITED_FOR) {
        struct slab_state after = before;

        if (before.first_free != 0 || before.touched < info->num_blocks) {
            return false;
        }
        after.first_free = SLAB_WAITED_FOR;
        if (slab_swap(info, before, after)) {
            return true;
        }
        before = state_after_pause(info);
    }
    return true;
}

/* Whoever sees SLAB_WAITED_FOR changes nothing without the lock, which the caller has. */
void slab_end_wait(struct k_mem_slab_info *info)
{
    struct slab_state before = slab_state(info);

    while (before.first_free == SLAB_WAITED_FOR) {
        struct slab_state after = before;

        after.first_free = 0;
        if (slab_swap(info, before, after)) {
            return;
        }
        before = state_after_pause(info);
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

    if (state.num_used > state.touched || state.touched > info->num_blocks ||
        (state.first_free == SLAB_WAITED_FOR && state.num_used != info->num_blocks)) {
        return false;
    }
    for (uint32_t left = state.touched - state.num_used; left != 0; left--) {
        if (next == 0 || next > state.touched) {
            return false;
        }
        uint32_t block = (uint32_t)next - 1;

        next = slab_read_link(slab_block_at(info, buffer, block), block);
    }
    return next == 0;
}

void slab_begin_anew(struct k_mem_slab_info *info, uint32_t touched)
{
    struct slab_state before = slab_state(info);
    struct slab_state after = {0, before.changes + 1, touched, touched};

    slab_swap(info, before, after); /* nobody is there who could make it fail */
}

void slab_recount(struct k_mem_slab_info *info, char *buffer)
{
    uint32_t touched = info->touched;
    uintptr_t next = info->first_free == SLAB_WAITED_FOR ? 0 : info->first_free;
    uint32_t length = 0;

    while (next != 0 && next <= touched && length < touched) {
        uint32_t block = (uint32_t)next - 1;

        next = slab_read_link(slab_block_at(info, buffer, block), block);
        length++;
    }
    __atomic_store_n(&info->num_used, touched - length, __ATOMIC_RELAXED);
}
