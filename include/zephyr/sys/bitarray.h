/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Bit arrays with a lock: bits that are set, cleared and looked at, alone and by regions, and
 * handed out like places.
 *
 * Bit b is bit b % 32, the lowest being 0, of bundles[b / 32]. A region is num_bits bits from
 * offset on. It is in the array iff num_bits is not 0 and offset + num_bits is not more than the
 * array has, as numbers without end: nothing wraps around.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    a lock, and O(num_bits / 32) for a region; O(1) for a bit.
 *
 * Blocks:  for the lock, which is held for one such call.
 *
 * Threads: any at the same time; among threads each call happens as a whole. What was written
 *          before bits were cleared is seen by who sets them afterwards by sys_bitarray_alloc.
 *
 * Signals: may be called from a handler, whatever it interrupted. A handler that interrupted a
 *          call of its own thread, on whatever object, does not wait for the lock: if it is
 *          taken, the call goes on without. Then it may see, and change, what the interrupted
 *          call, or one of another thread, has done half of. What holds all the same: no bit is
 *          allocated twice, no bit that is freed gets lost, and a bit that a call sets or
 *          clears is set or cleared. What does not: a call on a region in several bundles may
 *          see some of them as they were before another call, and some as they are after it; of
 *          two that want the same bits both may fail; and sys_bitarray_alloc may overlook bits
 *          that are freed meanwhile.
 *
 * Fork:    a child has a copy of the array. Of a call that another thread is in while the process
 *          forks the child may have one half. The first call in a child takes O(bits / 64), once.
 *
 * Owner:   the caller owns array and bundles, and must keep them in place.
 *
 * Misuse:  NULL for an array, and one of 0 bits, are reported in one line, and the program aborts
 *          (<quarry/fault.h>).
 *
 * Source:  Zephyr's <zephyr/sys/bitarray.h>, v3.7 and later.
 *
 * Differs from Zephyr: misuse is noticed in every build. Numbers of bits and offsets that overflow
 *         when added are refused everywhere. Memory beside the bundles makes sys_bitarray_alloc of
 *         one bit as fast in large arrays as in small ones.
 *
 * Bundles may be read and written directly while nobody else uses the array, with one exception: in
 * an array of more than Z_BITARRAY_DIRECT_BITS (2048) bits that has a summary, bits may be set but
 * not cleared in this way, for sys_bitarray_alloc would not see that.
 */
#ifndef ZEPHYR_INCLUDE_SYS_BITARRAY_H_
#define ZEPHYR_INCLUDE_SYS_BITARRAY_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/spinlock.h>
#include <zephyr/sys/util.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** A bit array. One that is filled in by hand, with the rest 0, is as good as a defined one; from
 *  some thousands of bits on it is slower (<quarry/bitarray.h> has what makes fast ones). */
struct sys_bitarray {
    uint32_t num_bits;      /**< bits that it has; constant */
    uint32_t num_bundles;   /**< words of `bundles`; constant */
    uint32_t *bundles;      /**< the bits; those behind the last one have no meaning */
    struct k_spinlock lock; /**< held during each call, but for sys_bitarray_test_bit */
    uintptr_t *summary;     /**< the library's own: which bundles are full; NULL: not known */
};

/** A bit array. */
typedef struct sys_bitarray sys_bitarray_t;

/** @cond internal */
#define Z_BITARRAY_BUNDLES(total_bits) DIV_ROUND_UP(total_bits, 32)

/* Up to so many bits looking through all bundles takes no longer than keeping a summary does, which
 * is so on x86-64; elsewhere it may be others, and nothing else depends on it. */
#define Z_BITARRAY_DIRECT_BITS 2048

/* A summary has a bit for each unit of 64 bits, then one for each word of these, and so on up to a
 * level of so few words that they are looked through. */
#define Z_BITARRAY_WORD_BITS   (8 * sizeof(uintptr_t))
#define Z_BITARRAY_TOP_WORDS   4
#define Z_BITARRAY_LEVEL_0_(b) DIV_ROUND_UP(DIV_ROUND_UP((size_t)(b), 64), Z_BITARRAY_WORD_BITS)
#define Z_BITARRAY_ABOVE_(words)                                                                   \
    ((words) > Z_BITARRAY_TOP_WORDS ? DIV_ROUND_UP(words, Z_BITARRAY_WORD_BITS) : 0)
