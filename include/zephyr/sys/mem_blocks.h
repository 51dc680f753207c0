/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Memory blocks: many blocks of one size, taken several at once, side by side or where they are
 * free, with the bookkeeping outside of the buffer. The library never touches a block.
 *
 * Blocks have numbers from 0, in the order of their addresses; an address stands for the block that
 * it lies in. Which blocks are taken is said by a bit array, one bit per block.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    a lock; O(n) for n addresses, with one atomic instruction or two for those in one group
 *          of 32 blocks, or O(n / 32) for n blocks side by side; and a search for free blocks,
 * which passes over what is taken by the thousand (<zephyr/sys/bitarray.h>).
 *
 * Blocks:  for the lock, which is held for one such call; never for memory.
 *
 * Threads: any at the same time. What a call does to all its blocks is done at once for others. A
 *          block is handed over with all that was written before it was given back.
 *
 * Signals: may be called from a handler, whatever it interrupted. If that was a call of its own
 *          thread, it does not wait for the lock, and gets what that call has not taken yet. So it
 *          may find too few blocks where a moment later there would be enough.
 *
 * Fork:    a child has a copy of the bookkeeping and of the blocks. Blocks that another thread was
 *          just taking or giving back when the process forked may stay taken in the child.
 *
 * Owner:   the caller owns objects and buffers, and must keep them in place. Whoever has a block
 *          may give it back, in any thread, and together with others.
 *
 * Listeners: hear of HEAP_ALLOC and HEAP_FREE (<zephyr/sys/heap_listener.h>), with the address of
 *          the sys_mem_blocks as id. sys_mem_blocks_alloc and _free tell of each block; calls for
 *          blocks side by side tell once, of the first one's address and the bytes of all. Nothing
 *          is told of what fails. Callbacks run under the lock, and must not use the same blocks.
 *
 * Checkers: for Valgrind's memcheck and AddressSanitizer, free blocks are off limits.
 *
 * Misuse:  NULL instead of an object or an array is reported in one line, and the program aborts
 *          (<quarry/fault.h>); so is an object, filled in by hand, whose bit array has more bits
 *          than there are blocks.
 *
 * Source:  Zephyr's <zephyr/sys/mem_blocks.h>, v4.4 and later.
 *
 * Differs from Zephyr: statistics are always kept, under the bit array's lock; there is no second
 * one. Several blocks are taken under one lock: there, others may come in between, and blocks that
 * were taken in vain are told to listeners as taken and given back.
 */
#ifndef ZEPHYR_INCLUDE_SYS_MEM_BLOCKS_H_
#define ZEPHYR_INCLUDE_SYS_MEM_BLOCKS_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/autoconf.h>
#include <zephyr/kernel/obj_core.h>
#include <zephyr/sys/bitarray.h>
#include <zephyr/sys/mem_stats.h>
#include <zephyr/sys/util.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** The most allocators that a group may have. */
#define MAX_MULTI_ALLOCATORS 8

/** What an allocator is like, and its counters. The latter are atomic: other threads move them. */
struct sys_mem_blocks_info {
    uint32_t num_blocks;      /**< number of blocks */
    uint8_t blk_sz_shift;     /**< binary logarithm of a block's size in bytes */
    uint32_t used_blocks;     /**< blocks that are taken now */
    uint32_t max_used_blocks; /**< the most that were, or since it was reset */
};

/** An allocator of memory blocks. Read what `info`, `buffer` and `bitmap` say. One that is filled
 * in by hand, with the rest 0, is as good as a defined one. */
struct sys_mem_blocks {
    struct sys_mem_blocks_info info;
    uint8_t *buffer;        /**< where block 0 is */
    sys_bitarray_t *bitmap; /**< a bit is set iff its block is taken; guards all by its lock */
    uint32_t fenced; /**< the library's own: a memory checker knows which blocks are off limits */
    struct k_obj_core obj_core; /**< <zephyr/kernel/obj_core.h>; of no type if filled in by hand */
};

/** An allocator of memory blocks. */
typedef struct sys_mem_blocks sys_mem_blocks_t;

struct sys_multi_mem_blocks;

/** A group of allocators. */
typedef struct sys_multi_mem_blocks sys_multi_mem_blocks_t;

/**
 * Chooses the allocator that serves a call of sys_multi_mem_blocks_alloc. No lock is held.
 *
 * @param group the group
 * @param cfg   what the caller of sys_multi_mem_blocks_alloc passed
 * @return the allocator, or NULL, which refuses the call. It need not be one of the group, but what
 *         it hands out can then not be given back to the group
 */
typedef sys_mem_blocks_t *(*sys_multi_mem_blocks_choice_fn_t)(struct sys_multi_mem_blocks *group,
                                                              void *cfg);

