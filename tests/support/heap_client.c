/* SPDX-License-Identifier: Apache-2.0 */
/* What the system counts of a sleeping thread is read from its file under /proc. A lock, rather
 * than atomics, is what all race detectors know. */
#include "heap_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>

#include "heap_picture.h"
#include "kernel/shared_heap.h"
#include "queue_look.h"

static pthread_mutex_t results = PTHREAD_MUTEX_INITIALIZER; /* guards `done` of all clients */

static void *ask(const struct heap_client *client)
{
    if (client->block != NULL && client->align == 0) {
        return k_heap_realloc(client->heap, client->block, client->bytes, client->timeout);
    }
    if (client->block != NULL) {
        return k_heap_aligned_realloc(client->heap, client->block, client->align, client->bytes,
                                      client->timeout);
    }
    if (client->align != 0) {
        return k_heap_aligned_alloc(client->heap, client->align, client->bytes, client->timeout);
    }
    return k_heap_alloc(client->heap, client->bytes, client->timeout);
}

static void *run(void *arg)
{
    struct heap_client *client = arg;

    client->self = k_current_get();
    k_thread_priority_set(client->self, client->priority);
    client->tid = (int)syscall(SYS_gettid);
    int64_t began = k_uptime_ticks();
    client->mem = ask(client);
    client->waited_ticks = k_uptime_ticks() - began;
    pthread_mutex_lock(&results);
    client->done = true;
    pthread_mutex_unlock(&results);
    pthread_testcancel(); /* what was no cancellation point has returned by now */
    return NULL;
}

void heap_client_begin(struct heap_client *client)
{
    client->done = false;
    client->mem = client; /* which no call returns */
    assert_int_equal(pthread_create(&client->thread, NULL, run, client), 0);
}

void heap_client_queue_up(struct heap_client *client, size_t count)
{
    heap_client_begin(client);
    await_heap_waiters(client->heap, count);
}

bool heap_client_is_done(struct heap_client *client)
{
    pthread_mutex_lock(&results);
    bool done = client->done;
    pthread_mutex_unlock(&results);
    return done;
}

bool heap_client_end(struct heap_client *client)
{
    void *result = NULL;

    assert_int_equal(pthread_join(client->thread, &result), 0);
    return result == PTHREAD_CANCELED;
}

/* False if the thread does not sleep. */
static bool read_sleeps(int tid, unsigned long *sleeps)
{
    char path[64];
    char line[128];
    bool asleep = false;
    bool found = false;

    snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        char state = 0;

        asleep = asleep || (sscanf(line, "State: %c", &state) == 1 && state == 'S');
        found = found || sscanf(line, "voluntary_ctxt_switches: %lu", sleeps) == 1;
    }
    fclose(file);
    assert_true(found);
    return asleep;
}

unsigned long heap_client_sleeps(struct heap_client *client)
{
    unsigned long before = 0;
    unsigned long now = 0;
    bool asleep;

    do {
        before = now;
        k_msleep(20);
        asleep = read_sleeps(client->tid, &now);
    } while (!asleep || now != before);
    return now;
}

size_t heap_waiters(struct k_heap *heap)
{
    struct wait_queue queue = k_heap_queue(heap);

    return queue_waiters(&queue);
}

void await_heap_waiters(struct k_heap *heap, size_t count)
{
    struct wait_queue queue = k_heap_queue(heap);

    await_queue_waiters(&queue, count);
}

bool heap_is_at_rest(struct k_heap *heap)
{
    return heap_waiters(heap) == 0 && heap->wait_q.deferred == NULL &&
           sys_heap_validate(&heap->heap);
}

bool heap_is_empty(struct k_heap *heap)
{
    return heap_is_at_rest(heap) && heap_picture_equals(&heap->heap, "F*");
}

static unsigned char byte_at(size_t i, unsigned int tag)
{
    return (unsigned char)(i * 31 + tag);
}

void heap_block_fill(void *block, size_t bytes, unsigned int tag)
{
    unsigned char *byte = block;

    for (size_t i = 0; i < bytes; i++) {
        byte[i] = byte_at(i, tag);
    }
}

bool heap_block_is_filled(const void *block, size_t bytes, unsigned int tag)
{
    const unsigned char *byte = block;

    for (size_t i = 0; i < bytes; i++) {
        if (byte[i] != byte_at(i, tag)) {
            return false;
        }
    }
    return true;
}