#define Z_BITARRAY_LEVEL_1_(b) Z_BITARRAY_ABOVE_(Z_BITARRAY_LEVEL_0_(b))
#define Z_BITARRAY_LEVEL_2_(b) Z_BITARRAY_ABOVE_(Z_BITARRAY_LEVEL_1_(b))
#define Z_BITARRAY_LEVEL_3_(b) Z_BITARRAY_ABOVE_(Z_BITARRAY_LEVEL_2_(b))
#define Z_BITARRAY_LEVEL_4_(b) Z_BITARRAY_ABOVE_(Z_BITARRAY_LEVEL_3_(b))
#define Z_BITARRAY_SUMMARY_WORDS(total_bits)                                                       \
    (Z_BITARRAY_LEVEL_0_(total_bits) + Z_BITARRAY_LEVEL_1_(total_bits) +                           \
     Z_BITARRAY_LEVEL_2_(total_bits) + Z_BITARRAY_LEVEL_3_(total_bits) +                           \
     Z_BITARRAY_LEVEL_4_(total_bits))

#define _SYS_BITARRAY_DEFINE(name, total_bits, sba_mod)                                            \
    BUILD_ASSERT((total_bits) > 0 && (uint64_t)(total_bits) <= UINT32_MAX,                         \
                 "a bit array has 1 to 2^32 - 1 bits");                                            \
    static uint32_t _sys_bitarray_bundles_##name[Z_BITARRAY_BUNDLES(total_bits)];                  \
    static uintptr_t _sys_bitarray_summary_##name[Z_BITARRAY_SUMMARY_WORDS(total_bits)]            \
        __attribute__((unused));                                                                   \
    sba_mod sys_bitarray_t name = {                                                                \
        (total_bits), Z_BITARRAY_BUNDLES(total_bits), _sys_bitarray_bundles_##name,                \
        Z_SPINLOCK_INIT,                                                                           \
        (total_bits) > Z_BITARRAY_DIRECT_BITS ? _sys_bitarray_summary_##name : NULL}
#define Z_BITARRAY_PUBLIC_
/** @endcond */

/**
 * Defines a bit array and its bundles, all bits clear.
 *
 * Inside of a function it defines a local array, whose bundles are static: they keep their bits
 * from one call to the next.
 *
 * @param name       of the array; `extern sys_bitarray_t name;` makes it known elsewhere
 * @param total_bits bits, 1 to 2^32 - 1, a constant
 */
#define SYS_BITARRAY_DEFINE(name, total_bits)                                                      \
    _SYS_BITARRAY_DEFINE(name, total_bits, Z_BITARRAY_PUBLIC_)

/** As SYS_BITARRAY_DEFINE, known in this file only, or in this function, where it is static. */
#define SYS_BITARRAY_DEFINE_STATIC(name, total_bits) _SYS_BITARRAY_DEFINE(name, total_bits, static)

/**
 * Sets a bit.
 *
 * @param bitarray the array
 * @param bit      its number
 * @return 0; -EINVAL iff the array has no such bit
 */
int sys_bitarray_set_bit(sys_bitarray_t *bitarray, size_t bit);

/**
 * Clears a bit.
 *
 * @param bitarray the array
 * @param bit      its number
 * @return 0; -EINVAL iff the array has no such bit
 */
int sys_bitarray_clear_bit(sys_bitarray_t *bitarray, size_t bit);

/**
 * Looks at a bit.
 *
 * @param bitarray the array
 * @param bit      its number
 * @param val      where 0 or 1 goes
 * @return 0; -EINVAL iff the array has no such bit or @p val is NULL
 *
 * Cost: one load. Blocks: never.
 */
int sys_bitarray_test_bit(sys_bitarray_t *bitarray, size_t bit, int *val);

/**
 * Sets a bit, and tells what it was.
 *
 * @param bitarray the array
 * @param bit      its number
 * @param prev_val where 0 or 1 goes: what the bit was before
 * @return 0; -EINVAL iff the array has no such bit or @p prev_val is NULL: nothing has changed
 */
int sys_bitarray_test_and_set_bit(sys_bitarray_t *bitarray, size_t bit, int *prev_val);

/**
 * Clears a bit, and tells what it was.
 *
 * @param bitarray the array
 * @param bit      its number
 * @param prev_val where 0 or 1 goes: what the bit was before
 * @return 0; -EINVAL iff the array has no such bit or @p prev_val is NULL: nothing has changed
 */
int sys_bitarray_test_and_clear_bit(sys_bitarray_t *bitarray, size_t bit, int *prev_val);

/**
 * Finds a run of clear bits and sets them.
 *
 * @param bitarray the array
 * @param num_bits length of the run
 * @param offset   where the number of its first bit goes: the lowest possible
 * @return 0; -ENOSPC iff there is no such run; -EINVAL iff @p num_bits is 0 or more than the array
 *         has, or @p offset is NULL
 *
 * Cost: for one bit O(log bits), base 64, in an array with a summary; else O(bits / 64), full
 *       bundles being passed over 64 at a time where there is a summary, and units of long runs
 *       being looked at only as far as is needed to rule them out.
 */
int sys_bitarray_alloc(sys_bitarray_t *bitarray, size_t num_bits, size_t *offset);

/**
 * Clears a region, all bits of which are set. It may be part of one that was allocated.
 *
 * @param bitarray the array
 * @param num_bits bits of the region
 * @param offset   its first bit
 * @return 0; -EFAULT iff some bit of it is clear, and nothing has changed; -EINVAL iff it is not in
 *         the array
 */
int sys_bitarray_free(sys_bitarray_t *bitarray, size_t num_bits, size_t offset);

/** @return whether a region is in the array and all its bits are set */
bool sys_bitarray_is_region_set(sys_bitarray_t *bitarray, size_t num_bits, size_t offset);

/** @return whether a region is in the array and all its bits are clear */
bool sys_bitarray_is_region_cleared(sys_bitarray_t *bitarray, size_t num_bits, size_t offset);

/**
 * Sets all bits of a region.
 *
 * @return 0; -EINVAL iff it is not in the array, and nothing has changed
 */
int sys_bitarray_set_region(sys_bitarray_t *bitarray, size_t num_bits, size_t offset);

/**
 * Clears all bits of a region.
 *
 * @return 0; -EINVAL iff it is not in the array, and nothing has changed
 */
int sys_bitarray_clear_region(sys_bitarray_t *bitarray, size_t num_bits, size_t offset);

/**
 * Sets all bits of a region if all are clear, or clears all if all are set.
 *
 * @param bitarray the array
 * @param num_bits bits of the region
 * @param offset   its first bit
 * @param to_set   whether they are to be set
 * @return 0; -EEXIST iff some bit is already what it was to become, and nothing has changed;
 *         -EINVAL iff the region is not in the array
 */
int sys_bitarray_test_and_set_region(sys_bitarray_t *bitarray, size_t num_bits, size_t offset,
                                     bool to_set);

/**
 * Counts the bits of a region that are set.
 *
 * @param count where their number goes
 * @return 0; -EINVAL iff the region is not in the array or @p count is NULL
 */
int sys_bitarray_popcount_region(sys_bitarray_t *bitarray, size_t num_bits, size_t offset,
                                 size_t *count);

/**
 * Inverts the bits of a region that are set in another array.
 *
 * @param dst      the array that is changed
 * @param other    an array with as many bits, or the same one
 * @param num_bits bits of the region
 * @param offset   its first bit, in both
 * @return 0; -EINVAL iff the region is not in the array or the arrays differ in size: nothing has
 *         changed
 *
 * Blocks: for the locks of both, in an order in which calls on the same arrays the other way round
 *         cannot wait for each other. A handler goes without both if it cannot have both.
 * Differs from Zephyr: there it waits for itself if @p other is @p dst, or for another thread.
 */
int sys_bitarray_xor(sys_bitarray_t *dst, sys_bitarray_t *other, size_t num_bits, size_t offset);

/**
 * Finds the n-th of the bits of a region that are set.
 *
 * @param bitarray the array
 * @param n        1 for the first
 * @param num_bits bits of the region
 * @param offset   its first bit
 * @param found_at where the bit's number in the array goes
 * @return 0; 1 iff fewer than @p n bits are set: *found_at is as it was; -EINVAL iff the region is
 *         not in the array, @p n is 0 or @p found_at is NULL
 */
int sys_bitarray_find_nth_set(sys_bitarray_t *bitarray, size_t n, size_t num_bits, size_t offset,
                              size_t *found_at);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
