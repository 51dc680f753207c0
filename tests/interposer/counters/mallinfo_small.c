/* SPDX-License-Identifier: Apache-2.0 */
/* Small blocks, too, are in uordblks exactly while the program holds them. */
#include "../memory_use.h"

static void test(char **argv)
{
    static void *blocks[1000];
    for (size_t bytes = 0; bytes < 1100; bytes += 13) {
        in_case("size", bytes);
        free(malloc(bytes));
        size_t before = mallinfo2().uordblks;
        for (int i = 0; i < 1000; i++) {
            blocks[i] = malloc(bytes);
        }
        size_t held = mallinfo2().uordblks - before;
        EXPECT(held >= 1000 * bytes && held <= 1000 * (bytes + bytes / 8 + 32));
        for (int i = 0; i < 1000; i++) {
            free(blocks[i]);
        }
        EXPECT(mallinfo2().uordblks == before);
    }
}
