/* SPDX-License-Identifier: Apache-2.0 */
/* Ends at once, with nothing on standard error of its own: the runner looks at what an option
 * leaves there. */
#include "../expect.h"

static void test(char **argv)
{
    free(malloc(100));
}
