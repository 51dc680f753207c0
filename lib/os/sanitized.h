/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the library itself is compiled with a sanitizer (1) or not (0). Its own code must then
 * not be told from its users'. */
#ifndef QUARRY_OS_SANITIZED_H
#define QUARRY_OS_SANITIZED_H

#ifndef QUARRY_SANITIZED
#define QUARRY_SANITIZED 0
#endif

/* A word that other threads may write, without order. Read plainly it may be an operand in memory,
 * where compilers make a load besides of an atomic read; sanitizers are shown the latter. */
#if QUARRY_SANITIZED
#define READ_RELAXED(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
#else
#define READ_RELAXED(word) (word)
#endif

#endif
