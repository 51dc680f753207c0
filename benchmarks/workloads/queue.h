/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of blocks that threads pass on to each other, through queues that a lock guards. The
 * number of batches is fixed, so that no more blocks live at once when the allocator is faster. */
#ifndef QUARRY_WORKLOADS_QUEUE_H
#define QUARRY_WORKLOADS_QUEUE_H

#include <pthread.h>
#include <stddef.h>
#include "block.h"

struct queue;

struct batch {
    struct queue *home; /* where it is put when it is empty */
    struct batch *next; /* guarded by the lock of the queue that it is in */
    size_t count;       /* of blocks; whoever has taken the batch out writes it */
    struct block *blocks;
};

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t has_batch;
    struct batch *first; /* guarded by lock */
    struct batch *last;  /* guarded by lock; means nothing while `first` is NULL */
};

void queue_begin(struct queue *queue);

/* Behind those that are there. */
void queue_put(struct queue *queue, struct batch *batch);

/* The one that is there for longest; waits for one. */
struct batch *queue_take(struct queue *queue);

/* Puts `count` empty batches with room for `blocks` each into the queue, which is their home. */
void queue_fill(struct queue *home, size_t count, size_t blocks);

/* Checks and frees every block of a batch and sends it home. What the blocks add to the check. */
uint64_t batch_release(struct batch *batch);

#endif
