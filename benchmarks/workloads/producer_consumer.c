/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that are never freed by the thread that allocated them, after C. Lever and D. Boreham,
 * "malloc() Performance in a Multithreaded Linux Environment", USENIX 2000.
 *
 * As many consumers as producers. A producer fills batches and sends them round robin to all
 * consumers; these check and free the blocks and send the empty batch home. The batches are fixed
 * in number, so that memory does not grow with speed as it does in the original, and each producer
 * makes a fixed number of blocks rather than as many as it can.
 *
 *      producer 0 --+-- full --> consumer 0        each consumer gets blocks of every producer;
 *                   X                              an empty batch without a block: the
 *      producer 1 --+-- full --> consumer 1        producer has no more
 *           ^                        |
 *           +-------- empty ---------+                                                        */
#include <stdlib.h>
#include "block.h"
#include "queue.h"
#include "workload.h"

static uint64_t least = 16;
static uint64_t most = 512;
static uint64_t batch_blocks = 256;
static uint64_t producer_batches = 32;
static uint64_t total_blocks = 30000000;

static const struct workload_option options[] = {
    {"least", "bytes of a block; sizes are log-uniform", &least, 1, WORKLOAD_MOST_BYTES, NULL,
     NULL},
    {"most", "bytes of a block", &most, 1, WORKLOAD_MOST_BYTES, NULL, NULL},
    {"batch", "blocks that are passed on together", &batch_blocks, 1, 1000000, NULL, NULL},
    {"batches", "of a producer, under way or empty", &producer_batches, 1, 1000000, NULL, NULL},
    {"blocks", "that all producers make together, times scale", &total_blocks, 1, UINT32_MAX, NULL,
     NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

static const struct workload workload = {
    "producer_consumer", "Every block is freed by another thread: --threads of each kind.", options,
    WORKLOAD_MOST_THREADS / 2, false};

/* A producer's empty batches, and what comes to a consumer. */
static struct queue empty[WORKLOAD_MOST_THREADS];
static struct queue full[WORKLOAD_MOST_THREADS];

static void fill(struct worker *worker, struct batch *batch, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        block_allocate_random(&batch->blocks[i], &worker->random, least, most);
    }
    batch->count = count;
}

static void produce(struct worker *worker)
{
    uint64_t left =
        workload_share(workload_scaled(total_blocks, 1), workload_threads, worker->index);
    uint64_t receiver = worker->index;

    worker->operations = left;
    for (; left > 0; receiver++) {
        struct batch *batch = queue_take(&empty[worker->index]);

        fill(worker, batch, left < batch_blocks ? left : batch_blocks);
        left -= batch->count;
        queue_put(&full[receiver % workload_threads], batch);
    }
    for (uint64_t i = 0; i < workload_threads; i++) {
        struct batch *batch = queue_take(&empty[worker->index]);

        batch->count = 0;
        queue_put(&full[i], batch);
    }
}

static void consume(struct worker *worker)
{
    struct queue *queue = &full[worker->index - workload_threads];
    uint64_t producers = workload_threads;

    while (producers > 0) {
        struct batch *batch = queue_take(queue);

        producers -= batch->count == 0;
        worker->operations += batch->count;
        worker->check += batch_release(batch);
    }
}

static void work(struct worker *worker)
{
    if (worker->index < workload_threads) {
        produce(worker);
    } else {
        consume(worker);
    }
}

int main(int argc, char **argv)
{
    workload_begin(&workload, argc, argv);
    if (least > most) {
        workload_refuse("--least is above --most");
    }
    for (uint64_t i = 0; i < workload_threads; i++) {
        queue_begin(&empty[i]);
        queue_begin(&full[i]);
        queue_fill(&empty[i], producer_batches, batch_blocks);
    }
    workload_run(2 * workload_threads, work, NULL);
    return workload_end();
}
