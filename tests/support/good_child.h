/* SPDX-License-Identifier: Apache-2.0 */
/* Tests that run in a child process: of what a program can do only once, and of copies. */
#ifndef QUARRY_TESTS_GOOD_CHILD_H
#define QUARRY_TESTS_GOOD_CHILD_H

#include <stdbool.h>

#include "death.h"

/* Fails the running test unless the child ends by itself, with 0 and without a word. */
void expect_good_child(crime_fn deed, void *arg);

/* The same for a child that has ended. */
void expect_good_end(const struct death *death);

/* In the child: ends it with a word unless the condition is true. */
#define CHECK_THAT(condition) check_that((condition), #condition, __FILE__, __LINE__)
void check_that(bool condition, const char *text, const char *file, int line);

#endif
