/* SPDX-License-Identifier: Apache-2.0 */
/* Gets the signal that asks for a report before it has allocated anything, and in a child. */
#include <signal.h>

#include "../children.h"

static void test(char **argv)
{
    raise(SIGUSR2);
    pid_t child = fork_with_alarm();
    if (child == 0) {
        raise(SIGUSR2);
        _exit(0);
    }
    expect_exits_0(child);
}
