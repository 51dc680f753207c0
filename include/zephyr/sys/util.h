/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Small macros that code written for Zephyr uses around its allocators.
 *
 * All are constant expressions if their arguments are, unless said otherwise. Arguments may be
 * evaluated more than once. A name that is defined already, as <sys/param.h> defines MIN and MAX,
 * stays as it is.
 *
 * Source: Zephyr's <zephyr/sys/util.h>. Differs from Zephyr: only what is listed here, in
 * <zephyr/sys/util_macro.h> and in <zephyr/toolchain/gcc.h>.
 */
#ifndef ZEPHYR_INCLUDE_SYS_UTIL_H_
#define ZEPHYR_INCLUDE_SYS_UTIL_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/util_macro.h>
#include <zephyr/toolchain/gcc.h>

/**
 * @name Numbers
 * @{
 */
#ifndef ROUND_UP
/** @p x rounded up to a multiple of @p align, which is not 0; wraps around above the last one. */
#define ROUND_UP(x, align)                                                                         \
    (((unsigned long)(x) + (unsigned long)(align)-1ul) / (unsigned long)(align) *                  \
     (unsigned long)(align))
#endif

#ifndef ROUND_DOWN
/** @p x rounded down to a multiple of @p align, which is not 0. */
#define ROUND_DOWN(x, align) ((unsigned long)(x) / (unsigned long)(align) * (unsigned long)(align))
#endif

/** @p x rounded up to a multiple of a pointer's size; wraps around above the last one. */
#define WB_UP(x) ROUND_UP(x, sizeof(void *))

/** @p x rounded down to a multiple of a pointer's size. */
#define WB_DN(x) ROUND_DOWN(x, sizeof(void *))

#ifndef DIV_ROUND_UP
/** Quotient of two numbers, @p n at least 0 and @p d above 0, rounded up; right for all of them. */
#define DIV_ROUND_UP(n, d) ((n) / (d) + ((n) % (d) != 0))
#endif

#ifndef DIV_ROUND_CLOSEST
/** Quotient of two numbers, @p n at least 0 and @p d above 0, rounded, half a one up. */
#define DIV_ROUND_CLOSEST(n, d) ((n) / (d) + ((n) % (d) >= (d) - (d) / 2))
#endif

#ifndef MIN
/** The smaller of two values. */
#define MIN(a, b) (((a) < (b)) ? (a) : (b))
#endif

#ifndef MAX
/** The larger of two values. */
#define MAX(a, b) (((a) > (b)) ? (a) : (b))
#endif

#ifndef CLAMP
/** What is nearest to @p val from @p low to @p high. */
#define CLAMP(val, low, high) (((val) <= (low)) ? (low) : (((val) < (high)) ? (val) : (high)))
#endif

#ifndef IN_RANGE
/** Whether @p val is from @p min to @p max, both included. */
#define IN_RANGE(val, min, max) ((val) >= (min) && (val) <= (max))
#endif

#ifndef IS_POWER_OF_TWO
/** Whether an integer is a power of two, which 0 and negative numbers are not. */
#define IS_POWER_OF_TWO(x) ((x) > 0 && ((x) & ((x)-1)) == 0)
#endif

#ifndef LOG2
/** Logarithm of an unsigned integer to base 2, rounded down; -1 for 0. */
#define LOG2(x) ((x) < 1 ? -1 : 63 - __builtin_clzll((x) < 1 ? 1 : (unsigned long long)(x)))
#endif

#ifndef LOG2CEIL
/** Logarithm of an unsigned integer to base 2, rounded up; 0 for 0. */
#define LOG2CEIL(x) ((x) <= 1 ? 0 : LOG2((x)-1) + 1)
#endif

#ifndef NHPOT
/** The smallest power of two from @p x on, an uint64_t; 1 for 0, and 0 if that is 2^64. */
#define NHPOT(x) ((x) <= 1 ? UINT64_C(1) : UINT64_C(2) << (LOG2CEIL(x) - 1) % 64)
#endif

#ifndef ilog2
/** The same as LOG2. */
#define ilog2(n) LOG2(n)
#endif

#ifndef NUM_BITS
/** Bits of a type. */
#define NUM_BITS(t) (sizeof(t) * 8)
#endif

#ifndef KB
/** Bytes of so many kibibytes, as size_t. */
#define KB(x) ((size_t)(x) << 10)
#endif

