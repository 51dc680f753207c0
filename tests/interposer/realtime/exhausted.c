/* SPDX-License-Identifier: Apache-2.0 */
/* When the reserve of the real-time mode is used up, blocks come from elsewhere, or there are none,
 * as was asked for; and what is freed can be had again. Arguments: the size of blocks, how many
 * there are at the most, and "grow" or "fail". */
#include "../blocks.h"

static void test(char **argv)
{
    size_t bytes = strtoul(argv[1], NULL, 10);
    size_t most = strtoul(argv[2], NULL, 10);
    int grows = strcmp(argv[3], "grow") == 0;
    char **blocks = calloc(most, sizeof(*blocks));

    for (int round = 0; round < 3; round++) {
        size_t count = 0;

        errno = 0;
        while (count < most && (blocks[count] = malloc(bytes)) != NULL) {
            memset(blocks[count++], 0xa5, bytes);
        }
        in_case("blocks", count);
        EXPECT(grows == (count == most));
        EXPECT(grows || (errno == ENOMEM && count > most / 4));
        for (size_t i = 0; i < count; i++) {
            EXPECT(is_filled(blocks[i], 0xa5, bytes));
            free(blocks[i]);
        }
    }
    EXPECT(malloc_trim(0) == 0);
    free(blocks);
}
