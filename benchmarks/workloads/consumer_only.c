/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that frees and never allocates, while sizes change: a trap for resident memory, after
 * reports to several allocators of programs that grew until they were killed.
 *
 * Producers allocate, one consumer frees. An allocator that keeps freed blocks where they were
 * freed, or that puts them in order only when the thread that they come from allocates more of that
 * size, never gets at them: in the next phase nobody asks for that size any more.
 *
 *      phase 0: 16..31 bytes   phase 1: 32..63   ...   phase 9: 8192..16383   phase 10: 16..31 ...
 *
 * In each phase the same number of bytes passes. At most `live` bytes live at once; memory above
 * that is what the allocator could not use again. The consumer samples it. */
#include <stdlib.h>
#include "block.h"
#include "queue.h"
#include "resident.h"
#include "workload.h"

#define SIZE_CLASSES      10u
#define LEAST_BYTES       16u
#define BATCH_BYTES       16384u
#define MOST_BATCH_BLOCKS (BATCH_BYTES / LEAST_BYTES)
#define MOST_SAMPLES      400u

static uint64_t live_bytes = UINT64_C(16) << 20;
static uint64_t phase_bytes = UINT64_C(256) << 20;
static uint64_t phases = 20;

static const struct workload_option options[] = {
    {"live", "bytes that live at once, at most", &live_bytes, WORKLOAD_MOST_THREADS *BATCH_BYTES,
     WORKLOAD_MOST_BYTES, NULL, NULL},
    {"phase-bytes", "that are allocated in a phase, times scale", &phase_bytes, 1,
     UINT64_C(1) << 40, NULL, NULL},
    {"phases", "each with its sizes", &phases, 1, 10000, NULL, NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

static const struct workload workload = {
    "consumer_only", "One thread frees what --threads others allocate: does memory come back?",
    options, WORKLOAD_MOST_THREADS - 1, true};

static struct queue empty; /* all producers' */
static struct queue full;
static uint64_t batches_per_phase; /* of all producers together */
static uint64_t batches_per_sample;
static uint64_t base_bytes; /* resident before the first block */
static struct resident at_end;

/* Blocks of least to 2 * least - 1 bytes, about BATCH_BYTES together: 3 / 2 * least on average. */
static void fill(struct worker *worker, struct batch *batch, size_t least)
{
    batch->count = BATCH_BYTES * 2 / (3 * least);
    batch->count = batch->count == 0 ? 1 : batch->count;
    for (size_t i = 0; i < batch->count; i++) {
        block_allocate_random(&batch->blocks[i], &worker->random, least, 2 * least - 1);
        block_touch_pages(&batch->blocks[i]);
    }
    worker->operations += batch->count;
}

static void produce(struct worker *worker)
{
    uint64_t mine = workload_share(batches_per_phase, workload_threads, worker->index);

    for (uint64_t phase = 0; phase < phases; phase++) {
        for (uint64_t i = 0; i < mine; i++) {
            struct batch *batch = queue_take(&empty);

            fill(worker, batch, (size_t)LEAST_BYTES << phase % SIZE_CLASSES);
            queue_put(&full, batch);
        }
    }
}

static void consume(struct worker *worker)
{
    for (uint64_t i = 0; i < phases * batches_per_phase; i++) {
        struct batch *batch = queue_take(&full);

        worker->operations += batch->count;
        worker->check += batch_release(batch);
        if (i % batches_per_sample == 0) {
            (void)workload_sample();
        }
    }
    (void)workload_sample();
    at_end = resident_exactly();
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
    queue_begin(&empty);
    queue_begin(&full);
    queue_fill(&empty, live_bytes / BATCH_BYTES, MOST_BATCH_BLOCKS);
    batches_per_phase = workload_scaled(phase_bytes, BATCH_BYTES) / BATCH_BYTES;
    batches_per_sample = phases * batches_per_phase / MOST_SAMPLES + 1;
    base_bytes = resident_exactly().rss_bytes;
    workload_run(workload_threads + 1, work, NULL);
    workload_metric("live_most_bytes", (double)live_bytes);
    workload_metric("rss_base_bytes", (double)base_bytes);
    workload_metric("rss_peak_growth_bytes", (double)resident_peak_bytes() - (double)base_bytes);
    workload_metric("rss_after_free_bytes", (double)at_end.rss_bytes);
    workload_metric("lazy_free_after_free_bytes", (double)at_end.lazy_free_bytes);
    return workload_end();
}
