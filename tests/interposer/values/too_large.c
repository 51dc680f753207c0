/* SPDX-License-Identifier: Apache-2.0 */
/* No entry point gives a block above PTRDIFF_MAX bytes, also when the sum or product that asks for
 * it wraps around: NULL and ENOMEM. */
#include "../entry_points.h"

static void expect_refused(void *block)
{
    EXPECT(block == NULL && errno == ENOMEM);
    errno = 0;
}

static void test(char **argv)
{
    const size_t sizes[] = {(size_t)PTRDIFF_MAX + 1, (size_t)PTRDIFF_MAX + 4096,
                            SIZE_MAX / 2 + 2,        SIZE_MAX / 4 * 3,
                            SIZE_MAX - 4096,         SIZE_MAX};
    errno = 0;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        FOR_EACH_ENTRY_POINT(entry)
        {
            in_case(entry->name, sizes[i]);
            expect_refused(entry->allocate(sizes[i]));
        }
        for (size_t factor = 2; factor != 0; factor *= 2) {
            in_case("product with", factor);
            expect_refused(calloc(hidden_size(factor), sizes[i]));
            expect_refused(calloc(sizes[i], hidden_size(factor)));
            expect_refused(reallocarray(NULL, hidden_size(factor), sizes[i]));
        }
    }
    in_case("product that wraps to 16", 0);
    expect_refused(calloc(hidden_size(SIZE_MAX / 16 + 2), 16));
    expect_refused(reallocarray(NULL, hidden_size(SIZE_MAX / 16 + 2), 16));
    in_case("alignment that leaves no room", 0);
    expect_refused(aligned_alloc(hidden_size(SIZE_MAX / 4 + 1), 1));
    expect_refused(aligned_alloc(hidden_size(SIZE_MAX / 2 + 1), 1));
    expect_refused(memalign(hidden_size(SIZE_MAX / 2 + 1), hidden_size(PTRDIFF_MAX)));
    in_case("rounding up to a page", 0);
    expect_refused(pvalloc(hidden_size(SIZE_MAX - 4095)));
    expect_refused(pvalloc(hidden_size((size_t)PTRDIFF_MAX - 4094)));
}
