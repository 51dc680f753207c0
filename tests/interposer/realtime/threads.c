/* SPDX-License-Identifier: Apache-2.0 */
/* In the real-time mode threads that begin, free each other's blocks and end make no system call
 * for that, and no page fault. */
#include <pthread.h>

#include "watched.h"

enum { THREADS = 4, ROUNDS = 3, STEPS = 20000 };

static int ready; /* threads that have begun; atomic */

/* Threads have begun when all have: until then what is touched for the first time is the C
 * library's. */
static void *exchange(void *seed)
{
    uint32_t state = (uint32_t)(uintptr_t)seed;

    forbid_system_calls_but_to_end();
    parcels_step(&state);
    __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) % THREADS != 0) {
    }
    long before = faults();
    for (int i = 0; i < STEPS; i++) {
        parcels_step(&state);
    }
    EXPECT(faults() == before);
    return NULL;
}

static void test(char **argv)
{
    pthread_t threads[THREADS];

    for (int round = 0; round < ROUNDS; round++) {
        for (uintptr_t i = 0; i < THREADS; i++) {
            EXPECT(pthread_create(&threads[i], NULL, exchange, (void *)(i + 1)) == 0);
        }
        for (int i = 0; i < THREADS; i++) {
            EXPECT(pthread_join(threads[i], NULL) == 0);
        }
    }
    parcels_end_all();
}
