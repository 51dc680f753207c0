/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a bit array: how they are read and changed, and where a region lies in them.
 *
 *    bundles    | 31 ... 0 | 63 ... 32 | 95 ... 64 | 127 ... 96 |     as users see them
 *    units      | 63 ................ 0 | 127 .............. 64 |     as regions are gone through
 *
 * Whatever changes a bundle is one atomic instruction that tells what was there before; it may
 * change both bundles of a unit. What is behind the last bit reads as set, so that no search finds
 * it; it is written by nobody. */
#ifndef QUARRY_CORE_BITARRAY_WORDS_H
#define QUARRY_CORE_BITARRAY_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/bitarray.h>

#include "core/bits.h"

#define BUNDLE_BITS 32u
#define BUNDLE_FULL UINT32_MAX
#define UNIT_BITS   64u
#define UNIT_FULL   UINT64_MAX

static inline uint32_t bundle_load(const sys_bitarray_t *bitarray, size_t bundle)
{
    return __atomic_load_n(&bitarray->bundles[bundle], __ATOMIC_RELAXED);
}

/* Each returns what the bundle was before. */
static inline uint32_t bundle_set(sys_bitarray_t *bitarray, size_t bundle, uint32_t mask)
{
    return __atomic_fetch_or(&bitarray->bundles[bundle], mask, __ATOMIC_SEQ_CST);
}

static inline uint32_t bundle_clear(sys_bitarray_t *bitarray, size_t bundle, uint32_t mask)
{
    return __atomic_fetch_and(&bitarray->bundles[bundle], ~mask, __ATOMIC_SEQ_CST);
}

