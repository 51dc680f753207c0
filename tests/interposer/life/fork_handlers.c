/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of pthread_atfork may allocate, resize and free in all three places, whether they were
 * registered before the allocator's first call ("early") or after it. */
#include "../children.h"

static struct block kept; /* made in prepare, used in parent and child */
static uint32_t state = 9;
static unsigned int calls;

static void prepare(void)
{
    calls++;
    block_allocate(&kept, &state);
    free(malloc(300));
}

static void after_fork(void)
{
    calls++;
    block_resize(&kept, &state);
    block_free(&kept);
    free(malloc(70000));
}

static void register_early(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "early") == 0) {
        EXPECT(pthread_atfork(prepare, after_fork, after_fork) == 0);
    }
}

BEFORE_CONSTRUCTORS(register_early);

static void test(char **argv)
{
    struct background background;
    free(malloc(10));
    EXPECT(argv[1] != NULL || pthread_atfork(prepare, after_fork, after_fork) == 0);
    background_start(&background);
    for (unsigned int i = 1; i <= 100; i++) {
        pid_t child = fork_with_alarm();
        if (child == 0) {
            free(malloc(1000));
            _exit(calls == 2 * i ? 0 : 3);
        }
        expect_exits_0(child);
    }
    background_stop(&background);
    EXPECT(calls == 200);
}
