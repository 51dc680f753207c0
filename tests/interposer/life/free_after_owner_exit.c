/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks outlive the thread that made them: whoever holds them may read, resize and free them, and
 * their memory is used again. */
#include <pthread.h>

#include "../blocks.h"
#include "../memory_use.h"

enum { COUNT = 500 };

static struct block blocks[COUNT];

static void *allocate_all(void *seed)
{
    for (int i = 0; i < COUNT; i++) {
        block_allocate(&blocks[i], seed);
    }
    return NULL;
}

static void run_round(uint32_t *seed)
{
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, allocate_all, seed) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
    for (int i = 0; i < COUNT; i += 3) {
        block_resize(&blocks[i], seed);
    }
    blocks_free(blocks, COUNT);
}

static void test(char **argv)
{
    uint32_t seed = 11;
    for (int round = 0; round < 100; round++) {
        run_round(&seed);
    }
    size_t resident = resident_bytes();
    for (int round = 0; round < 200; round++) {
        run_round(&seed);
    }
    EXPECT(resident_bytes() < resident + resident / 2 + 4 * MIB);
}
