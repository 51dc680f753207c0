/* SPDX-License-Identifier: Apache-2.0 */
/* Which sanitizer a test is compiled with, and what none of its kind can follow. */
#ifndef QUARRY_TESTS_SANITIZERS_H
#define QUARRY_TESTS_SANITIZERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* GCC has macros for it, Clang features. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define UNDER_TSAN true
#else
#define UNDER_TSAN false
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define UNDER_ASAN true
#else
#define UNDER_ASAN false
#endif

/* AddressSanitizer reports the stack of a thread that was cancelled inside of a function, for it
 * takes what is there for still in use. */
#define CAN_CANCEL (!UNDER_ASAN)

/* For tests of locks that are made anew in the child of a fork: ThreadSanitizer does not know of
 * it, and believes that they are still held. */
static inline void skip_under_thread_sanitizer(void)
{
    if (UNDER_TSAN) {
        skip();
    }
}

#endif
