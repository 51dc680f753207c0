/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * <zephyr/toolchain/gcc.h>, and `__unused`.
 *
 * Differs from Zephyr: <zephyr/kernel.h> does not include this file. Some of Linux's own headers
 * have members of structures that are named `__unused`: as a macro it would change their layout,
 * unless they are included before it.
 *
 * Source: Zephyr's <zephyr/toolchain.h>.
 */
#ifndef ZEPHYR_INCLUDE_TOOLCHAIN_H_
#define ZEPHYR_INCLUDE_TOOLCHAIN_H_

#include <zephyr/toolchain/gcc.h>

#ifndef __unused
/** For a name that need not be used, as __maybe_unused. */
#define __unused __attribute__((__unused__))
#endif

#endif
