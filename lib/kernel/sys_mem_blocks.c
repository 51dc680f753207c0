/* SPDX-License-Identifier: Apache-2.0 */
/* sys_mem_blocks: a bit array that says which blocks of a buffer are taken, and counters.
 *
 *    bitmap   1 1 0 1 0 0 0 1            used_blocks 4
 *    buffer  |A|B| |C| | | |D|
 *
 *    alloc, 3 blocks:   lock -- claim the lowest clear stretch, then the next one, ... until there
 *                       are 3; if there are not, release what was claimed -- count -- unlock
 *    free, n blocks:    lock -- for each stretch of pointers whose blocks lie side by side: count,
 *                       release -- unlock
 *
 * The lock is the bit array's. A signal handler that has interrupted its own thread in here goes in
 * without (kernel/guard.h): the bit array hands no bit to two, lock or not, and the counters are
 * atomic. In which order they move beside the bits makes them right whoever comes in between:
 *
 *   1. used_blocks is never more than the bits that are set: a block counts once its bit is set,
 *      and not any more before it is cleared. So if there are too few by this count, there are too
 *      few; and max_used_blocks is never more than there were.
 *   2. With nobody inside both are equal, as long as nobody else changes the bits.
 *   3. With nobody inside max_used_blocks is not less: who raises used_blocks looks at it after,
 *      and who lowers it looks at used_blocks after.
 *
 * What watchers are told, and when, is in mem_blocks_watch.c.
 *
 * Not promised: that a child of a fork can have all blocks which another thread was just taking or
 * giving back: they may stay taken there. */
#include <zephyr/sys/mem_blocks.h>

#include <errno.h>

#include "core/bitarray.h"
#include "core/check.h"
#include "core/note.h"
#include "kernel/guard.h"
#include "kernel/mem_blocks.h"

/* --- Counters: rules 1 to 3 --- */

