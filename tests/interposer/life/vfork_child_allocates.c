/* SPDX-License-Identifier: Apache-2.0 */
/* A child of vfork shares the parent's memory and runs no handlers; if it allocates before it
 * execs, as shells and debuggers do, the parent goes on undamaged. */
#include "../children.h"

static void test(char **argv)
{
    static struct block blocks[100];
    static struct background background;
    static uint32_t state = 19;
    background_start(&background);
    for (volatile int i = 0; i < 100; i++) {
        pid_t child = vfork();
        if (child == 0) {
            for (int step = 0; step < 50; step++) {
                blocks_step(blocks, 100, &state);
            }
            execl("/bin/true", "true", (char *)NULL);
            _exit(127);
        }
        expect_exits_0(child);
        blocks_step(blocks, 100, &state);
    }
    background_stop(&background);
    blocks_free(blocks, 100);
}
