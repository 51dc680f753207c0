/* SPDX-License-Identifier: Apache-2.0 */
/* In the real-time mode blocks at any multiple come out of the reserve, all of which can be had
 * again afterwards. */
#include "watched.h"

static void test(char **argv)
{
    void *blocks[8];

    forbid_system_calls();
    for (int round = 0; round < 100; round++) {
        for (size_t align = 16; align <= 4 * MIB; align *= 2) {
            for (size_t i = 0; i < 8; i++) {
                blocks[i] = aligned_alloc(align, 1 + i * 30000);
                EXPECT(blocks[i] != NULL && is_aligned(blocks[i], align));
                memset(blocks[i], (int)i, 1 + i * 30000);
            }
            for (size_t i = 0; i < 8; i++) {
                EXPECT(is_filled(blocks[i], (int)i, 1 + i * 30000));
                free(blocks[i]);
            }
        }
    }
    void *most = malloc(56 * MIB); /* of 64 */
    EXPECT(most != NULL);
    free(most);
    _exit(0);
}
