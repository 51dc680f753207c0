/* SPDX-License-Identifier: Apache-2.0 */
/* A double free is noticed also if the block was first freed by another thread than its maker. */
#include <pthread.h>

#include "../expect.h"

static void *free_there(void *block)
{
    free(block);
    return NULL;
}

static void test(char **argv)
{
    pthread_t thread;
    void *block = malloc(100);
    EXPECT(pthread_create(&thread, NULL, free_there, hidden(block)) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
    free(hidden(block));
}
