/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that ask a k_heap for memory and may have to wait, and a look at who waits. */
#ifndef QUARRY_TESTS_HEAP_CLIENT_H
#define QUARRY_TESTS_HEAP_CLIENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/kernel/kheap.h>
#include <zephyr/kernel/thread.h>

struct heap_client {
    /* Set before it begins. */
    struct k_heap *heap;
    void *block; /* to be resized; NULL: a new one is asked for */
    size_t align;
    size_t bytes;
    k_timeout_t timeout;
    int priority;

    /* Set before it waits. */
    k_tid_t self;
    int tid; /* the system's number of the thread */

    /* To be read once it is done. */
    void *mem;
    int64_t waited_ticks;

    bool done; /* for heap_client_is_done */
    pthread_t thread;
};

/* Begins to ask. */
void heap_client_begin(struct heap_client *client);
/* The same, and returns once `count` threads wait in its heap. */
void heap_client_queue_up(struct heap_client *client, size_t count);
/* Whether the call has returned. */
bool heap_client_is_done(struct heap_client *client);
/* Waits for its end. True iff it was cancelled. */
bool heap_client_end(struct heap_client *client);

/* Returns how many times the thread has gone to sleep, once it sleeps for good; it must wait
 * already. */
unsigned long heap_client_sleeps(struct heap_client *client);

/* Threads that wait. */
size_t heap_waiters(struct k_heap *heap);
/* Returns once that many threads wait. */
void await_heap_waiters(struct k_heap *heap, size_t count);

/* Whether a heap that no thread is inside of is in order: nobody waits, no block is on its way
 * back, and it is whole. */
bool heap_is_at_rest(struct k_heap *heap);

/* The same, and all of it is free. */
bool heap_is_empty(struct k_heap *heap);

/* Fills a block with bytes that tell where they are in it, and with whose it is. */
void heap_block_fill(void *block, size_t bytes, unsigned int tag);
/* Whether that is what is in it. */
bool heap_block_is_filled(const void *block, size_t bytes, unsigned int tag);

#endif
