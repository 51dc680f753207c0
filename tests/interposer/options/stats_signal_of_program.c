/* SPDX-License-Identifier: Apache-2.0 */
/* The signal that asks for reports is the program's, if it has a handler ("handler"), or ignores it
 * since before it was started ("ignored"). */
#include <signal.h>

#include "../expect.h"

static volatile sig_atomic_t handled;

static void count(int number)
{
    (void)number;
    handled++;
}

static void test(char **argv)
{
    if (strcmp(argv[1], "handler") == 0) {
        EXPECT(signal(SIGUSR1, count) != SIG_ERR);
        raise(SIGUSR1);
        EXPECT(handled == 1);
    } else if (signal(SIGUSR1, SIG_IGN) != SIG_IGN) {
        execv("/proc/self/exe", argv);
    }
    raise(SIGUSR1);
}
