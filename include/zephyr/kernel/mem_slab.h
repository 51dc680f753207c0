/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Memory slabs: blocks of one size, taken and given back in constant time, and waited for.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    O(1). Taking and giving back is one compare-and-swap without a lock, as long as nobody
 *          has to wait; with w threads that wait, a thread that joins them looks at those of lower
 *          priority, and who gives a block back at one.
 * Blocks:  never, unless said otherwise.
 * Threads: any at the same time. A block is handed over with all that was written before.
 * Signals: may be called from a handler, whatever it interrupted, unless said otherwise. A handler
 *          stands for what is an interrupt on a device: it may free the very block that the thread
 *          which it interrupts is waiting for.
 * Fork:    a child has a copy of the slab and its blocks, and nobody waits in it. A call that
 *          another thread is in while the process forks has happened for the child, or has not.
 * Owner:   the caller owns slab and buffer, and must keep them in place. There is no destroy
 *          function: a slab that nobody uses any more holds nothing that must be given back.
 * Misuse:  a block that is free already, that was never handed out or that is none of this slab,
 *          and a free block that was written to, are reported in one line, and the program aborts
 *          (<quarry/fault.h>).
 * Source:  Zephyr's <zephyr/kernel.h>, v4.4 and later.
 */
#ifndef ZEPHYR_INCLUDE_KERNEL_MEM_SLAB_H_
#define ZEPHYR_INCLUDE_KERNEL_MEM_SLAB_H_

#include <stddef.h>
#include <stdint.h>
#include <zephyr/kernel/mem_slab_info.h>
#include <zephyr/kernel/obj_core.h>
#include <zephyr/sys/mem_stats.h>
#include <zephyr/sys/util.h>
#include <zephyr/sys_clock.h>
#include <zephyr/wait_q.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** A memory slab. Read what `info` and `buffer` say; the rest is the library's own. */
struct k_mem_slab {
    struct k_mem_slab_info info;
    char *buffer;    /**< where the blocks are; in a shared slab, of the process that made it */
    intptr_t shared; /**< 0, or the distance to what processes share besides */
    _wait_q_t wait_q;
    struct k_obj_core obj_core; /**< <zephyr/kernel/obj_core.h>; of no type in a shared slab */
};

/** @cond internal */
Z_OBJ_MODULE_(mem_slab);

/* A zeroed stack of free blocks is a good one: lib/core/slab.h. So a static slab is ready before
 * the first constructor of the program runs, wherever it is defined. */
#define Z_MEM_SLAB_INITIALIZER(_slab, _slab_buffer, _slab_block_size, _slab_num_blocks)            \
    {                                                                                              \
        {(_slab_block_size),                                                                       \
         UINT64_MAX / (_slab_block_size) + 1,                                                      \
         (_slab_num_blocks),                                                                       \
         0,                                                                                        \
         0,                                                                                        \
         0,                                                                                        \
         0,                                                                                        \
         0},                                                                                       \
            (_slab_buffer), 0, Z_WAIT_Q_INIT, Z_OBJ_CORE_INIT_(mem_slab, &(_slab).info)            \
    }

#define Z_MEM_SLAB_DEFINE_(name, in_section, linkage, slab_block_size, slab_num_blocks,            \
                           slab_align)                                                             \
    BUILD_ASSERT((slab_block_size) % (slab_align) == 0,                                            \
                 "block size of a slab is not a multiple of its alignment");                       \
    BUILD_ASSERT(((slab_align) & ((slab_align)-1)) == 0,                                           \
                 "alignment of a slab is not a power of two");                                     \
    linkage in_section char __attribute__((aligned(WB_UP(slab_align))))                            \
    _k_mem_slab_buf_##name[(slab_num_blocks)*WB_UP(slab_block_size)];                              \
    linkage struct k_mem_slab name = Z_MEM_SLAB_INITIALIZER(                                       \
        name, _k_mem_slab_buf_##name, WB_UP(slab_block_size), slab_num_blocks);                    \
    Z_OBJ_DEFINED_(mem_slab, name)
#define Z_MEM_SLAB_PUBLIC_
/** @endcond */

/**
 * Defines a slab and its buffer, ready for use before any code of the program runs.
 *
 * @param name            of the slab; `extern struct k_mem_slab name;` makes it known elsewhere
 * @param slab_block_size bytes of a block, a multiple of @p slab_align; rounded up to a multiple of
 *                        sizeof(void *), which is what the counters go by
 * @param slab_num_blocks number of blocks, at least 1
 * @param slab_align      alignment of the buffer, a power of two; rounded up likewise
 */
#define K_MEM_SLAB_DEFINE(name, slab_block_size, slab_num_blocks, slab_align)                      \
    Z_MEM_SLAB_DEFINE_(name, , Z_MEM_SLAB_PUBLIC_, slab_block_size, slab_num_blocks, slab_align)

/** As K_MEM_SLAB_DEFINE, known in this file only. */
#define K_MEM_SLAB_DEFINE_STATIC(name, slab_block_size, slab_num_blocks, slab_align)               \
    Z_MEM_SLAB_DEFINE_(name, , static, slab_block_size, slab_num_blocks, slab_align)

/** As K_MEM_SLAB_DEFINE; @p in_section is an attribute of the buffer, such as __nocache. */
#define K_MEM_SLAB_DEFINE_IN_SECT(name, in_section, slab_block_size, slab_num_blocks, slab_align)  \
    Z_MEM_SLAB_DEFINE_(name, in_section, Z_MEM_SLAB_PUBLIC_, slab_block_size, slab_num_blocks,     \
                       slab_align)

/** As K_MEM_SLAB_DEFINE_IN_SECT, known in this file only. */
#define K_MEM_SLAB_DEFINE_IN_SECT_STATIC(name, in_section, slab_block_size, slab_num_blocks,       \
                                         slab_align)                                               \
    Z_MEM_SLAB_DEFINE_(name, in_section, static, slab_block_size, slab_num_blocks, slab_align)

