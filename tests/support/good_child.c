/* SPDX-License-Identifier: Apache-2.0 */
/* A child tells of its failure on standard error, as one that dies of a crime does. */
#include "good_child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

void check_that(bool condition, const char *text, const char *file, int line)
{
    if (!condition) {
        dprintf(STDERR_FILENO, "%s:%d: not so: %s\n", file, line, text);
        _exit(1);
    }
}

void expect_good_end(const struct death *death)
{
    assert_string_equal(death->message, "");
    assert_int_equal(death->signal, 0);
    assert_int_equal(death->exit_code, 0);
}

void expect_good_child(crime_fn deed, void *arg)
{
    struct death death = death_of(deed, arg);

    expect_good_end(&death);
}
