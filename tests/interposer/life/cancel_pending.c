/* SPDX-License-Identifier: Apache-2.0 */
/* No function of the allocator is a cancellation point: a thread that was asked to end ends where
 * it asks for it, and not inside malloc with a lock held. */
#include <pthread.h>

#include "../blocks.h"

static int steps_done;

static void *allocate_while_cancelled(void *unused)
{
    static struct block blocks[100];
    uint32_t state = 5;
    EXPECT(pthread_cancel(pthread_self()) == 0);
    for (steps_done = 0; steps_done < 20000; steps_done++) {
        blocks_step(blocks, 100, &state);
    }
    blocks_free(blocks, 100);
    malloc_trim(0);
    pthread_testcancel();
    return unused;
}

static void test(char **argv)
{
    pthread_t thread;
    void *result = NULL;
    EXPECT(pthread_create(&thread, NULL, allocate_while_cancelled, NULL) == 0);
    EXPECT(pthread_join(thread, &result) == 0);
    EXPECT(result == PTHREAD_CANCELED && steps_done == 20000);
}
