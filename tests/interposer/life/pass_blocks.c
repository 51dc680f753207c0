/* SPDX-License-Identifier: Apache-2.0 */
/* Threads free and resize each other's blocks, taken from common slots, while generations of
 * threads come and go. */
#include <pthread.h>

#include "../parcels.h"

enum { THREADS = 4, GENERATIONS = 60, STEPS = 3000 };

static void *exchange_parcels(void *seed)
{
    uint32_t state = (uint32_t)(uintptr_t)seed;
    for (int step = 0; step < STEPS; step++) {
        parcels_step(&state);
    }
    return NULL;
}

static void test(char **argv)
{
    pthread_t threads[THREADS] = {0};
    for (uintptr_t i = 0; i < THREADS * GENERATIONS; i++) {
        pthread_t *thread = &threads[i % THREADS];
        EXPECT(i < THREADS || pthread_join(*thread, NULL) == 0);
        EXPECT(pthread_create(thread, NULL, exchange_parcels, (void *)(i + 1)) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        EXPECT(pthread_join(threads[i], NULL) == 0);
    }
    parcels_end_all();
}
