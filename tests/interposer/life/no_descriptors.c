/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator holds no file descriptor: programs close those that they do not know, and count on
 * the next number. */
#include <fcntl.h>

#include "../expect.h"

static void test(char **argv)
{
    free(realloc(malloc(100), 10 * MIB));
    malloc_trim(0);
    for (int descriptor = 3; descriptor < 1024; descriptor++) {
        in_case("descriptor", (size_t)descriptor);
        EXPECT(fcntl(descriptor, F_GETFD) == -1 && errno == EBADF);
    }
}
