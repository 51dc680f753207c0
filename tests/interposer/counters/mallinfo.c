/* SPDX-License-Identifier: Apache-2.0 */
/* mallinfo2 and mallinfo count what the program holds: the numbers grow by what is allocated, fall
 * by what is freed, and come back to where they were. */
#include "../memory_use.h"

enum { COUNT = 2000 };

static void *blocks[COUNT];

static void expect_counted(size_t bytes)
{
    in_case("size", bytes);
    free(malloc(bytes));
    struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = malloc(bytes);
        EXPECT(blocks[i] != NULL);
    }
    struct mallinfo2 held = mallinfo2();
    EXPECT(held.uordblks >= before.uordblks + COUNT * bytes);
    EXPECT(held.uordblks <= before.uordblks + COUNT * (bytes + bytes / 4 + 48));
    EXPECT(held.arena == held.uordblks + held.fordblks && held.hblks == before.hblks);
    for (int i = 0; i < COUNT; i++) {
        free(blocks[i]);
    }
    struct mallinfo2 after = mallinfo2();
    EXPECT(after.uordblks == before.uordblks && after.hblkhd == before.hblkhd);
}

/* The old function's declaration is marked as deprecated; it stays exported for old programs. */
extern struct mallinfo old_mallinfo(void) __asm__("mallinfo");

static void test(char **argv)
{
    for (size_t bytes = 1100; bytes < 32 * KIB; bytes = bytes * 2 + 17) {
        expect_counted(bytes);
    }
    EXPECT((size_t)(unsigned int)old_mallinfo().uordblks == mallinfo2().uordblks);
    free(malloc(1));
}
