/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of at least the large threshold are counted in hblks and hblkhd, smaller ones are not;
 * mallopt moves the threshold. */
#include "../memory_use.h"

static void expect_large(size_t bytes, size_t large)
{
    in_case("size", bytes);
    struct mallinfo2 before = mallinfo2();
    void *blocks[3] = {malloc(bytes), malloc(bytes), malloc(bytes)};
    struct mallinfo2 held = mallinfo2();
    EXPECT(held.hblks == before.hblks + 3 * large);
    EXPECT(held.hblkhd >= before.hblkhd + 3 * large * bytes);
    EXPECT(held.hblkhd <= before.hblkhd + 3 * large * (bytes + bytes / 4 + 2 * 4096));
    for (int i = 0; i < 3; i++) {
        free(blocks[i]);
    }
    struct mallinfo2 after = mallinfo2();
    EXPECT(after.hblks == before.hblks && after.hblkhd == before.hblkhd);
}

static void test(char **argv)
{
    int default_threshold_is_known = !any_malloc_will_do();
    expect_large(5 * MIB, 1);
    if (default_threshold_is_known) {
        expect_large(512 * KIB, 1);
        expect_large(30 * KIB, 0);
    }
    EXPECT(mallopt(M_MMAP_THRESHOLD, 200 * 1024) == 1);
    expect_large(210 * KIB, 1);
    expect_large(190 * KIB, 0);
    EXPECT(mallopt(M_MMAP_THRESHOLD, 8 * 1024 * 1024) == 1);
    expect_large(7 * MIB, 0);
    expect_large(9 * MIB, 1);
}
