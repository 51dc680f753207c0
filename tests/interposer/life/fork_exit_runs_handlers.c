/* SPDX-License-Identifier: Apache-2.0 */
/* A child that ends by exit, with handlers and destructors that free, does so also if it was forked
 * while other threads were allocating. */
#include "../children.h"

static struct block kept;

static void free_kept(void)
{
    block_free(&kept);
    free(malloc(100));
}

static void test(char **argv)
{
    struct background background;
    uint32_t state = 17;
    EXPECT(atexit(free_kept) == 0);
    block_allocate(&kept, &state);
    background_start(&background);
    for (int i = 0; i < 60; i++) {
        pid_t child = fork_with_alarm();
        if (child == 0) {
            exit(0);
        }
        expect_exits_0(child);
    }
    background_stop(&background);
}
