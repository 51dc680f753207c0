/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Printing, as Zephyr's kernel does: to the console, which is standard output.
 *
 * A call is one write of the system, without a buffer that outlives it: what is printed is there,
 * also if the program crashes next, and lines of several threads do not mix. (A pipe takes up to
 * 4096 bytes at once.) What the program has left in the buffer of stdio's stdout comes later.
 * Formats are those of printf.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    that of vsnprintf; printk: and one system call. Longer texts than a kilobyte are
 *          formatted twice, in memory mapped for the purpose.
 *
 * Blocks:  printk and vprintk, if and as long as standard output does.
 *
 * Threads: any.
 *
 * Signals: also from a handler, with conversions for which the C library's vsnprintf allocates
 *          nothing and looks up nothing: %d, %u, %x, %c, %s and %p in glibc.
 *
 * Source:  Zephyr's <zephyr/sys/printk.h>.
 */
#ifndef ZEPHYR_INCLUDE_SYS_PRINTK_H_
#define ZEPHYR_INCLUDE_SYS_PRINTK_H_

#include <stdarg.h>
#include <stddef.h>
#include <zephyr/toolchain/gcc.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/**
 * Prints to standard output. What cannot be printed is lost, as on a console that nobody reads.
 *
 * @param fmt a format of printf, and what it takes
 */
void printk(const char *fmt, ...) __printf_like(1, 2);

/**
 * Does what printk does.
 *
 * @param fmt a format of printf
 * @param ap  what it takes
 */
void vprintk(const char *fmt, va_list ap) __printf_like(1, 0);

/**
 * Formats text into memory.
 *
 * @param str  where to, with a 0 behind; may be NULL if @p size is 0
 * @param size bytes of it; what does not fit is left out
 * @param fmt  a format of printf, and what it takes
 * @return bytes of the whole text, without the 0; below 0 iff the C library cannot format it
 */
int snprintk(char *str, size_t size, const char *fmt, ...) __printf_like(3, 4);

/**
 * Does what snprintk does.
 *
 * @param str  as there
 * @param size as there
 * @param fmt  a format of printf
 * @param ap   what it takes
 * @return as there
 */
int vsnprintk(char *str, size_t size, const char *fmt, va_list ap) __printf_like(3, 0);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
