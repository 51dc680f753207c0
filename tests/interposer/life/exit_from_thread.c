/* SPDX-License-Identifier: Apache-2.0 */
/* A thread may call exit while others allocate: the handlers run, and the process ends with 0. */
#include "../children.h"

static struct background background;

static void allocate_at_exit(void)
{
    free(realloc(malloc(100), 100000));
    malloc_trim(0);
}

static void *exit_here(void *unused)
{
    free(malloc(100));
    exit(0);
    return unused;
}

static void test(char **argv)
{
    EXPECT(atexit(allocate_at_exit) == 0);
    for (int i = 0; i < 40; i++) {
        pid_t child = fork_with_alarm();
        if (child == 0) {
            pthread_t thread;
            background_start(&background);
            usleep((useconds_t)i * 100);
            EXPECT(pthread_create(&thread, NULL, exit_here, NULL) == 0);
            pthread_join(thread, NULL);
            _exit(4);
        }
        expect_exits_0(child);
    }
}
