/* SPDX-License-Identifier: Apache-2.0 */
/* In a program that runs with its file's privileges the options in the environment are ignored. The
 * runner starts a copy with the set-group-ID bit; the program is linked with the library, as the
 * loader preloads nothing there. */
#include <sys/auxv.h>

#include "../expect.h"

static void test(char **argv)
{
    if (getauxval(AT_SECURE) == 0) {
        exit(EXIT_SKIPPED);
    }
    free(malloc(100));
}
