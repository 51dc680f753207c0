/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that look at the whole allocator or adjust it may run in threads while the program
 * forks, and in the child. */
#include "../children.h"

static atomic_bool stop;

static void inspect(void)
{
    size_t large_blocks = mallinfo2().hblks;
    in_case("large blocks", large_blocks);
    EXPECT(large_blocks <= (BACKGROUND_THREADS + 1) * BACKGROUND_BLOCKS);
    malloc_trim(0);
    EXPECT(mallopt(M_MMAP_THRESHOLD, 512 * 1024) == 1);
}

static void *inspect_often(void *unused)
{
    while (!atomic_load(&stop)) {
        inspect();
    }
    return unused;
}

static void test(char **argv)
{
    struct background background;
    pthread_t thread;
    background_start(&background);
    EXPECT(pthread_create(&thread, NULL, inspect_often, NULL) == 0);
    for (int i = 0; i < 60; i++) {
        pid_t child = fork_with_alarm();
        if (child == 0) {
            inspect();
            free(malloc(1000));
            _exit(0);
        }
        expect_exits_0(child);
    }
    atomic_store(&stop, 1);
    EXPECT(pthread_join(thread, NULL) == 0);
    background_stop(&background);
}
