/* SPDX-License-Identifier: Apache-2.0 */
/* What a block of argv[1] bytes held is there after free ("kept") or is not ("zeroed"): argv[2]. If
 * there is an argv[3], the block is moved by realloc to that many bytes instead of freed. */
#include "../expect.h"

#define LINKS_BYTES 32 /* which the allocator uses itself */

static void test(char **argv)
{
    size_t bytes = strtoul(argv[1], NULL, 10);
    char *block = hidden(malloc(bytes));
    char *above = malloc(bytes); /* so that the first is not at the end of anything */
    EXPECT(block != NULL && above != NULL);
    memset(block, 's', bytes);
    if (argv[3] == NULL) {
        free(block);
    } else {
        char *moved = realloc(block, strtoul(argv[3], NULL, 10));
        EXPECT(moved != NULL && hidden(moved) != block);
        EXPECT(is_filled(moved, 's', bytes));
    }
    block = hidden(block);
    int value = strcmp(argv[2], "zeroed") == 0 ? 0 : 's';
    EXPECT(is_filled(block + LINKS_BYTES, value, bytes - 2 * (size_t)LINKS_BYTES));
}
