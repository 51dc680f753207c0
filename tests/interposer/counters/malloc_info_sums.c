/* SPDX-License-Identifier: Apache-2.0 */
/* malloc_info of a process with blocks of many sizes, some of them freed, on standard output: the
 * runner adds up what it says. Prints first what mallinfo2 says of the same state. */
#include "../memory_use.h"

static void test(char **argv)
{
    static char buffer[65536];
    static void *blocks[400];
    EXPECT(setvbuf(stdout, buffer, _IOFBF, sizeof(buffer)) == 0);
    for (size_t i = 0; i < 400; i++) {
        blocks[i] = malloc(i * i * 8 + 1);
        EXPECT(blocks[i] != NULL);
    }
    for (size_t i = 0; i < 400; i += 3) {
        free(blocks[i]);
    }
    struct mallinfo2 info = mallinfo2();
    printf("<!-- arena=%zu uordblks=%zu hblks=%zu hblkhd=%zu smblks=%zu fsmblks=%zu -->",
           info.arena, info.uordblks, info.hblks, info.hblkhd, info.smblks, info.fsmblks);
    EXPECT(malloc_info(0, stdout) == 0);
}
