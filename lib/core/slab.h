/* SPDX-License-Identifier: Apache-2.0 */
/* The free blocks of a memory slab: a stack that many threads use at once without a lock.
 *
 *    info:   first_free | changes | num_used | touched       16 bytes, one compare-and-swap
 *                |                               |
 *                v                               v
 *    buffer: | used | link | used | used | link | untouched | untouched |
 *                      |                   ^  |
 *                      +-------------------+  +--> end
 *
 * Blocks that were given back form the stack, last in, first out. Blocks that were never handed out
 * are on no list: they are the last ones, and come in ascending order once the stack is empty. So a
 * slab of zeros is a good one, a new slab touches none of its memory, and the addresses are those
 * of a list of all blocks.
 *
 * Invariants:
 *   1. first_free is 0 (the stack is empty), the number of the first block on it plus 1, or
 *      SLAB_WAITED_FOR: the stack is empty, and no block is untouched.
 *   2. Blocks from `touched` on were never handed out, and the stack has touched - num_used blocks.
 *   3. The first word of a block on the stack is a link: the successor's number plus 1, or 0, mixed
 *      with a mask of the block. No block that was handed out holds its link: taking erases it.
 *   4. `changes` grows with each block that is put onto the stack. A thread that has read a link
 *      and is late cannot mistake the stack for the one that it saw: its swap fails. (It would have
 *      to be late by a multiple of 2^32 blocks, and find all four words as they were.)
 *
 * A thread may be interrupted, stopped or killed anywhere in here without being missed by others.
 *
 * A process with one thread has its own form of the two fast paths. Nobody but signal handlers can
 * come in between, which one instruction keeps out without locking the bus: the first half of the
 * state is swapped, and then num_used follows with another one. In between num_used may be one too
 * low, never too high, and nothing but counters is made of it.
 *
 * Not promised: that damage is always noticed. A link that was overwritten is, when its block is
 * taken, unless it was overwritten by another link of the same block. */
#ifndef QUARRY_CORE_SLAB_H
#define QUARRY_CORE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/kernel/mem_slab_info.h>

#include "core/check.h"

/* x86-64 has an instruction for it. Elsewhere the slab's lock is held around these functions. */
#if defined(__x86_64__) && defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_16)
#define SLAB_LOCK_FREE 1
#else
#define SLAB_LOCK_FREE 0
#endif

#define SLAB_WAITED_FOR UINT32_MAX
#define SLAB_MAX_BLOCKS (UINT32_MAX - 1)
#define SLAB_NO_BLOCK   UINT32_MAX

/* The part of the info that changes at once. */
struct slab_state {
    uint32_t first_free;
    uint32_t changes;
    uint32_t num_used;
    uint32_t touched;
};
_Static_assert(offsetof(struct k_mem_slab_info, first_free) % 16 == 0 &&
                   offsetof(struct k_mem_slab_info, changes) ==
                       offsetof(struct k_mem_slab_info, first_free) + 4 &&
                   offsetof(struct k_mem_slab_info, num_used) ==
                       offsetof(struct k_mem_slab_info, first_free) + 8 &&
                   offsetof(struct k_mem_slab_info, touched) ==
                       offsetof(struct k_mem_slab_info, first_free) + 12,
               "one instruction changes the four, another one the first two");

/* The words may be of different moments; then a swap fails. */
static inline struct slab_state slab_state(const struct k_mem_slab_info *info)
{
    return (struct slab_state){__atomic_load_n(&info->first_free, __ATOMIC_ACQUIRE),
                               __atomic_load_n(&info->changes, __ATOMIC_RELAXED),
                               __atomic_load_n(&info->num_used, __ATOMIC_RELAXED),
                               __atomic_load_n(&info->touched, __ATOMIC_RELAXED)};
}

#if SLAB_LOCK_FREE
__extension__ typedef unsigned __int128 slab_word __attribute__((may_alias));
typedef uint64_t slab_half __attribute__((may_alias));

static inline uint64_t slab_half_of(uint32_t low, uint32_t high)
{
    return low | (uint64_t)high << 32;
}

