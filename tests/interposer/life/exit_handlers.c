/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of atexit and on_exit and destructors may allocate and free, also blocks made before. */
#include "../blocks.h"

static struct block blocks[200];
static uint32_t state = 51;

static void step_often(void)
{
    for (int step = 0; step < 1000; step++) {
        blocks_step(blocks, 200, &state);
    }
}

static void on_exit_handler(int status, void *context)
{
    EXPECT(status == 0);
    step_often();
    free(context);
}

__attribute__((destructor)) static void destructor(void)
{
    step_often();
    blocks_free(blocks, 200);
    free(malloc(MIB));
}

static void test(char **argv)
{
    EXPECT(atexit(step_often) == 0);
    EXPECT(on_exit(on_exit_handler, malloc(100)) == 0);
    for (int i = 0; i < 100; i++) { /* so many that libc allocates a place for them */
        EXPECT(atexit(step_often) == 0);
    }
    step_often();
}
