/* SPDX-License-Identifier: Apache-2.0 */
/* A request for 0 bytes gives a block of its own that can be freed, from every entry point. */
#include "../entry_points.h"

static void test(char **argv)
{
    FOR_EACH_ENTRY_POINT(entry)
    {
        in_case(entry->name, 0);
        void *first = entry->allocate(0);
        void *second = entry->allocate(0);
        EXPECT(first != NULL && second != NULL && first != second);
        EXPECT(is_aligned(first, entry->alignment) && is_aligned(second, entry->alignment));
        free(first);
        free(second);
    }
    void *none_of_many = calloc(0, hidden_size(7));
    void *many_of_none = calloc(hidden_size(7), 0);
    void *none_of_huge = calloc(0, hidden_size(SIZE_MAX));
    EXPECT(none_of_many != NULL && many_of_none != NULL && none_of_huge != NULL);
    EXPECT(none_of_many != many_of_none && many_of_none != none_of_huge);
    free(none_of_many);
    free(many_of_none);
    free(none_of_huge);
}
