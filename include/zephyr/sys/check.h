/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Checks of arguments, in functions that return an error code.
 *
 *     CHECKIF(mem == NULL) {
 *         return -EINVAL;
 *     }
 *
 * By what is defined when the code is compiled: nothing, and the condition is an "if";
 * CONFIG_ASSERT_ON_ERRORS, and it must not hold, else the program ends (<zephyr/sys/__assert.h>,
 * with CONFIG_ASSERT); CONFIG_NO_RUNTIME_CHECKS, and it is not evaluated.
 *
 * Source: Zephyr's <zephyr/sys/check.h>.
 */
#ifndef ZEPHYR_INCLUDE_SYS_CHECK_H_
#define ZEPHYR_INCLUDE_SYS_CHECK_H_

#include <stdbool.h>
#include <zephyr/sys/__assert.h>

#if defined(CONFIG_ASSERT_ON_ERRORS)
#define CHECKIF(expr)                                                                              \
    __ASSERT_NO_MSG(!(expr));                                                                      \
    if (false)
#elif defined(CONFIG_NO_RUNTIME_CHECKS)
#define CHECKIF(expr) if (false && (expr))
#else
/** "if", for a condition that is an error. */
#define CHECKIF(expr) if (expr)
#endif

#endif
