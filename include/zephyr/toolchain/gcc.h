/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What Zephyr asks of a compiler, as GCC and Clang give it: attributes, and checks at compile time.
 *
 * A name that is defined already stays as it is. <zephyr/toolchain.h> has `__unused` besides.
 *
 * Source: Zephyr's <zephyr/toolchain.h>. Differs from Zephyr: only what is listed here.
 */
#ifndef ZEPHYR_INCLUDE_TOOLCHAIN_GCC_H_
#define ZEPHYR_INCLUDE_TOOLCHAIN_GCC_H_

#include <stdbool.h>

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

#ifndef __packed
/** Lets a structure have no gaps. */
#define __packed __attribute__((__packed__))
#endif

#ifndef __maybe_unused
/** For a name that need not be used. */
#define __maybe_unused __attribute__((__unused__))
#endif

#ifndef __used
/** Keeps a static object or function that nobody seems to use. */
#define __used __attribute__((__used__))
#endif

#ifndef __weak
/** A definition that gives way to another one of the same name. */
#define __weak __attribute__((__weak__))
#endif

#ifndef __deprecated
/** Warns whoever uses it. */
#define __deprecated __attribute__((__deprecated__))
#endif

#ifndef __printf_like
/** Checks the arguments from the @p a th on against the format that is the @p f th. */
#define __printf_like(f, a) __attribute__((__format__(__printf__, f, a)))
#endif

#ifndef __noinit
/** Memory that start-up code need not clear; has no effect here. */
#define __noinit
#endif

#ifndef __nocache
/** Memory that no cache may hold; has no effect here. */
#define __nocache
#endif

#ifndef ALWAYS_INLINE
/** A function that is compiled into its callers, whatever its size; after "static". */
#define ALWAYS_INLINE inline __attribute__((__always_inline__))
#endif

#ifndef likely
/** A condition, which the compiler is to expect to hold. */
#define likely(x) (__builtin_expect(!!(x), 1) != 0)
#endif

#ifndef unlikely
/** A condition, which the compiler is to expect not to hold. */
#define unlikely(x) (__builtin_expect(!!(x), 0) != 0)
#endif

#ifndef compiler_barrier
/** Memory accesses are not moved across this, by the compiler. */
#define compiler_barrier() __asm__ volatile("" ::: "memory")
#endif

#ifndef CODE_UNREACHABLE
/** Ends the program at a place that is never reached. Differs from Zephyr: in every build. */
#define CODE_UNREACHABLE __builtin_trap()
#endif

#endif
