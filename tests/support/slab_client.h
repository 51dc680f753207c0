/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that want a block of a slab: what they asked for, and what came of it. */
#ifndef QUARRY_TESTS_SLAB_CLIENT_H
#define QUARRY_TESTS_SLAB_CLIENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/kernel/mem_slab.h>
#include <zephyr/kernel/thread.h>

#define CLIENT_NO_PRIORITY INT32_MIN

struct slab_client {
    /* Set before it begins. */
    struct k_mem_slab *slab;
    k_timeout_t timeout;
    int priority;         /* or CLIENT_NO_PRIORITY; then what it has by itself is put here */
    size_t *next_place;   /* guarded by the slab's only block, which is then given back; or NULL:
                             the block is kept */
    bool made_by_pthread; /* then it sets its own priority */

    /* To be read after client_end. */
    int result;
    void *mem;
    size_t place; /* how many were served earlier */
    uint64_t waited_ns;

    struct k_thread thread;
    pthread_t posix_thread;
};

/* Begins to take a block. */
void client_begin(struct slab_client *client);
/* The same, and returns once it is the count'th that waits. */
void client_queue_up(struct slab_client *client, size_t count);
/* Waits for its end. */
void client_end(struct slab_client *client);

#endif