/* Sequentially consistent, as what it follows: rule 3. */
static void raise_most(struct sys_mem_blocks_info *info, uint32_t used)
{
    uint32_t most = __atomic_load_n(&info->max_used_blocks, __ATOMIC_SEQ_CST);

    while (used > most && !__atomic_compare_exchange_n(&info->max_used_blocks, &most, used, true,
                                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
}

static void count_taken(sys_mem_blocks_t *mem_block, size_t count)
{
    struct sys_mem_blocks_info *info = &mem_block->info;

    raise_most(info, __atomic_add_fetch(&info->used_blocks, (uint32_t)count, __ATOMIC_SEQ_CST));
}

static void count_given(sys_mem_blocks_t *mem_block, size_t count)
{
    __atomic_fetch_sub(&mem_block->info.used_blocks, (uint32_t)count, __ATOMIC_RELAXED);
}

/* They were not there to be given. */
static void count_given_back_again(sys_mem_blocks_t *mem_block, size_t count)
{
    __atomic_fetch_add(&mem_block->info.used_blocks, (uint32_t)count, __ATOMIC_RELAXED);
}

static uint32_t used_blocks(const sys_mem_blocks_t *mem_block)
{
    return __atomic_load_n(&mem_block->info.used_blocks, __ATOMIC_RELAXED);
}

static bool has_too_few(const sys_mem_blocks_t *mem_block, size_t count)
{
    return count > mem_block->info.num_blocks - used_blocks(mem_block);
}

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
        raise_most(&mem_block->info, (uint32_t)used);
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

static bool give(sys_mem_blocks_t *mem_block, struct stretch what, bool as_one, bool watched)
{
    if (watched && !mem_blocks_tell_given(mem_block, what, as_one)) {
        return false;
    }
    count_given(mem_block, what.count);
    if (!bitarray_release(mem_block->bitmap, what.count, what.first)) {
        count_given_back_again(mem_block, what.count);
        return false;
    }
    return true;
}

/* The blocks of the first pointers, as long as they lie side by side. */
static struct stretch stretch_at(const sys_mem_blocks_t *mem_block, size_t count, void **blocks)
{
    size_t first = mem_blocks_number(mem_block, blocks[0]);
    size_t most = mem_block->bitmap->num_bits - first;
    size_t length = 1;

    most = most < count ? most : count;
    while (length < most && mem_blocks_number(mem_block, blocks[length]) == first + length) {
        length++;
    }
    return (struct stretch){first, length};
}

/* All that are taken. False iff one of them is not. */
static bool give_each(sys_mem_blocks_t *mem_block, struct stretch what, bool watched)
{
    bool good = what.count > 1; /* one is not tried again */

    if (give(mem_block, what, false, watched)) {
        return true;
    }
    for (size_t i = 0; i < what.count && what.count > 1; i++) {
        struct stretch one = {what.first + i, 1};

        good = give(mem_block, one, false, watched) && good;
    }
    return good;
}

static int give_all(sys_mem_blocks_t *mem_block, size_t count, void **blocks, bool watched)
{
    int result = 0;

    for (size_t i = 0; i < count;) {
        size_t length = 1;

        if (mem_blocks_number(mem_block, blocks[i]) < mem_block->bitmap->num_bits) {
            struct stretch what = stretch_at(mem_block, count - i, blocks + i);

            length = what.count;
            if (!give_each(mem_block, what, watched)) {
                result = -EFAULT;
            }
        } else {
            result = -EFAULT;
        }
        i += length;
    }
    return result;
}

/* --- To take --- */

/* As many as there are, up to count. They are not counted yet. */
static size_t claim_lowest(sys_mem_blocks_t *mem_block, size_t count, void **blocks)
{
    struct stretch what = {0, 0};
    size_t claimed = 0;

    while (claimed < count) {
        what.count =
            bitarray_claim_next(mem_block->bitmap, what.first, count - claimed, &what.first);
        if (what.count == 0) {
            break;
        }
        for (size_t i = 0; i < what.count; i++) {
            blocks[claimed + i] = mem_blocks_address(mem_block, what.first + i);
        }
        claimed += what.count;
        what.first += what.count;
    }
    return claimed;
}

/* What nobody was told of, and was not counted. */
__attribute__((cold, noinline)) static void unclaim(sys_mem_blocks_t *mem_block, size_t count,
                                                    void **blocks)
{
    for (size_t i = 0; i < count;) {
        struct stretch what = stretch_at(mem_block, count - i, blocks + i);

        bitarray_release(mem_block->bitmap, what.count, what.first);
        i += what.count;
    }
}

static int take_lowest(sys_mem_blocks_t *mem_block, size_t count, void **blocks, bool watched)
{
    if (has_too_few(mem_block, count)) {
        return -ENOMEM;
    }
    size_t claimed = claim_lowest(mem_block, count, blocks);
    if (claimed < count) {
        unclaim(mem_block, claimed, blocks);
        return -ENOMEM;
    }
    count_taken(mem_block, count);
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
    bool claimed = !has_too_few(mem_block, count) &&
                   bitarray_claim_lowest_run(mem_block->bitmap, count, &what.first);
    if (claimed) {
        count_taken(mem_block, count);
        if (watched) {
            mem_blocks_tell_taken(mem_block, what, true);
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
        count_taken(mem_block, count);
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
    bool given = give(mem_block, what, true, watched);
    leave(mem_block, &visit);
    return given ? 0 : -EFAULT;
}

int sys_mem_blocks_runtime_stats_get(sys_mem_blocks_t *mem_block, struct sys_memory_stats *stats)
{
    if (mem_block == NULL || stats == NULL) {
        return -EINVAL;
    }
    uint32_t used = used_blocks(mem_block);
    uint32_t most = __atomic_load_n(&mem_block->info.max_used_blocks, __ATOMIC_RELAXED);

    stats->allocated_bytes = mem_blocks_bytes(mem_block, used);
    stats->free_bytes = mem_blocks_bytes(mem_block, mem_block->info.num_blocks - used);
    stats->max_allocated_bytes = mem_blocks_bytes(mem_block, most);
    return 0;
}

int sys_mem_blocks_runtime_stats_reset_max(sys_mem_blocks_t *mem_block)
{
    if (mem_block == NULL) {
        return -EINVAL;
    }
    struct sys_mem_blocks_info *info = &mem_block->info;

    __atomic_store_n(&info->max_used_blocks, used_blocks(mem_block), __ATOMIC_SEQ_CST);
    raise_most(info, __atomic_load_n(&info->used_blocks, __ATOMIC_SEQ_CST));
    return 0;
}
