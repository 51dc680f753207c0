/* SPDX-License-Identifier: Apache-2.0 */
/* sys_mem_blocks: a bit array that says which blocks of a buffer are taken, and counters.
 *
 *    bitmap   1 1 0 1 0 0 0 1            used_blocks 4
 *    buffer  |A|B| |C| | | |D|
 *
 *    alloc, 3 blocks:   lock -- claim the lowest clear bits, a word at a time, until there are 3;
 *                       if there are not, release what was claimed -- count -- unlock
 *    free, n blocks:    lock -- for pointers in a row whose bits are in one word: count, release;
 *                       if that fails, each by itself -- unlock
 *
 * The lock is the bit array's. A signal handler that has interrupted its own thread in here goes in
 * without (kernel/guard.h): the bit array hands no bit to two, lock or not. How the counters stay
 * right then is in mem_blocks_count.h.
 *
 * What watchers are told, and when, is in mem_blocks_watch.c.
 *
 * Not promised: that a child of a fork can have all blocks which another thread was just taking or
 * giving back: they may stay taken there. */
#include <zephyr/sys/mem_blocks.h>

#include <errno.h>

#include "core/bitarray.h"
#include "core/bitarray_words.h"
#include "core/bits.h"
#include "core/check.h"
#include "core/note.h"
#include "kernel/guard.h"
#include "kernel/mem_blocks.h"
#include "kernel/mem_blocks_count.h"

/* --- To enter and to leave --- */

static void check(const sys_mem_blocks_t *mem_block)
{
    REQUIRE(mem_block != NULL && mem_block->bitmap != NULL && mem_block->buffer != NULL,
            "memory blocks are NULL, or have no buffer or no bit array", mem_block, NULL);
}

static void check_array(const sys_mem_blocks_t *mem_block, const void *array)
{
    check(mem_block);
    REQUIRE(array != NULL, "array for addresses of memory blocks is NULL", mem_block, NULL);
}

/* In the child of a fork, the first who enters. If nobody of this thread is inside and the lock was
 * held, what another thread was just taking or giving back counts as taken. */
static void inherit(void *context, bool was_held)
{
    sys_mem_blocks_t *mem_block = context;
    sys_bitarray_t *bitmap = mem_block->bitmap;

    bitarray_mend(bitmap);
    if (was_held) {
        size_t used = bitarray_count_region(bitmap, bitmap->num_bits, 0);

        __atomic_store_n(&mem_block->info.used_blocks, (uint32_t)used, __ATOMIC_SEQ_CST);
        mem_blocks_raise_most(&mem_block->info, (uint32_t)used);
    }
}

/* The same where the interrupted thread is inside, and goes on in the child: it will count. */
static void inherit_in_handler(void *context, bool was_held)
{
    (void)was_held;
    inherit(context, false);
}

__attribute__((cold, noinline)) static void make_good(sys_mem_blocks_t *mem_block)
{
    struct visit visit;

    visit_begin(&visit);
    guard_make_good(&mem_block->bitmap->lock, 0,
                    visit_may_not_wait(&visit) ? inherit_in_handler : inherit, mem_block);
    visit_end(&visit);
}

/* Whether somebody watches. */
static bool enter(sys_mem_blocks_t *mem_block, struct visit *visit)
{
    REQUIRE(mem_block->bitmap->num_bits <= mem_block->info.num_blocks,
            "bit array of memory blocks has more bits than there are blocks", mem_block,
            mem_block->bitmap);
    if (!guard_is_good(&mem_block->bitmap->lock)) {
        make_good(mem_block);
    }
    guard_enter(&mem_block->bitmap->lock, visit);
    bool watched = note_is_watched();
    if (watched) {
        mem_blocks_watch(mem_block);
    }
    return watched;
}

static void leave(sys_mem_blocks_t *mem_block, struct visit *visit)
{
    guard_leave(&mem_block->bitmap->lock, visit);
}

/* --- To give back --- */

static bool give(sys_mem_blocks_t *mem_block, struct stretch what, bool watched)
{
    if (watched && !mem_blocks_tell_given(mem_block, what)) {
        return false;
    }
    mem_blocks_count_given(mem_block, what.count);
    if (!bitarray_release(mem_block->bitmap, what.count, what.first)) {
        mem_blocks_count_again(mem_block, what.count);
        return false;
    }
    return true;
}