/** A slab with blocks for objects of a type, aligned as it asks. */
#define K_MEM_SLAB_DEFINE_TYPE(name, type, slab_num_blocks)                                        \
    K_MEM_SLAB_DEFINE(name, sizeof(type), slab_num_blocks, __alignof__(type))

/** As K_MEM_SLAB_DEFINE_TYPE, known in this file only. */
#define K_MEM_SLAB_DEFINE_STATIC_TYPE(name, type, slab_num_blocks)                                 \
    K_MEM_SLAB_DEFINE_STATIC(name, sizeof(type), slab_num_blocks, __alignof__(type))

/**
 * Makes a slab out of a buffer. All blocks are free.
 *
 * @param slab       the slab, 16-aligned as its type says; what it was before is lost
 * @param buffer     block_size * num_blocks bytes, aligned for a pointer; untouched until blocks
 *                   are used
 * @param block_size bytes of a block, a multiple of sizeof(void *), not 0
 * @param num_blocks number of blocks, 1 to 2^32 - 2
 * @return 0; -EINVAL iff one of these does not hold, or the buffer would wrap around the end of the
 *         address space
 *
 * A slab that is a variable of the program can be found from now on (<zephyr/kernel/obj_core.h>).
 *
 * Cost:    O(1), and for such a variable O(objects that can be found).
 *
 * Blocks:  for the lock of the lists of objects, for such a variable.
 *
 * Threads: nobody may use the slab meanwhile.
 *
 * Differs from Zephyr: 0 blocks and NULL are errors in every build; O(1), there O(num_blocks).
 */
int k_mem_slab_init(struct k_mem_slab *slab, void *buffer, size_t block_size, uint32_t num_blocks);

/**
 * Takes a block, or waits for one.
 *
 * Blocks that were given back are handed out last in, first out, before those that were not used
 * yet, which come in the order of their addresses.
 *
 * @param slab    the slab
 * @param mem     where the address of the block goes, whose contents are undefined. If there is
 *                none: NULL with K_NO_WAIT, else unchanged
 * @param timeout how long to wait; counts from the call
 * @return 0; -ENOMEM iff there is no block and @p timeout is K_NO_WAIT, or the slab is shared and
 *         has no place for one more waiter; -EAGAIN iff @p timeout went by
 *
 * Blocks:  until a block is given back, or for the timeout. Threads that wait are served in the
 *          order of their priorities (k_thread_priority_set), and of arrival among equals; nobody
 *          who comes later is served earlier. A cancellation point if it waits: a thread that is
 *          cancelled leaves no trace.
 * Signals: only with K_NO_WAIT.
 */
int k_mem_slab_alloc(struct k_mem_slab *slab, void **mem, k_timeout_t timeout);

/**
 * Gives a block back: to the first thread that waits, if any, else to the slab.
 *
 * A thread that waits gets this very block, and the slab's counters do not move.
 *
 * @param slab the slab that it came from
 * @param mem  the block; NULL is misuse
 *
 * Differs from Zephyr: misuse is noticed in every build, a double free among it, unless the block
 *         is in use again by then.
 */
void k_mem_slab_free(struct k_mem_slab *slab, void *mem);

/**
 * Gives the counters of a slab in bytes, of whole blocks.
 *
 * @param slab  the slab
 * @param stats where they go
 * @return 0; -EINVAL iff either is NULL
 */
int k_mem_slab_runtime_stats_get(struct k_mem_slab *slab, struct sys_memory_stats *stats);

/**
 * Lowers the high-water mark to the blocks that are in use now.
 *
 * @param slab the slab
 * @return 0; -EINVAL iff it is NULL
 */
int k_mem_slab_runtime_stats_reset_max(struct k_mem_slab *slab);

/** @return blocks in use */
static inline uint32_t k_mem_slab_num_used_get(struct k_mem_slab *slab)
{
    return __atomic_load_n(&slab->info.num_used, __ATOMIC_RELAXED);
}

/** @return the most blocks that were in use, or since k_mem_slab_runtime_stats_reset_max */
static inline uint32_t k_mem_slab_max_used_get(struct k_mem_slab *slab)
{
    return __atomic_load_n(&slab->info.max_used, __ATOMIC_RELAXED);
}

/** @return blocks that are free */
static inline uint32_t k_mem_slab_num_free_get(struct k_mem_slab *slab)
{
    return slab->info.num_blocks - k_mem_slab_num_used_get(slab);
}

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