#ifndef MB
/** Bytes of so many mebibytes, as size_t. */
#define MB(x) ((size_t)(x) << 20)
#endif

#ifndef GB
/** Bytes of so many gibibytes, as size_t. */
#define GB(x) ((size_t)(x) << 30)
#endif

#ifndef KHZ
/** Hertz of so many kilohertz. */
#define KHZ(x) ((x)*1000)
#endif

#ifndef MHZ
/** Hertz of so many megahertz. */
#define MHZ(x) (KHZ(x) * 1000)
#endif
/** @} */

/**
 * @name Arrays, structures and pointers
 * @{
 */
#ifndef ARRAY_SIZE
/** Number of elements of an array (not of what a pointer points to). */
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif

#ifndef ARRAY_FOR_EACH
/** "for" over the elements of an array; declares their number as @p idx, a size_t. */
#define ARRAY_FOR_EACH(array, idx) for (size_t idx = 0; (idx) < ARRAY_SIZE(array); ++(idx))
#endif

#ifndef ARRAY_FOR_EACH_PTR
/** "for" over the elements of an array; declares a pointer to them as @p ptr. */
#define ARRAY_FOR_EACH_PTR(array, ptr)                                                             \
    for (__typeof__((array)[0]) *ptr = (array); (size_t)((ptr) - (array)) < ARRAY_SIZE(array);     \
         ++(ptr))
#endif

#ifndef PART_OF_ARRAY
/** Whether an address is inside of an array, at the start of an element or not. */
#define PART_OF_ARRAY(array, ptr)                                                                  \
    (POINTER_TO_UINT(ptr) >= POINTER_TO_UINT(array) &&                                             \
     POINTER_TO_UINT(ptr) - POINTER_TO_UINT(array) < sizeof(array))
#endif

#ifndef IS_ARRAY_ELEMENT
/** Whether an address is that of an element of an array. */
#define IS_ARRAY_ELEMENT(array, ptr)                                                               \
    (PART_OF_ARRAY(array, ptr) &&                                                                  \
     (POINTER_TO_UINT(ptr) - POINTER_TO_UINT(array)) % sizeof((array)[0]) == 0)
#endif

#ifndef ARRAY_INDEX_FLOOR
/** Number of the element of an array that an address is inside of: see PART_OF_ARRAY. */
#define ARRAY_INDEX_FLOOR(array, ptr)                                                              \
    ((size_t)(POINTER_TO_UINT(ptr) - POINTER_TO_UINT(array)) / sizeof((array)[0]))
#endif

#ifndef ARRAY_INDEX
/** Number of an element of an array, of which this is the address: see IS_ARRAY_ELEMENT. */
#define ARRAY_INDEX(array, ptr) ARRAY_INDEX_FLOOR(array, ptr)
#endif

#ifndef CONTAINER_OF
/** Address of the structure of type @p type whose member @p field is at @p ptr. */
#define CONTAINER_OF(ptr, type, field) ((type *)(void *)((char *)(ptr)-offsetof(type, field)))
#endif

#ifndef SIZEOF_FIELD
/** Bytes of a member of a structure. */
#define SIZEOF_FIELD(type, member) sizeof(((type *)0)->member)
#endif

#ifndef POINTER_TO_UINT
/** A pointer as a number. */
#define POINTER_TO_UINT(x) ((uintptr_t)(x))
#endif

#ifndef UINT_TO_POINTER
/** The pointer that POINTER_TO_UINT made a number of. */
#define UINT_TO_POINTER(x) ((void *)(uintptr_t)(x))
#endif

#ifndef POINTER_TO_INT
/** A pointer as a signed number. */
#define POINTER_TO_INT(x) ((intptr_t)(x))
#endif

#ifndef INT_TO_POINTER
/** The pointer that POINTER_TO_INT made a number of. */
#define INT_TO_POINTER(x) ((void *)(intptr_t)(x))
#endif

#ifndef IS_ALIGNED
/** Whether an address, or a number, is a multiple of @p align. */
#define IS_ALIGNED(ptr, align) ((uintptr_t)(ptr) % (align) == 0)
#endif

#ifndef ARG_UNUSED
/** Says that a parameter is not used, so that the compiler does not. */
#define ARG_UNUSED(x) ((void)(x))
#endif
/** @} */

#endif
