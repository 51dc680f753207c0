/* SPDX-License-Identifier: Apache-2.0 */
/* The 65 largest sizes and the 129 sizes around PTRDIFF_MAX fail with ENOMEM in every entry point,
 * with every alignment, and as a new size of an existing block. */
#include "../entry_points.h"

static void expect_refused_by_alignment(size_t alignment, size_t bytes)
{
    in_case("aligned_alloc and posix_memalign", bytes);
    void *unset = NULL;
    errno = 0;
    EXPECT(aligned_alloc(alignment, hidden_size(bytes)) == NULL && errno == ENOMEM);
    errno = 0;
    EXPECT(memalign(alignment, hidden_size(bytes)) == NULL && errno == ENOMEM);
    if (alignment >= sizeof(void *)) {
        EXPECT(posix_memalign(&unset, alignment, hidden_size(bytes)) == ENOMEM && unset == NULL);
    }
}

static void expect_refused(size_t bytes, void **block)
{
    FOR_EACH_ENTRY_POINT(entry)
    {
        in_case(entry->name, bytes);
        errno = 0;
        EXPECT(entry->allocate(bytes) == NULL && errno == ENOMEM);
    }
    in_case("realloc", bytes);
    errno = 0;
    EXPECT(realloc(*block, hidden_size(bytes)) == NULL && errno == ENOMEM);
    for (size_t alignment = 1; alignment != 0; alignment *= 2) {
        expect_refused_by_alignment(alignment, bytes);
    }
}

static void test(char **argv)
{
    void *block = malloc(40);
    for (size_t below = 0; below <= 64; below++) {
        expect_refused(SIZE_MAX - below, &block);
        expect_refused((size_t)PTRDIFF_MAX - below, &block);
        expect_refused((size_t)PTRDIFF_MAX + below, &block);
    }
    free(block);
}