/** A group of allocators. It has no lock: it is put together before others use it. */
struct sys_multi_mem_blocks {
    int num_allocators;                                 /**< how many of `allocators` are there */
    sys_multi_mem_blocks_choice_fn_t choice_fn;         /**< says which of them serves a call */
    sys_mem_blocks_t *allocators[MAX_MULTI_ALLOCATORS]; /**< in the order in which they came */
};

/** @cond internal */
Z_OBJ_MODULE_(mem_block);

#define Z_MEM_BLOCKS_SHIFT_(blk_sz) (63 - __builtin_clzll((unsigned long long)(blk_sz)))

#define _SYS_MEM_BLOCKS_DEFINE_WITH_EXT_BUF(name, blk_sz, num_blks, buf, mbmod)                    \
    BUILD_ASSERT((blk_sz) > 0, "size of memory blocks is 0");                                      \
    _SYS_BITARRAY_DEFINE(_sys_mem_blocks_bitmap_##name, num_blks, mbmod);                          \
    mbmod struct sys_mem_blocks name = {{(num_blks), Z_MEM_BLOCKS_SHIFT_(blk_sz), 0, 0},           \
                                        (buf),                                                     \
                                        &_sys_mem_blocks_bitmap_##name,                            \
                                        0,                                                         \
                                        Z_OBJ_CORE_INIT_(mem_block, &(name).info)};                \
    Z_OBJ_DEFINED_(mem_block, name)

#define _SYS_MEM_BLOCKS_DEFINE(name, blk_sz, num_blks, balign, mbmod)                              \
    mbmod uint8_t __noinit __aligned(WB_UP(balign))                                                \
        _sys_mem_blocks_buf_##name[(num_blks)*WB_UP(blk_sz)];                                      \
    _SYS_MEM_BLOCKS_DEFINE_WITH_EXT_BUF(name, blk_sz, num_blks, _sys_mem_blocks_buf_##name, mbmod)
/** @endcond */

/**
 * Defines an allocator with a buffer, ready for use before any code of the program runs.
 *
 * @param name      of the allocator; `extern struct sys_mem_blocks name;` makes it known elsewhere
 * @param blk_sz    bytes of a block, a power of two. With another number blocks are smaller than
 *                  that: of the next lower power of two, as in Zephyr, so that code which gets
 * along with it there does so here. quarry_mem_blocks_init refuses such numbers
 * @param num_blks  number of blocks, at least 1
 * @param buf_align alignment of the buffer, a power of two; rounded up to a multiple of
 *                  sizeof(void *)
 */
#define SYS_MEM_BLOCKS_DEFINE(name, blk_sz, num_blks, buf_align)                                   \
    _SYS_MEM_BLOCKS_DEFINE(name, blk_sz, num_blks, buf_align, )

/** As SYS_MEM_BLOCKS_DEFINE, known in this file only. */
#define SYS_MEM_BLOCKS_DEFINE_STATIC(name, blk_sz, num_blks, buf_align)                            \
    _SYS_MEM_BLOCKS_DEFINE(name, blk_sz, num_blks, buf_align, static)

/**
 * As SYS_MEM_BLOCKS_DEFINE, with a buffer of the caller's.
 *
 * @param buf the buffer: a `uint8_t` array of blk_sz * num_blks bytes, or the address of one, known
 *            when the program starts. Its alignment is that of the blocks
 */
#define SYS_MEM_BLOCKS_DEFINE_WITH_EXT_BUF(name, blk_sz, num_blks, buf)                            \
    _SYS_MEM_BLOCKS_DEFINE_WITH_EXT_BUF(name, blk_sz, num_blks, buf, )

/** As SYS_MEM_BLOCKS_DEFINE_WITH_EXT_BUF, known in this file only. */
#define SYS_MEM_BLOCKS_DEFINE_STATIC_WITH_EXT_BUF(name, blk_sz, num_blks, buf)                     \
    _SYS_MEM_BLOCKS_DEFINE_WITH_EXT_BUF(name, blk_sz, num_blks, buf, static)

/**
 * Takes some blocks, wherever they are free: those with the lowest numbers.
 *
 * @param mem_block  the allocator
 * @param count      number of blocks, 0 to SIZE_MAX
 * @param out_blocks where their addresses go, ascending; contents of blocks are undefined. If there
 *                   are too few blocks, what is there afterwards has no meaning
 * @return 0, at once and with nothing written if @p count is 0; -ENOMEM iff fewer blocks are free:
 *         then none is taken
 */
int sys_mem_blocks_alloc(sys_mem_blocks_t *mem_block, size_t count, void **out_blocks);

/**
 * Takes some blocks side by side: the first place that is large enough.
 *
 * @param mem_block the allocator
 * @param count     number of blocks, 0 to SIZE_MAX
 * @param out_block where the address of the first one goes; NULL if @p count is 0
 * @return 0; -ENOMEM iff there is no such place: then @p out_block is as it was
 */
int sys_mem_blocks_alloc_contiguous(sys_mem_blocks_t *mem_block, size_t count, void **out_block);

/**
 * Takes particular blocks, side by side. Their contents stay as they are.
 *
 * @param mem_block the allocator
 * @param in_block  the first of them
 * @param count     number of blocks, 0 to SIZE_MAX
 * @return 0, also if @p count is 0; -ENOMEM iff one of them is taken, or there are not so many from
 *         there on: then nothing has changed
 */
int sys_mem_blocks_get(sys_mem_blocks_t *mem_block, void *in_block, size_t count);

/**
 * Tells whether blocks that lie side by side are free, at this moment.
 *
 * @param mem_block the allocator
 * @param in_block  the first of them
 * @param count     number of blocks
 * @return 1 iff all of them are; 0 if @p count is 0
 *
 * Misuse: blocks that the allocator does not have, unless @p count is 0.
 */
int sys_mem_blocks_is_region_free(sys_mem_blocks_t *mem_block, void *in_block, size_t count);

/**
 * Gives some blocks back. An error with one does not keep the others from it.
 *
 * @param mem_block the allocator that they came from
 * @param count     number of blocks, 0 to SIZE_MAX
 * @param in_blocks their addresses, in any order; fastest if neighbours are listed together
 * @return 0; -EINVAL iff @p count is more than the blocks that there are: then nothing has changed;
 *         else -EFAULT iff one of them is no block of this allocator, NULL among them, or was not
 *         taken: because it is listed twice, perhaps
 */
int sys_mem_blocks_free(sys_mem_blocks_t *mem_block, size_t count, void **in_blocks);

/**
 * Gives blocks back that lie side by side, all or none. They need not have been taken together.
 *
 * @param mem_block the allocator that they came from
 * @param block     the first of them
 * @param count     number of blocks, 0 to SIZE_MAX
 * @return 0, also if @p count is 0; -EINVAL iff @p count is more than the blocks that there are at
 *         all, or from the first one on; -EFAULT iff the first is no block of this allocator, or
 * one of them was not taken
 */
int sys_mem_blocks_free_contiguous(sys_mem_blocks_t *mem_block, void *block, size_t count);

/**
 * Gives the counters of an allocator in bytes, of whole blocks.
 *
 * @param mem_block the allocator
 * @param stats     where they go
 * @return 0; -EINVAL iff either is NULL
 *
 * Blocks: never. No lock is taken; one or another number may be of an earlier moment.
 */
int sys_mem_blocks_runtime_stats_get(sys_mem_blocks_t *mem_block, struct sys_memory_stats *stats);

/**
 * Lowers the high-water mark to the blocks that are taken now.
 *
 * @param mem_block the allocator
 * @return 0; -EINVAL iff it is NULL
 *
 * Blocks: never.
 */
int sys_mem_blocks_runtime_stats_reset_max(sys_mem_blocks_t *mem_block);

/**
 * Makes a group without allocators.
 *
 * @param group     the group; what it was before is lost
 * @param choice_fn chooses an allocator in each call of sys_multi_mem_blocks_alloc
 *
 * Threads: nobody may use the group meanwhile.
 */
void sys_multi_mem_blocks_init(sys_multi_mem_blocks_t *group,
                               sys_multi_mem_blocks_choice_fn_t choice_fn);

/**
 * Adds an allocator behind those that are there.
 *
 * @param group the group
 * @param alloc the allocator, which stays usable by itself and in other groups
 *
 * Threads: nobody may use the group meanwhile.
 * Misuse:  more than MAX_MULTI_ALLOCATORS.
 */
void sys_multi_mem_blocks_add_allocator(sys_multi_mem_blocks_t *group, sys_mem_blocks_t *alloc);

/**
 * Takes some blocks from the allocator that the group's function chooses.
 *
 * @param group      the group
 * @param cfg        passed on to the function
 * @param count      number of blocks, 0 to SIZE_MAX
 * @param out_blocks where their addresses go; see sys_mem_blocks_alloc
 * @param blk_size   NULL, or where a block's size in bytes goes: 0 if @p count is 0. Unchanged on
 *                   errors
 * @return 0, and without a call of the function if @p count is 0; -EINVAL iff it chose NULL;
 * -ENOMEM iff fewer blocks are free in that allocator
 *
 * Misuse: a group without a function.
 */
int sys_multi_mem_blocks_alloc(sys_multi_mem_blocks_t *group, void *cfg, size_t count,
                               void **out_blocks, size_t *blk_size);

/**
 * Gives some blocks back to the allocator of the group that they came from.
 *
 * @param group     the group
 * @param count     number of blocks, 0 to SIZE_MAX
 * @param in_blocks their addresses, all of the same allocator: that of the first one
 * @return 0, also if @p count is 0; -EINVAL iff the first is no block of the group's, or @p count
 * is more than its allocator has; else -EFAULT as of sys_mem_blocks_free, blocks of another
 *         allocator among the reasons
 */
int sys_multi_mem_blocks_free(sys_multi_mem_blocks_t *group, size_t count, void **in_blocks);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
