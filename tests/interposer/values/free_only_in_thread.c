/* SPDX-License-Identifier: Apache-2.0 */
/* free may be a thread's first and only call, and memory freed so is used again: the process does
 * not grow with the number of such threads. */
#include <pthread.h>

#include "../memory_use.h"

enum { COUNT = 64, BYTES = 4000 };

static void *free_all(void *blocks)
{
    for (int i = 0; i < COUNT; i++) {
        free(((void **)blocks)[i]);
    }
    return NULL;
}

static void allocate_here_and_free_there(void)
{
    void *blocks[COUNT];
    pthread_t thread;
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = malloc(BYTES);
        EXPECT(blocks[i] != NULL);
        memset(blocks[i], i, BYTES);
    }
    EXPECT(pthread_create(&thread, NULL, free_all, blocks) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
}

static void test(char **argv)
{
    for (int round = 0; round < 50; round++) {
        allocate_here_and_free_there();
    }
    size_t after_50 = resident_bytes();
    size_t live = live_bytes();
    for (int round = 0; round < 1000; round++) {
        allocate_here_and_free_there();
    }
    EXPECT(resident_bytes() < after_50 + after_50 / 2 + MIB);
    EXPECT(live_bytes() < live + COUNT * BYTES);
}
