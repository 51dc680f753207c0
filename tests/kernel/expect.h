/* SPDX-License-Identifier: Apache-2.0 */
/* What constructors find out before a program can report it. */
#ifndef QUARRY_TESTS_KERNEL_EXPECT_H
#define QUARRY_TESTS_KERNEL_EXPECT_H

/* The line of the first expectation of this file that failed, or 0. */
static int failed_line;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition) && failed_line == 0) {                                                    \
            failed_line = __LINE__;                                                                \
        }                                                                                          \
    } while (0)

#endif