static inline slab_word slab_word_of(const struct slab_state *state)
{
    return (slab_word)slab_half_of(state->num_used, state->touched) << 64 |
           slab_half_of(state->first_free, state->changes);
}

/* Makes the state `after` if it is `before`; else false. */
static inline bool slab_swap(struct k_mem_slab_info *info, struct slab_state before,
                             struct slab_state after)
{
    return __sync_bool_compare_and_swap((slab_word *)(void *)&info->first_free,
                                        slab_word_of(&before), slab_word_of(&after));
}

/* The same of the first half, among signal handlers of one thread. */
static inline bool slab_swap_alone(struct k_mem_slab_info *info, struct slab_state before,
                                   struct slab_state after)
{
    uint64_t expected = slab_half_of(before.first_free, before.changes);
    bool swapped;

    __asm__ volatile("cmpxchgq %[after], %[half]"
                     : "=@ccz"(swapped), [half] "+m"(*(slab_half *)(void *)&info->first_free),
                       "+a"(expected)
                     : [after] "r"(slab_half_of(after.first_free, after.changes))
                     : "memory");
    return swapped;
}

static inline void slab_count_alone(struct k_mem_slab_info *info, bool more)
{
    if (more) {
        __asm__ volatile("incl %0" : "+m"(info->num_used));
    } else {
        __asm__ volatile("decl %0" : "+m"(info->num_used));
    }
}
#else
/* In an order in which slab_recount can complete it: a block that is taken is on the stack, or it
 * is touched, or neither of these has changed yet. */
static inline bool slab_swap(struct k_mem_slab_info *info, struct slab_state before,
                             struct slab_state after)
{
    (void)before;
    __atomic_store_n(&info->touched, after.touched, __ATOMIC_RELEASE);
    __atomic_store_n(&info->changes, after.changes, __ATOMIC_RELEASE);
    __atomic_store_n(&info->first_free, after.first_free, __ATOMIC_RELEASE);
    __atomic_store_n(&info->num_used, after.num_used, __ATOMIC_RELEASE);
    return true;
}
#endif

/* --- Links --- */

typedef uintptr_t slab_link __attribute__((may_alias));

/* A multiple of the golden ratio with the highest bit set: what users write does not look like a
 * link by accident, and 0 never does. */
static inline uintptr_t slab_link_mask(uint32_t block)
{
    const uintptr_t highest = (uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1);

    return ((uintptr_t)block + 1) * (uintptr_t)0x9e3779b97f4a7c15u | highest;
}

static inline char *slab_block_at(const struct k_mem_slab_info *info, char *buffer, uint32_t block)
{
    return buffer + (size_t)block * info->block_size;
}

/* What stands where the link of a block would: of one on the stack, its successor's number plus 1
 * or 0; of another one most likely more than num_blocks.
 *
 * A late thread reads what is no link any more, while its new owner writes there. It throws the
 * value away: the swap fails by invariant 4. So the read is one instruction, and race detectors
 * need not look. */
__attribute__((no_sanitize("thread", "address"))) static inline uintptr_t
slab_read_link(const char *mem, uint32_t block)
{
    return *(const volatile slab_link *)(const void *)mem ^ slab_link_mask(block);
}

static inline void slab_write_link(char *mem, uint32_t block, uint32_t first_free)
{
    *(volatile slab_link *)(void *)mem = first_free ^ slab_link_mask(block);
}

static inline void slab_erase_link(char *mem)
{
    *(volatile slab_link *)(void *)mem = 0;
}

/* --- To take and to give --- */

/* Takes a block: returns its number, or SLAB_NO_BLOCK if there is none. */
uint32_t slab_take(struct k_mem_slab_info *info, char *buffer);

/* Gives a block back. False, and nothing has happened, if somebody waits for one. */
bool slab_give(struct k_mem_slab_info *info, char *mem, uint32_t block);

/* After a swap that was lost: others are at it, and one who goes on at once hinders them and loses
 * again. */
__attribute__((cold)) void slab_back_off(void);

#if SLAB_LOCK_FREE
/* The fast paths: one try each. NULL or false says nothing; then the above are to be called.
 * `alone`: this process has no other thread. */
