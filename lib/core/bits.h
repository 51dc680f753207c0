/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic that is right for every argument: powers of two, rounding, sums that may overflow. */
#ifndef QUARRY_CORE_BITS_H
#define QUARRY_CORE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* floor(log2(n)); n must not be 0. */
static inline unsigned int floor_log2(uint32_t n)
{
    return 31u - (unsigned int)__builtin_clz(n);
}

/* Bits that n needs: one more than floor_log2(n), and 0 for 0. */
static inline unsigned int bit_length(uint32_t n)
{
    return n == 0 ? 0 : floor_log2(n) + 1;
}

/* Number of the lowest bit set in n; n must not be 0. */
static inline unsigned int lowest_bit(uint32_t n)
{
    return (unsigned int)__builtin_ctz(n);
}

/* A mask of the bits above `bit` (0 to 31). */
static inline uint32_t bits_above(unsigned int bit)
{
    return ~(uint32_t)0 << bit << 1;
}

static inline bool is_power_of_two(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/* The lowest set bit of n as a number; 0 if n is 0. */
static inline size_t lowest_power_of_two(size_t n)
{
    return n & (0 - n);
}

/* n rounded to a multiple of align, a power of two. Rounding up wraps to 0 above the last multiple:
 * callers who cannot rule that out use size_round_up. */
static inline uintptr_t round_up(uintptr_t n, size_t align)
{
    return (n + align - 1) & ~(uintptr_t)(align - 1);
}

static inline uintptr_t round_down(uintptr_t n, size_t align)
{
    return n & ~(uintptr_t)(align - 1);
}

/* Each stores its result in *out and returns true iff the result fits a size_t. */
static inline bool size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline bool size_multiply(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool size_round_up(size_t n, size_t align, size_t *out)
{
    if (!size_add(n, align - 1, out)) {
        return false;
    }
    *out = round_down(*out, align);
    return true;
}

#endif
