/* SPDX-License-Identifier: Apache-2.0 */
/* The option purge_delay_ms=N keeps unused memory for so long: with 0 the process is small again
 * ("small") when 100 MiB of small blocks were freed, with an hour it is not ("large") until
 * malloc_trim. */
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
    for (int i = 0; i < COUNT; i++) {
        free(blocks[i]);
    }
    in_case("resident above start", resident_bytes() - before);
    EXPECT((resident_bytes() < before + 20 * MIB) == (strcmp(argv[1], "small") == 0));
    malloc_trim(0);
    EXPECT(resident_bytes() < before + 10 * MIB);
}
