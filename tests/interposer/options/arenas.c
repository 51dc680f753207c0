/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen threads allocate at the same time, and then malloc_info says how many arenas there are.
 */
#include <pthread.h>

#include "../expect.h"

enum { THREADS = 16 };

static pthread_barrier_t barrier;

static void *allocate(void *unused)
{
    pthread_barrier_wait(&barrier);
    void *block = malloc(5000);
    pthread_barrier_wait(&barrier);
    free(block);
    return unused;
}

static void test(char **argv)
{
    pthread_t threads[THREADS];
    EXPECT(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
    for (int i = 0; i < THREADS; i++) {
        EXPECT(pthread_create(&threads[i], NULL, allocate, NULL) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        EXPECT(pthread_join(threads[i], NULL) == 0);
    }
    EXPECT(malloc_info(0, stdout) == 0);
}
