/* SPDX-License-Identifier: Apache-2.0 */
/* A library with one lock, under which it allocates, and which it holds over fork, as libraries do
 * whose state a child must find in order. Its constructor registers the fork handlers and does
 * nothing else, so that they may be registered before the allocator's first call. */
#include <pthread.h>
#include <stdlib.h>

#include "locking.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void acquire(void)
{
    pthread_mutex_lock(&lock);
}

static void release(void)
{
    pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void register_handlers(void)
{
    if (pthread_atfork(acquire, release, release) != 0) {
        abort();
    }
}

void allocate_locked(void)
{
    acquire();
    for (size_t bytes = 16; bytes < 4096; bytes += 160) {
        free(realloc(malloc(bytes), 2 * bytes));
    }
    release();
}
