/* SPDX-License-Identifier: Apache-2.0 */
/* Thousands of threads that live shortly, after mleak of the mimalloc benchmark suite and the
 * many-threads tests of snmalloc.
 *
 * Each thread allocates some blocks, frees half of them and ends; the main thread joins it and
 * frees the rest. So it costs time to set up and tear down what the allocator has for a thread, and
 * memory if that is not used again. At --threads N, N live at once. */
#include <stdlib.h>
#include "block.h"
#include "resident.h"
#include "workload.h"

#define WARM_PERCENT 10u /* of the threads, before memory is looked at for the first time */

static uint64_t least = 16;
static uint64_t most = 4096;
static uint64_t thread_blocks = 32;
static uint64_t starts = 60000;

static const struct workload_option options[] = {
    {"least", "bytes of a block; sizes are log-uniform", &least, 1, WORKLOAD_MOST_BYTES, NULL,
     NULL},
    {"most", "bytes of a block", &most, 1, WORKLOAD_MOST_BYTES, NULL, NULL},
    {"blocks", "of each thread", &thread_blocks, 1, 1000000, NULL, NULL},
    {"starts", "threads that are started in all, times scale", &starts, 1, UINT32_MAX, NULL, NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

static const struct workload workload = {"thread_starts", "Many threads that live shortly.",
                                         options, 0, false};

struct life {
    _Alignas(128) struct block *blocks;
    uint64_t number; /* of the thread, among all */
    uint64_t check;
    pthread_t thread;
};

static struct life lives[WORKLOAD_MOST_THREADS];

static void *live(void *argument)
{
    struct life *life = argument;
    struct random random = random_of(workload_seed, life->number);

    for (size_t i = 0; i < thread_blocks; i++) {
        block_allocate_random(&life->blocks[i], &random, least, most);
    }
    for (size_t i = 0; i < thread_blocks; i += 2) {
        life->check += block_release(&life->blocks[i]);
    }
    return NULL;
}

static void end_life(struct life *life)
{
    workload_join(life->thread);
    for (size_t i = 1; i < thread_blocks; i += 2) {
        life->check += block_release(&life->blocks[i]);
    }
}

/* Threads number first to last - 1, as many at once as there may be. */
static void run_lives(uint64_t first, uint64_t last)
{
    for (uint64_t number = first; number < last; number += workload_threads) {
        uint64_t count = last - number < workload_threads ? last - number : workload_threads;

        for (uint64_t i = 0; i < count; i++) {
            lives[i].number = number + i;
            lives[i].thread = workload_thread(live, &lives[i]);
        }
        for (uint64_t i = 0; i < count; i++) {
            end_life(&lives[i]);
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t count;
    struct resident warm;
    struct resident end;

    workload_begin(&workload, argc, argv);
    if (least > most) {
        workload_refuse("--least is above --most");
    }
    count = workload_scaled(starts, 1);
    for (uint64_t i = 0; i < workload_threads; i++) {
        lives[i].blocks = workload_table(thread_blocks, sizeof(struct block));
    }
    workload_clock_start();
    run_lives(0, count * WARM_PERCENT / 100);
    workload_clock_stop();
    warm = resident_exactly();
    workload_clock_start();
    run_lives(count * WARM_PERCENT / 100, count);
    workload_clock_stop();
    end = resident_exactly();
    for (uint64_t i = 0; i < workload_threads; i++) {
        workload_count(0, lives[i].check);
    }
    workload_count(2 * count * thread_blocks, 0);
    workload_metric("rss_after_tenth_bytes", (double)warm.rss_bytes);
    workload_metric("rss_after_all_bytes", (double)end.rss_bytes);
    return workload_end();
}
