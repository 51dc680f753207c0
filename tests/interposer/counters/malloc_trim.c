/* SPDX-License-Identifier: Apache-2.0 */
/* malloc_trim gives memory back to the operating system, and returns 1 if it did: after 100 MiB of
 * small blocks were freed the process is small again. */
#include "../memory_use.h"

enum { COUNT = 100 * 1024, BYTES = 1000 };

static void test(char **argv)
{
    static char *blocks[COUNT];
    memset(blocks, 1, sizeof(blocks));
    size_t before = resident_bytes();
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = malloc(BYTES);
        EXPECT(blocks[i] != NULL);
        memset(blocks[i], 1, BYTES);
    }
    EXPECT(resident_bytes() > before + 90 * MIB);
    for (int i = 0; i < COUNT; i++) {
        free(blocks[i]);
    }
    size_t freed = resident_bytes();
    int trimmed = malloc_trim(0);
    size_t after = resident_bytes();
    in_case("resident above start", after - before);
    EXPECT(after < before + 10 * MIB);
    EXPECT(trimmed == (freed > after + MIB) || freed < after + 2 * MIB);
    EXPECT(trimmed == 0 || trimmed == 1);
}
