/* SPDX-License-Identifier: Apache-2.0 */
/* More threads at once than there can be arenas or processors: each has blocks, and each frees
 * those of its neighbour. */
#include <pthread.h>

#include "../blocks.h"

enum { THREADS = 200, COUNT = 20 };

static struct block blocks[THREADS][COUNT];
static pthread_barrier_t all_allocated;

static void *allocate_here_free_next(void *number)
{
    size_t own = (size_t)number;
    uint32_t state = (uint32_t)own + 1;
    for (int i = 0; i < COUNT; i++) {
        block_allocate(&blocks[own][i], &state);
    }
    pthread_barrier_wait(&all_allocated);
    blocks_free(blocks[(own + 1) % THREADS], COUNT);
    return NULL;
}

static void test(char **argv)
{
    pthread_t threads[THREADS];
    EXPECT(pthread_barrier_init(&all_allocated, NULL, THREADS) == 0);
    for (size_t i = 0; i < THREADS; i++) {
        EXPECT(pthread_create(&threads[i], NULL, allocate_here_free_next, (void *)i) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        EXPECT(pthread_join(threads[i], NULL) == 0);
    }
}
