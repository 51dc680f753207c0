/* SPDX-License-Identifier: Apache-2.0 */
/* In the real-time mode a program forks while others allocate, as in any other; parent and child go
 * on. */
#include "../children.h"

static void test(char **argv)
{
    struct background background;
    struct block blocks[200] = {{NULL, 0, 0}};
    uint32_t state = 7;

    background_start(&background);
    for (int i = 0; i < 20; i++) {
        pid_t child = fork_with_alarm();

        for (int step = 0; step < 2000; step++) {
            blocks_step(blocks, 200, &state);
        }
        if (child == 0) {
            blocks_free(blocks, 200);
            _exit(0);
        }
        expect_exits_0(child);
    }
    background_stop(&background);
    blocks_free(blocks, 200);
}
