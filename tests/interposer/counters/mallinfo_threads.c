/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of other threads are counted, of those that ended too; they leave the count when anyone
 * frees them. */
#include <pthread.h>

#include "../memory_use.h"

enum { COUNT = 1000, BYTES = 3000 };

static void *blocks[COUNT];

static void *allocate_all(void *unused)
{
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = malloc(BYTES);
    }
    return unused;
}

static size_t allocate_in_thread_and_count(void)
{
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, allocate_all, NULL) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
    return live_bytes();
}

static void free_all(void)
{
    for (int i = 0; i < COUNT; i++) {
        free(blocks[i]);
    }
}

static void test(char **argv)
{
    allocate_in_thread_and_count(); /* what libc allocates for a first thread is there from now on
                                     */
    free_all();
    size_t before = live_bytes();
    EXPECT(allocate_in_thread_and_count() >= before + (size_t)COUNT * BYTES);
    free_all();
    EXPECT(live_bytes() == before);
}
