/* SPDX-License-Identifier: Apache-2.0 */
/* A thousand short-lived threads need no more memory than the first five hundred, after which the
 * allocator keeps as many mappings of freed large blocks as it may: nothing of a thread stays behind. */
#include <pthread.h>

#include "../blocks.h"
#include "../memory_use.h"

static void *allocate_and_free(void *seed)
{
    static _Thread_local struct block blocks[50];
    uint32_t state = *(uint32_t *)seed;
    for (int step = 0; step < 300; step++) {
        blocks_step(blocks, 50, &state);
    }
    blocks_free(blocks, 50);
    return NULL;
}

static void run_threads(int count)
{
    for (int i = 0; i < count; i += 4) {
        pthread_t threads[4];
        uint32_t seeds[4];
        for (int j = 0; j < 4; j++) {
            seeds[j] = (uint32_t)(i + j + 1);
            EXPECT(pthread_create(&threads[j], NULL, allocate_and_free, &seeds[j]) == 0);
        }
        for (int j = 0; j < 4; j++) {
            EXPECT(pthread_join(threads[j], NULL) == 0);
        }
    }
}

static void test(char **argv)
{
    run_threads(500);
    size_t resident = resident_bytes();
    run_threads(1000);
    EXPECT(resident_bytes() < resident + resident / 2 + 4 * MIB);
}
