/* SPDX-License-Identifier: Apache-2.0 */
/* The option large_threshold=N moves the size from which on blocks are large: of a block of argv[1]
 * bytes mallinfo2 must say that it is (argv[2] is 1) or is not. */
#include "../expect.h"

static void test(char **argv)
{
    size_t bytes = strtoul(argv[1], NULL, 10);
    struct mallinfo2 before = mallinfo2();
    void *block = malloc(bytes);
    EXPECT(block != NULL);
    memset(block, 1, bytes);
    EXPECT(mallinfo2().hblks == before.hblks + strtoul(argv[2], NULL, 10));
    free(block);
    EXPECT(mallinfo2().hblks == before.hblks);
}