/* The blocks of some pointers, in one word of bits. */
struct group {
    struct bitarray_bits bits; /* the mask is 0 if the first pointer is no block's */
    size_t length;             /* how many pointers, at least 1 */
};

/* The first pointers, as long as their blocks are in the same word and different. */
static struct group group_at(const sys_mem_blocks_t *mem_block, size_t count, void **blocks)
{
    size_t num_bits = mem_block->bitmap->num_bits;
    size_t number = mem_blocks_number(mem_block, blocks[0]);
    struct group group = {{number & ~(size_t)(BUNDLE_BITS - 1), 0}, 0};

    while (number < num_bits && number - group.bits.first < BUNDLE_BITS) {
        uint32_t bit = (uint32_t)1 << (number - group.bits.first);

        if ((group.bits.mask & bit) != 0) {
            return group;
        }
        group.bits.mask |= bit;
        if (++group.length == count) {
            return group;
        }
        number = mem_blocks_number(mem_block, blocks[group.length]);
    }
    group.length += group.length == 0;
    return group;
}

static bool give_group(sys_mem_blocks_t *mem_block, const struct group *group)
{
    if (group->bits.mask == 0) {
        return false;
    }
    mem_blocks_count_given(mem_block, group->length);
    if (!bitarray_release_some(mem_block->bitmap, group->bits)) {
        mem_blocks_count_again(mem_block, group->length);
        return false;
    }
    return true;
}

/* All that are taken. False iff one of them is not. */
static bool give_each(sys_mem_blocks_t *mem_block, size_t count, void **blocks, bool watched)
{
    bool good = true;

    for (size_t i = 0; i < count; i++) {
        struct stretch one = {mem_blocks_number(mem_block, blocks[i]), 1};

        good = one.first < mem_block->bitmap->num_bits && give(mem_block, one, watched) && good;
    }
    return good;
}

static int give_all(sys_mem_blocks_t *mem_block, size_t count, void **blocks, bool watched)
{
    int result = 0;
    size_t length;

    for (size_t i = 0; i < count; i += length) {
        struct group group = group_at(mem_block, count - i, blocks + i);

        length = group.length;
        if ((watched || !give_group(mem_block, &group)) &&
            !give_each(mem_block, length, blocks + i, watched)) {
            result = -EFAULT;
        }
    }
    return result;
}

/* --- To take --- */

/* Writes the addresses of the blocks whose bits are set in a mask that is not 0. */
static void write_addresses(const sys_mem_blocks_t *mem_block, struct bitarray_bits bits,
                            void **blocks)
{
    size_t number = bits.first + lowest_bit(bits.mask);
    uint32_t mask = bits.mask >> lowest_bit(bits.mask);

    if ((mask & (mask + 1)) == 0) { /* side by side */
        for (unsigned int i = bit_length(mask); i > 0; i--) {
            *blocks++ = mem_blocks_address(mem_block, number++);
        }
        return;
    }
    for (; mask != 0; mask &= mask - 1) {
        *blocks++ = mem_blocks_address(mem_block, number + lowest_bit(mask));
    }
}

/* As many as there are, up to count. They are not counted yet. */
static size_t claim_lowest(sys_mem_blocks_t *mem_block, size_t count, void **blocks)
{
    struct bitarray_bits bits;
    size_t claimed = 0, from = 0;

    while (claimed < count) {
        size_t some = bitarray_claim_some(mem_block->bitmap, from, count - claimed, &bits);
        if (some == 0) {
            break;
        }
        write_addresses(mem_block, bits, blocks + claimed);
        claimed += some;
        from = bits.first + BUNDLE_BITS;
    }
    return claimed;
}

/* What nobody was told of, and was not counted. */
__attribute__((cold, noinline)) static void unclaim(sys_mem_blocks_t *mem_block, size_t count,
                                                    void **blocks)
{
    struct group group;

    for (size_t i = 0; i < count; i += group.length) {
        group = group_at(mem_block, count - i, blocks + i);
        bitarray_release_some(mem_block->bitmap, group.bits);
    }
}

static int take_lowest(sys_mem_blocks_t *mem_block, size_t count, void **blocks, bool watched)
{
    if (mem_blocks_are_too_few(mem_block, count)) {
        return -ENOMEM;
    }
    size_t claimed = claim_lowest(mem_block, count, blocks);
    if (claimed < count) {
        unclaim(mem_block, claimed, blocks);
        return -ENOMEM;
    }
    mem_blocks_count_taken(mem_block, count);
    if (watched) {
        mem_blocks_tell_taken_all(mem_block, count, blocks);
    }
    return 0;
}

