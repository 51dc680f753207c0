/* SPDX-License-Identifier: Apache-2.0 */
/* Under a limit set by the runner, 1 to 16 threads exhaust memory at the same time, free all, and
 * each time all of it is to be had again. */
#include <pthread.h>

#include "exhaust.h"

enum { MAXIMUM = 16 };

static pthread_barrier_t all_started;
static pthread_barrier_t all_exhausted;

static void *exhaust_in_thread(void *bytes)
{
    struct link *list = NULL;
    size_t count = 0;
    pthread_barrier_wait(&all_started);
    count = exhaust(&list, (size_t)bytes);
    pthread_barrier_wait(&all_exhausted);
    free_list(&list);
    return (void *)(count * (size_t)bytes);
}

static size_t exhaust_with(unsigned int threads, size_t bytes)
{
    pthread_t ids[MAXIMUM];
    pthread_attr_t attributes;
    size_t sum = 0;
    EXPECT(pthread_barrier_init(&all_started, NULL, threads) == 0);
    EXPECT(pthread_barrier_init(&all_exhausted, NULL, threads) == 0);
    EXPECT(pthread_attr_init(&attributes) == 0);
    EXPECT(pthread_attr_setstacksize(&attributes, 256 * KIB) == 0);
    for (unsigned int i = 0; i < threads; i++) {
        EXPECT(pthread_create(&ids[i], &attributes, exhaust_in_thread, (void *)bytes) == 0);
    }
    for (unsigned int i = 0; i < threads; i++) {
        void *taken = NULL;
        EXPECT(pthread_join(ids[i], &taken) == 0);
        sum += (size_t)taken;
    }
    return sum;
}

static void test(char **argv)
{
    for (unsigned int threads = 1; threads <= MAXIMUM; threads *= 2) {
        in_case("small blocks, threads", threads);
        EXPECT(exhaust_with(threads, 2000) > 50 * MIB);
        in_case("large blocks, threads", threads);
        EXPECT(exhaust_with(threads, MIB) > 50 * MIB);
    }
}
