/* SPDX-License-Identifier: Apache-2.0 */
/* A block that another thread has freed is on its way back when it is written to: found when it
 * arrives. */
#include <pthread.h>

#include "../expect.h"

#define BLOCKS 1000

static void *free_there(void *block)
{
    free(block);
    return NULL;
}

static void test(char **argv)
{
    pthread_t thread;
    char *block = hidden(malloc(112));
    EXPECT(block != NULL);
    EXPECT(pthread_create(&thread, NULL, free_there, block) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
    memset(block + 8, 'w', 8);
    for (int i = 0; i < BLOCKS; i++) {
        EXPECT(hidden(malloc(112)) != NULL);
    }
}
