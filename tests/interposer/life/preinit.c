/* SPDX-License-Identifier: Apache-2.0 */
/* Memory can be had before any constructor ran and before the environment is known: a preinit
 * function empties environ and then makes the program's first calls. */
#include "../blocks.h"

static struct block early[100];
static char **real_environ;

static void allocate_early(int argc, char **argv)
{
    uint32_t state = 7;
    real_environ = environ;
    environ = NULL;
    for (int i = 0; i < 100; i++) {
        block_allocate(&early[i], &state);
    }
    for (int i = 0; i < 50; i++) {
        block_free(&early[i]);
    }
    environ = real_environ;
}

BEFORE_CONSTRUCTORS(allocate_early);

static void test(char **argv)
{
    EXPECT(early[99].start != NULL);
    blocks_free(early, 100);
}
