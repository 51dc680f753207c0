/* SPDX-License-Identifier: Apache-2.0 */
/* malloc_usable_size is 0 for NULL, at least what was asked for, the same for the life of the
 * block, and all of it can be written. */
#include "../entry_points.h"

static void test(char **argv)
{
    EXPECT(malloc_usable_size(hidden(NULL)) == 0);
    FOR_EACH_ENTRY_POINT(entry)
    {
        for (size_t bytes = 0; bytes < 4 * MIB; bytes += 1 + bytes / 5) {
            in_case(entry->name, bytes);
            void *before = malloc(bytes);
            void *block = entry->allocate(bytes);
            void *after = malloc(bytes);
            size_t usable = malloc_usable_size(block);
            EXPECT(usable >= bytes);
            memset(hidden(before), 'b', bytes);
            memset(hidden(after), 'a', bytes);
            memset(hidden(block), 'u', usable);
            EXPECT(malloc_usable_size(block) == usable);
            EXPECT(is_filled(before, 'b', bytes) && is_filled(after, 'a', bytes));
            free(before);
            free(after);
            EXPECT(malloc_usable_size(block) == usable && is_filled(block, 'u', usable));
            free(block);
        }
    }
}
