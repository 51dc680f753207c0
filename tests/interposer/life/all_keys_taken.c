/* SPDX-License-Identifier: Apache-2.0 */
/* A program may use all keys of thread-specific data that there are, before the allocator's first
 * call: the allocator works without one, and threads leave nothing behind. */
#include <limits.h>
#include <pthread.h>

#include "../blocks.h"
#include "../memory_use.h"

static int keys_taken;

static void take_all_keys(int argc, char **argv)
{
    pthread_key_t key;
    while (pthread_key_create(&key, NULL) == 0) {
        keys_taken++;
    }
}

BEFORE_CONSTRUCTORS(take_all_keys);

static void *allocate_and_free(void *seed)
{
    struct block blocks[20] = {{NULL, 0, 0}};
    for (int step = 0; step < 100; step++) {
        blocks_step(blocks, 20, seed);
    }
    blocks_free(blocks, 20);
    return NULL;
}

static void run_threads(int count)
{
    static uint32_t state = 79;
    for (int i = 0; i < count; i++) {
        pthread_t thread;
        EXPECT(pthread_create(&thread, NULL, allocate_and_free, &state) == 0);
        EXPECT(pthread_join(thread, NULL) == 0);
    }
}

static void test(char **argv)
{
    EXPECT(keys_taken > PTHREAD_KEYS_MAX / 2);
    run_threads(100);
    size_t resident = resident_bytes();
    run_threads(1000);
    EXPECT(resident_bytes() < resident + resident / 2 + 4 * MIB);
}
