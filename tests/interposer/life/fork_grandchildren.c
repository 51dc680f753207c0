/* SPDX-License-Identifier: Apache-2.0 */
/* Children fork children in turn, each with threads that allocate; blocks pass down the
 * generations. */
#include "../children.h"

static struct block blocks[300];

static void run_generation(int number, uint32_t state)
{
    struct background background;
    background_start(&background);
    for (int step = 0; step < 300; step++) {
        blocks_step(blocks, 300, &state);
    }
    for (int twin = 0; number > 0 && twin < 2; twin++) {
        pid_t child = fork_with_alarm();
        if (child == 0) {
            run_generation(number - 1, state + (uint32_t)twin);
            _exit(0);
        }
        expect_exits_0(child);
    }
    background_stop(&background);
    blocks_free(blocks, 300);
}

static void test(char **argv)
{
    run_generation(3, 77);
}
