/* SPDX-License-Identifier: Apache-2.0 */
/* A double free by another thread than the block's maker, and one of two threads at the same time
 * ("race"), end the program. */
#include <pthread.h>

#include "../expect.h"

static pthread_barrier_t both;

static void *free_twice(void *block)
{
    free(block);
    for (int i = 0; i < 1000; i++) {
        free(malloc(100));
    }
    free(hidden(block));
    return NULL;
}

static void *free_together(void *block)
{
    pthread_barrier_wait(&both);
    free(block);
    return NULL;
}

static void test(char **argv)
{
    pthread_t threads[2];
    int is_race = strcmp(argv[1], "race") == 0;
    void *block = malloc(100);
    EXPECT(pthread_barrier_init(&both, NULL, 2) == 0);
    for (int i = 0; i <= is_race; i++) {
        EXPECT(pthread_create(&threads[i], NULL, is_race ? free_together : free_twice,
                              hidden(block)) == 0);
    }
    for (int i = 0; i <= is_race; i++) {
        EXPECT(pthread_join(threads[i], NULL) == 0);
    }
}
