/* SPDX-License-Identifier: Apache-2.0 */
/* free and its relatives ignore an address that is not from this allocator, without reading at it
 * or below it, and the program goes on. */
#include "foreign.h"
#include "../entry_points.h"

static void free_in_all_ways(void *foreign)
{
    in_case("address", (size_t)foreign);
    errno = 4711;
    FOR_EACH_EXIT_POINT(way)
    {
        if (way->release != by_realloc_to_0) {
            way->release(hidden(foreign), 100);
        }
    }
    free_aligned_sized(hidden(foreign), 64, 128);
    EXPECT(errno == 4711);
}

static void expect_ignored(char *foreign)
{
    memset(foreign, 'f', 256);
    free_in_all_ways(foreign);
    free_in_all_ways(foreign + 64);
    free_in_all_ways(foreign + 7);
    EXPECT(is_filled(foreign, 'f', 256));
}

static void test(char **argv)
{
    char on_stack[FOREIGN_BYTES];
    expect_ignored(foreign_page());
    expect_ignored(foreign_static);
    expect_ignored(on_stack);
    expect_ignored(sbrk(FOREIGN_BYTES));
    free_in_all_ways((void *)(uintptr_t)1);
    free_in_all_ways((void *)(uintptr_t)16);
    free_in_all_ways((void *)(uintptr_t)4096);
    free_in_all_ways((void *)((uintptr_t)1 << 46));
    free_in_all_ways((void *)((uintptr_t)1 << 47));
    free_in_all_ways((void *)((uintptr_t)1 << 63));
    free_in_all_ways((void *)(UINTPTR_MAX - 15));
    free(malloc(100));
}