/* Makes the bundle `after` if it is `*before`; else false, and *before is what it is. */
static inline bool bundle_swap(sys_bitarray_t *bitarray, size_t bundle, uint32_t *before,
                               uint32_t after)
{
    return __atomic_compare_exchange_n(&bitarray->bundles[bundle], before, after, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* The bits of a bundle from `first_bit` to `last_bit` of the array, some of which it has. */
static inline uint32_t bundle_mask(size_t bundle, size_t first_bit, size_t last_bit)
{
    uint32_t mask = BUNDLE_FULL;

    if (bundle == first_bit / BUNDLE_BITS) {
        mask <<= first_bit % BUNDLE_BITS;
    }
    if (bundle == last_bit / BUNDLE_BITS) {
        mask &= BUNDLE_FULL >> (BUNDLE_BITS - 1 - last_bit % BUNDLE_BITS);
    }
    return mask;
}

/* Whether no bit of a bundle with this value can be allocated. */
static inline bool bundle_is_full(const sys_bitarray_t *bitarray, size_t bundle, uint32_t value)
{
    size_t bits = bitarray->num_bits - bundle * BUNDLE_BITS;

    return value == BUNDLE_FULL ||
           (bits < BUNDLE_BITS && (value | BUNDLE_FULL << bits) == BUNDLE_FULL);
}

/* The same of a unit. */
static inline uint64_t unit_mask(size_t unit, size_t first_bit, size_t last_bit)
{
    uint64_t mask = UNIT_FULL;

    if (unit == first_bit / UNIT_BITS) {
        mask <<= first_bit % UNIT_BITS;
    }
    if (unit == last_bit / UNIT_BITS) {
        mask &= UNIT_FULL >> (UNIT_BITS - 1 - last_bit % UNIT_BITS);
    }
    return mask;
}

static inline size_t unit_count(const sys_bitarray_t *bitarray)
{
    return ((size_t)bitarray->num_bits - 1) / UNIT_BITS + 1;
}

static __attribute__((noinline)) uint64_t unit_load_last(const sys_bitarray_t *bitarray,
                                                         size_t unit)
{
    size_t bits = bitarray->num_bits - unit * UNIT_BITS;
    uint64_t value = __atomic_load_n(&bitarray->bundles[2 * unit], __ATOMIC_SEQ_CST);

    if (bits > BUNDLE_BITS) {
        value |= (uint64_t)__atomic_load_n(&bitarray->bundles[2 * unit + 1], __ATOMIC_SEQ_CST)
                 << BUNDLE_BITS;
    }
    return value | UNIT_FULL << bits;
}

/* Its value, with the bits that the array does not have set. The halves may be of two moments, both
 * of which are later than whatever the caller did last that is SEQ_CST. */
static inline uint64_t unit_load(const sys_bitarray_t *bitarray, size_t unit)
{
    if (__builtin_expect(bitarray->num_bits - unit * UNIT_BITS < UNIT_BITS, 0)) {
        return unit_load_last(bitarray, unit);
    }
    return __atomic_load_n(&bitarray->bundles[2 * unit], __ATOMIC_SEQ_CST) |
           (uint64_t)__atomic_load_n(&bitarray->bundles[2 * unit + 1], __ATOMIC_SEQ_CST)
               << BUNDLE_BITS;
}

/* Two bundles as one word, in machines that have such words with the lower half first. */
typedef uintptr_t wide_word __attribute__((may_alias));

static inline wide_word *wide_at(const sys_bitarray_t *bitarray, size_t unit)
{
    return (wide_word *)(void *)&bitarray->bundles[2 * unit];
}

/* Whether bits of both bundles are meant, and one instruction can change them. */
static inline bool is_wide(const sys_bitarray_t *bitarray, size_t unit, uint64_t mask)
{
    return sizeof(wide_word) == sizeof(mask) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ &&
           (uintptr_t)wide_at(bitarray, unit) % sizeof(wide_word) == 0 && (uint32_t)mask != 0 &&
           mask >> BUNDLE_BITS != 0;
}

/* Each changes bits of a unit, of one bundle after the other at worst, and returns which of these
 * bits were set before. */
static inline uint64_t unit_set(sys_bitarray_t *bitarray, size_t unit, uint64_t mask)
{
    uint32_t low = (uint32_t)mask, high = (uint32_t)(mask >> BUNDLE_BITS);
    uint64_t before = 0;

    if (is_wide(bitarray, unit, mask)) {
        return mask & __atomic_fetch_or(wide_at(bitarray, unit), (wide_word)mask, __ATOMIC_SEQ_CST);
    }
    if (low != 0) {
        before = bundle_set(bitarray, 2 * unit, low);
    }
    if (high != 0) {
        before |= (uint64_t)bundle_set(bitarray, 2 * unit + 1, high) << BUNDLE_BITS;
    }
    return before & mask;
}

static inline uint64_t unit_clear(sys_bitarray_t *bitarray, size_t unit, uint64_t mask)
{
    uint32_t low = (uint32_t)mask, high = (uint32_t)(mask >> BUNDLE_BITS);
    uint64_t before = 0;

    if (is_wide(bitarray, unit, mask)) {
        return mask &
               __atomic_fetch_and(wide_at(bitarray, unit), ~(wide_word)mask, __ATOMIC_SEQ_CST);
    }
    if (low != 0) {
        before = bundle_clear(bitarray, 2 * unit, low);
    }
    if (high != 0) {
        before |= (uint64_t)bundle_clear(bitarray, 2 * unit + 1, high) << BUNDLE_BITS;
    }
    return before & mask;
}

/* The number of the lowest and of the highest bit set in a unit, which is not 0; by halves where a
 * machine's instruction takes no more. */
static inline unsigned int unit_lowest(uint64_t value)
{
    uint32_t low = (uint32_t)value, high = (uint32_t)(value >> BUNDLE_BITS);

    if (sizeof(unsigned long) == sizeof(value)) {
        return (unsigned int)__builtin_ctzl((unsigned long)value);
    }
    return low != 0 ? lowest_bit(low) : BUNDLE_BITS + lowest_bit(high);
}

static inline unsigned int unit_highest(uint64_t value)
{
    uint32_t low = (uint32_t)value, high = (uint32_t)(value >> BUNDLE_BITS);

    if (sizeof(unsigned long) == sizeof(value)) {
        return UNIT_BITS - 1 - (unsigned int)__builtin_clzl((unsigned long)value);
    }
    return high != 0 ? BUNDLE_BITS + floor_log2(high) : floor_log2(low);
}

/* Number of bits set; without a machine's instruction, which the oldest ones do not have. */
static inline unsigned int count_bits(uint64_t value)
{
    value -= value >> 1 & UINT64_C(0x5555555555555555);
    value = (value & UINT64_C(0x3333333333333333)) + (value >> 2 & UINT64_C(0x3333333333333333));
    value = (value + (value >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned int)(value * UINT64_C(0x0101010101010101) >> 56);
}

#endif
