/* SPDX-License-Identifier: Apache-2.0 */
/* A child of _Fork, for which no handlers run, can allocate if its parent has one thread. */
#include "../children.h"

static void test(char **argv)
{
    static struct block blocks[100];
    uint32_t state = 13;
    for (int i = 0; i < 100; i++) {
        blocks_step(blocks, 100, &state);
        pid_t child = _Fork();
        if (child == 0) {
            alarm(HANG_SECONDS / 2);
            blocks_free(blocks, 100);
            free(malloc(3 * MIB));
            _exit(0);
        }
        expect_exits_0(child);
    }
    blocks_free(blocks, 100);
}