/* --- The public calls --- */

int sys_mem_blocks_alloc(sys_mem_blocks_t *mem_block, size_t count, void **out_blocks)
{
    struct visit visit;

    check_array(mem_block, out_blocks);
    if (count == 0) {
        return 0;
    }
    if (count > mem_block->info.num_blocks) {
        return -ENOMEM;
    }
    bool watched = enter(mem_block, &visit);
    int result = take_lowest(mem_block, count, out_blocks, watched);
    leave(mem_block, &visit);
    return result;
}

static void write_address(void **out_block, void *mem)
{
    *out_block = mem;
    if (note_is_watched()) {
        mem_blocks_tell_written(out_block, 1);
    }
}

int sys_mem_blocks_alloc_contiguous(sys_mem_blocks_t *mem_block, size_t count, void **out_block)
{
    struct stretch what = {0, count};
    struct visit visit;

    check_array(mem_block, out_block);
    if (count == 0) {
        write_address(out_block, NULL);
        return 0;
    }
    if (count > mem_block->info.num_blocks) {
        return -ENOMEM;
    }
    bool watched = enter(mem_block, &visit);
    bool claimed = !mem_blocks_are_too_few(mem_block, count) &&
                   bitarray_claim_lowest_run(mem_block->bitmap, count, &what.first);
    if (claimed) {
        mem_blocks_count_taken(mem_block, count);
        if (watched) {
            mem_blocks_tell_taken(mem_block, what);
        }
    }
    leave(mem_block, &visit);
    if (!claimed) {
        return -ENOMEM;
    }
    write_address(out_block, mem_blocks_address(mem_block, what.first));
    return 0;
}

int sys_mem_blocks_get(sys_mem_blocks_t *mem_block, void *in_block, size_t count)
{
    struct visit visit;

    check(mem_block);
    if (count == 0) {
        return 0;
    }
    struct stretch what = {mem_blocks_number(mem_block, in_block), count};
    if (count > mem_block->info.num_blocks ||
        !bitarray_has_region(mem_block->bitmap, what.count, what.first)) {
        return -ENOMEM;
    }
    bool watched = enter(mem_block, &visit);
    bool claimed = bitarray_claim(mem_block->bitmap, what.count, what.first);
    if (claimed) {
        mem_blocks_count_taken(mem_block, count);
        if (watched) {
            mem_blocks_tell_got(mem_block, what);
        }
    }
    leave(mem_block, &visit);
    return claimed ? 0 : -ENOMEM;
}

int sys_mem_blocks_is_region_free(sys_mem_blocks_t *mem_block, void *in_block, size_t count)
{
    struct visit visit;

    check(mem_block);
    if (count == 0) {
        return 0;
    }
    size_t first = mem_blocks_number(mem_block, in_block);
    REQUIRE(bitarray_has_region(mem_block->bitmap, count, first),
            "memory blocks are asked about blocks that they do not have", mem_block, in_block);
    enter(mem_block, &visit);
    bool is_free = bitarray_is_region_clear(mem_block->bitmap, count, first);
    leave(mem_block, &visit);
    return is_free ? 1 : 0;
}

int sys_mem_blocks_free(sys_mem_blocks_t *mem_block, size_t count, void **in_blocks)
{
    struct visit visit;

    check_array(mem_block, in_blocks);
    if (count == 0) {
        return 0;
    }
    if (count > mem_block->info.num_blocks) {
        return -EINVAL;
    }
    bool watched = enter(mem_block, &visit);
    int result = give_all(mem_block, count, in_blocks, watched);
    leave(mem_block, &visit);
    return result;
}

int sys_mem_blocks_free_contiguous(sys_mem_blocks_t *mem_block, void *block, size_t count)
{
    struct visit visit;

    check(mem_block);
    if (count == 0) {
        return 0;
    }
    if (count > mem_block->info.num_blocks) {
        return -EINVAL;
    }
    struct stretch what = {mem_blocks_number(mem_block, block), count};
    if (what.first >= mem_block->info.num_blocks) {
        return -EFAULT;
    }
    if (!bitarray_has_region(mem_block->bitmap, what.count, what.first)) {
        return -EINVAL;
    }
    bool watched = enter(mem_block, &visit);
    bool given = give(mem_block, what, watched);
    leave(mem_block, &visit);
    return given ? 0 : -EFAULT;
}
