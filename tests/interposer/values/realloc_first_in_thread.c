/* SPDX-License-Identifier: Apache-2.0 */
/* realloc may be a thread's first call of the allocator, of a new block and of another thread's. */
#include <pthread.h>

#include "../expect.h"

static void *first_call(void *block)
{
    return realloc(block, 200);
}

static void *resize_in_thread(void *block)
{
    pthread_t thread;
    void *resized = NULL;
    EXPECT(pthread_create(&thread, NULL, first_call, block) == 0);
    EXPECT(pthread_join(thread, &resized) == 0 && resized != NULL);
    return resized;
}

static void test(char **argv)
{
    for (size_t bytes = 1; bytes < 4 * MIB; bytes += 1 + bytes / 2) {
        char *block = malloc(bytes);
        memset(hidden(block), 'f', bytes);
        block = resize_in_thread(block);
        EXPECT(is_filled(block, 'f', bytes < 200 ? bytes : 200));
        free(block);
        free(resize_in_thread(NULL));
    }
}
