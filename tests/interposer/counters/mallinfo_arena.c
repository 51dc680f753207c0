/* SPDX-License-Identifier: Apache-2.0 */
/* mallinfo2's arena is memory that the kernel has given: it grows with small blocks, is what they
 * take and what is free of it, and falls when they were freed and malloc_trim has given it back. */
#include "../memory_use.h"

enum { COUNT = 64 * 1024, BYTES = 1000 };

static struct mallinfo2 expect_sum(void)
{
    struct mallinfo2 info = mallinfo2();
    EXPECT(info.arena == info.uordblks + info.fordblks);
    EXPECT(info.fsmblks <= info.fordblks && info.keepcost <= info.fordblks);
    return info;
}

static void test(char **argv)
{
    static void *blocks[COUNT];
    struct mallinfo2 before = expect_sum();
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = malloc(BYTES);
        EXPECT(blocks[i] != NULL);
    }
    struct mallinfo2 held = expect_sum();
    in_case("arena", held.arena);
    EXPECT(held.uordblks >= before.uordblks + (size_t)COUNT * BYTES);
    EXPECT(held.arena <= before.arena + (size_t)COUNT * (BYTES + BYTES / 8) + 4 * MIB);
    for (int i = 0; i < COUNT; i++) {
        free(blocks[i]);
    }
    malloc_trim(0);
    struct mallinfo2 after = expect_sum();
    in_case("arena", after.arena);
    EXPECT(after.uordblks == before.uordblks);
    EXPECT(after.arena <= before.arena + 4 * MIB);
}