static inline char *slab_try_take(struct k_mem_slab_info *info, char *buffer, bool alone)
{
    struct slab_state before = slab_state(info);
    uint32_t block = before.first_free - 1;
    uint32_t num_blocks = info->num_blocks;

    if (__builtin_expect(block >= num_blocks, 0)) {
        return NULL;
    }
    char *mem = slab_block_at(info, buffer, block);
    uintptr_t next = slab_read_link(mem, block);
    struct slab_state after = {(uint32_t)next, before.changes, before.num_used + 1, before.touched};
    bool is_new_maximum = after.num_used > __atomic_load_n(&info->max_used, __ATOMIC_RELAXED);
    if (__builtin_expect(next > num_blocks || is_new_maximum, 0)) {
        return NULL;
    }
    if (alone) {
        if (__builtin_expect(!slab_swap_alone(info, before, after), 0)) {
            return NULL;
        }
        slab_count_alone(info, true);
    } else if (__builtin_expect(!slab_swap(info, before, after), 0)) {
        slab_back_off();
        return NULL;
    }
    slab_erase_link(mem);
    return mem;
}

static inline bool slab_try_give(struct k_mem_slab_info *info, char *mem, uint32_t block,
                                 bool alone)
{
    struct slab_state before = slab_state(info);
    struct slab_state after = {block + 1, before.changes + 1, before.num_used - 1, before.touched};
    bool swapped;

    if (__builtin_expect(before.first_free == SLAB_WAITED_FOR || before.num_used == 0, 0)) {
        return false;
    }
    slab_write_link(mem, block, before.first_free);
    if (alone) {
        slab_count_alone(info, false);
        swapped = slab_swap_alone(info, before, after);
        if (__builtin_expect(!swapped, 0)) {
            slab_count_alone(info, true);
        }
    } else {
        swapped = slab_swap(info, before, after);
    }
    if (__builtin_expect(!swapped, 0)) {
        slab_erase_link(mem);
        slab_back_off();
    }
    return swapped;
}
#endif

/* Makes the stack empty, with the first `touched` blocks in use and the others untouched. Nobody
 * may use the slab meanwhile. */
void slab_begin_anew(struct k_mem_slab_info *info, uint32_t touched);
/* Makes num_used what the stack says, where a change was cut short. Nobody may use the slab
 * meanwhile. O(free blocks). */
void slab_recount(struct k_mem_slab_info *info, char *buffer);
/* Makes givers notice that somebody waits. False iff there is a block to be had. */
bool slab_begin_wait(struct k_mem_slab_info *info);
/* Nobody waits any more. */
void slab_end_wait(struct k_mem_slab_info *info);

/* --- Addresses --- */

/* The number of the block `offset` bytes into the buffer, or SLAB_NO_BLOCK if none begins there. */
uint32_t slab_find_block(const struct k_mem_slab_info *info, size_t offset);

/* The same, without a division where it can be had: the product is exact as long as it is in range,
 * which the multiplication back shows. */
static inline uint32_t slab_block_of(const struct k_mem_slab_info *info, size_t offset)
{
#if SLAB_LOCK_FREE
    uint64_t block = (uint64_t)((slab_word)offset * info->reciprocal >> 64);

    if (__builtin_expect(block < info->num_blocks && block * info->block_size == offset, 1)) {
        return (uint32_t)block;
    }
#endif
    return slab_find_block(info, offset);
}

/* Whether a block that is being given back might be free already. Then slab_is_free tells. */
static inline bool slab_looks_free(const struct k_mem_slab_info *info, const char *mem,
                                   uint32_t block)
{
    return slab_read_link(mem, block) <= info->num_blocks;
}

/* Whether a block was never handed out. */
static inline bool slab_is_untouched(const struct k_mem_slab_info *info, uint32_t block)
{
    return block >= __atomic_load_n(&info->touched, __ATOMIC_RELAXED);
}

/* Whether a block is on the stack. O(free blocks). While others use the slab all the time, it may
 * be missed. */
bool slab_is_free(const struct k_mem_slab_info *info, char *buffer, uint32_t block);

/* Whether the invariants hold. Nobody may use the slab meanwhile. O(free blocks). */
bool slab_validate(const struct k_mem_slab_info *info, char *buffer);

#endif
