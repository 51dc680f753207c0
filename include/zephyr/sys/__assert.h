/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Assertions of the user's own code.
 *
 * They are tested iff CONFIG_ASSERT is defined when the code is compiled (-DCONFIG_ASSERT=1), and
 * cost nothing if not: their arguments are not even compiled. The library's own checks are others,
 * and are there in every build (<quarry/fault.h>).
 *
 * A failing one ends the program as a fault of the library does: one line,
 *
 *     quarry: ASSERTION FAIL [count < max] @ main.c:12: count is 7
 *
 * on standard error, or what quarry_set_fault_handler says, and abort.
 *
 * Cost:    O(1), of one that holds.
 *
 * Blocks:  never.
 *
 * Threads: any.
 *
 * Signals: also in a handler; __ASSERT formats with the C library's vsnprintf.
 *
 * Source:  Zephyr's <zephyr/sys/__assert.h>. Differs from Zephyr: there is no
 *          assert_post_action to be replaced; quarry_set_fault_handler takes its place.
 */
#ifndef ZEPHYR_INCLUDE_SYS___ASSERT_H_
#define ZEPHYR_INCLUDE_SYS___ASSERT_H_

#include <stdbool.h>
#include <zephyr/toolchain/gcc.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** @cond internal */
__attribute__((noreturn, cold)) void quarry_assertion_failed(const char *condition,
                                                             const char *file, int line);
__attribute__((noreturn, cold)) void quarry_assertion_failed_saying(const char *condition,
                                                                    const char *file, int line,
                                                                    const char *format, ...)
    __printf_like(4, 5);
/** @endcond */

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#ifdef CONFIG_ASSERT

/** 1 if assertions are tested, else 0. */
#define __ASSERT_ON 1

/** Ends the program if @p test is false. */
#define __ASSERT_NO_MSG(test)                                                                      \
    do {                                                                                           \
        if (unlikely(!(test))) {                                                                   \
            quarry_assertion_failed(#test, __FILE__, __LINE__);                                    \
        }                                                                                          \
    } while (false)

/** Ends the program if @p test is false, and says why: a format of printf and what it takes. */
#define __ASSERT(test, ...)                                                                        \
    do {                                                                                           \
        if (unlikely(!(test))) {                                                                   \
            quarry_assertion_failed_saying(#test, __FILE__, __LINE__, __VA_ARGS__);                \
        }                                                                                          \
    } while (false)

/** Executes @p tested, then does what __ASSERT does; @p untested where assertions are off. */
#define __ASSERT_EVAL(untested, tested, test, ...)                                                 \
    do {                                                                                           \
        tested;                                                                                    \
        __ASSERT(test, __VA_ARGS__);                                                               \
    } while (false)

#else

#define __ASSERT_ON 0

#define __ASSERT_NO_MSG(test)                                                                      \
    do {                                                                                           \
    } while (false)

#define __ASSERT(test, ...)                                                                        \
    do {                                                                                           \
    } while (false)

#define __ASSERT_EVAL(untested, tested, test, ...)                                                 \
    do {                                                                                           \
        untested;                                                                                  \
    } while (false)

#endif

#endif
