/* SPDX-License-Identifier: Apache-2.0 */
/* A program that catches SIGABRT, as crash reporters do, may allocate in its handler after a misuse
 * was found; here it then ends with 5. */
#include <signal.h>

#include "../expect.h"

static void handle(int number)
{
    (void)number;
    void *block = malloc(1000);
    free(malloc(100000));
    free(block);
    _exit(block != NULL ? 5 : 6);
}

static void test(char **argv)
{
    void *block = malloc(100);
    EXPECT(signal(SIGABRT, handle) != SIG_ERR);
    free(hidden(block));
    free(hidden(block));
}
