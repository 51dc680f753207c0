/* SPDX-License-Identifier: Apache-2.0 */
/* Does what run.py must notice: aborts, hangs, complains as the allocator would, or ends with 3. */
#include "../expect.h"

static void test(char **argv)
{
    if (strcmp(argv[1], "hangs") == 0) {
        pause();
    } else if (strcmp(argv[1], "complains") == 0) {
        fputs("quarry: not what was expected\n", stderr);
    } else if (strcmp(argv[1], "aborts") == 0) {
        abort();
    } else {
        exit(3);
    }
}
