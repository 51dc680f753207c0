/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's limit on the number of mappings stops large blocks at some point: malloc then fails
 * with ENOMEM or finds another way, and all that it gave can be freed. */
#include "exhaust.h"

enum { COUNT = 70000 };

static void test(char **argv)
{
    static struct link *blocks[COUNT];
    int count = 0;
    while (count < COUNT) {
        errno = 0;
        blocks[count] = malloc(600 * KIB);
        if (blocks[count] == NULL) {
            EXPECT(errno == ENOMEM);
            break;
        }
        count++;
    }
    in_case("blocks", (size_t)count);
    EXPECT(count > 1000);
    for (int i = 0; i < count; i += 2) {
        free(blocks[i]);
    }
    for (int i = 1; i < count; i += 2) {
        free(blocks[i]);
    }
    void *block = malloc(600 * KIB);
    EXPECT(block != NULL);
    free(block);
}
