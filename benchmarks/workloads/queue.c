/* SPDX-License-Identifier: Apache-2.0 */
/* A list, a lock and a condition: the batches are large, so that their way costs little. */
#include "queue.h"

#include "workload.h"

void queue_begin(struct queue *queue)
{
    if (pthread_mutex_init(&queue->lock, NULL) != 0 ||
        pthread_cond_init(&queue->has_batch, NULL) != 0) {
        workload_give_up("lock");
    }
    queue->first = NULL;
    queue->last = NULL;
}

void queue_put(struct queue *queue, struct batch *batch)
{
    (void)pthread_mutex_lock(&queue->lock);
    batch->next = NULL;
    if (queue->first == NULL) {
        queue->first = batch;
    } else {
        queue->last->next = batch;
    }
    queue->last = batch;
    (void)pthread_cond_signal(&queue->has_batch);
    (void)pthread_mutex_unlock(&queue->lock);
}

struct batch *queue_take(struct queue *queue)
{
    struct batch *batch;

    (void)pthread_mutex_lock(&queue->lock);
    while (queue->first == NULL) {
        (void)pthread_cond_wait(&queue->has_batch, &queue->lock);
    }
    batch = queue->first;
    queue->first = batch->next;
    (void)pthread_mutex_unlock(&queue->lock);
    return batch;
}

void queue_fill(struct queue *home, size_t count, size_t blocks)
{
    struct batch *batches = workload_table(count, sizeof(*batches));
    struct block *room = workload_table(count * blocks, sizeof(*room));

    for (size_t i = 0; i < count; i++) {
        batches[i].home = home;
        batches[i].blocks = room + i * blocks;
        queue_put(home, &batches[i]);
    }
}

uint64_t batch_release(struct batch *batch)
{
    uint64_t check = 0;

    for (size_t i = 0; i < batch->count; i++) {
        check += block_release(&batch->blocks[i]);
    }
    batch->count = 0;
    queue_put(batch->home, batch);
    return check;
}
