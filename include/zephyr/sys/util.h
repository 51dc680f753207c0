/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Small macros that code written for Zephyr uses around its allocators.
 *
 * All are constant expressions if their arguments are. Arguments may be evaluated more than once.
 * A name that is defined already, as <sys/param.h> defines MIN and MAX, stays as it is.
 *
 * Source: Zephyr's <zephyr/sys/util.h> and its tool chain headers. Differs from Zephyr: only what
 * is listed here.
 */
#ifndef ZEPHYR_INCLUDE_SYS_UTIL_H_
#define ZEPHYR_INCLUDE_SYS_UTIL_H_

#include <stddef.h>
#include <stdint.h>

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

#ifndef ARRAY_SIZE
/** Number of elements of an array (not of what a pointer points to). */
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
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

#ifndef BIT
/** An unsigned long with bit @p n set, 0 being the lowest. */
#define BIT(n) (1ul << (n))
#endif

#ifndef BIT_MASK
/** An unsigned long with the lowest @p n bits set, which may not be all of them. */
#define BIT_MASK(n) (BIT(n) - 1ul)
#endif

#ifndef IS_POWER_OF_TWO
/** Whether an integer is a power of two, which 0 and negative numbers are not. */
#define IS_POWER_OF_TWO(x) ((x) > 0 && ((x) & ((x)-1)) == 0)
#endif

#ifndef KB
/** Bytes of so many kibibytes, as size_t. */
#define KB(x) ((size_t)(x) << 10)
#endif

#ifndef MB
/** Bytes of so many mebibytes, as size_t. */
#define MB(x) ((size_t)(x) << 20)
#endif

#ifndef ARG_UNUSED
/** Says that a parameter is not used, so that the compiler does not. */
#define ARG_UNUSED(x) ((void)(x))
#endif

#ifndef CONTAINER_OF
/** Address of the structure of type @p type whose member @p field is at @p ptr. */
#define CONTAINER_OF(ptr, type, field) ((type *)(void *)((char *)(ptr)-offsetof(type, field)))
#endif

#ifndef POINTER_TO_UINT
/** A pointer as a number. */
#define POINTER_TO_UINT(x) ((uintptr_t)(x))
#endif

#ifndef UINT_TO_POINTER
/** The pointer that POINTER_TO_UINT made a number of. */
#define UINT_TO_POINTER(x) ((void *)(uintptr_t)(x))
#endif

#ifndef STRINGIFY
/** The text of what @p s expands to, as a string. */
#define STRINGIFY(s)    Z_STRINGIFY_(s)
#define Z_STRINGIFY_(s) #s
#endif

#ifndef BUILD_ASSERT
/** BUILD_ASSERT(condition) or BUILD_ASSERT(condition, "message"): must be true to be compiled. */
#define BUILD_ASSERT(...) Z_BUILD_ASSERT_(__VA_ARGS__, "is false", )
#ifdef __cplusplus
#define Z_BUILD_ASSERT_(condition, message, ...) static_assert((condition), message)
#else
#define Z_BUILD_ASSERT_(condition, message, ...) _Static_assert((condition), message)
#endif
#endif

#ifndef __aligned
/** Puts a variable or a type at a multiple of @p x, a power of two. */
#define __aligned(x) __attribute__((__aligned__(x)))
#endif

#ifndef __noinit
/** Memory that start-up code need not clear; has no effect here. */
#define __noinit
#endif

#ifndef __nocache
/** Memory that no cache may hold; has no effect here. */
#define __nocache
#endif

#endif
