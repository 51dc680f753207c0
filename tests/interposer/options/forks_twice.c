/* SPDX-License-Identifier: Apache-2.0 */
/* Each process that ends by exit leaves its line of statistics, a forked child too; one that ends
 * by _exit leaves none. */
#include "../children.h"

static void test(char **argv)
{
    pid_t child = fork_with_alarm();
    if (child == 0) {
        exit(0);
    }
    expect_exits_0(child);
    child = fork_with_alarm();
    if (child == 0) {
        _exit(0);
    }
    expect_exits_0(child);
}
