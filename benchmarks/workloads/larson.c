/* SPDX-License-Identifier: Apache-2.0 */
/* A server after P. Larson and M. Krishnan, "Memory Allocation for Long-Running Server
 * Applications", ISMM 1998.
 *
 * Connections live longer than the threads that serve them. Here each chain of threads has a table
 * of blocks. A thread replaces blocks of it at random for a while, then starts its successor, hands
 * the table on, and ends. So most blocks are freed by a thread that did not allocate them, and
 * whose heap they came from has ended.
 *
 *       main fills        thread 1 replaces      thread 2 replaces            main frees
 *      [ . . . . . ]  ->   [ . 1 . 1 . ]     ->   [ 2 1 . 2 2 ]    -> ... ->  [         ]
 *
 * The paper's server runs for a time and counts; this one does all replacements and is timed. A
 * thread waits for its predecessor's end when it is done with its own part. */
#include <semaphore.h>
#include <stdlib.h>
#include "block.h"
#include "workload.h"

static uint64_t table_blocks = 5000;
static uint64_t least = 8;
static uint64_t most = 1000;
static uint64_t per_life = 100000;
static uint64_t replacements = 40000000;

static const struct workload_option options[] = {
    {"blocks", "that a chain of threads has in its table", &table_blocks, 1, 10000000, NULL, NULL},
    {"least", "bytes of a block; sizes are uniform", &least, 1, WORKLOAD_MOST_BYTES, NULL, NULL},
    {"most", "bytes of a block", &most, 1, WORKLOAD_MOST_BYTES, NULL, NULL},
    {"per-life", "replacements that a thread does before it ends", &per_life, 1, UINT32_MAX, NULL,
     NULL},
    {"replacements", "of all threads together, times scale", &replacements, 1, UINT32_MAX, NULL,
     NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

static const struct workload workload = {
    "larson", "A server whose threads end and leave their blocks to the next.", options, 0, false};

/* What a thread leaves to its successor. */
struct chain {
    _Alignas(128) struct block *table;
    struct random random;
    uint64_t remaining; /* replacements */
    uint64_t check;
    uint32_t stamp;        /* of the next block */
    bool has_predecessor;  /* who may still be ending */
    pthread_t predecessor; /* to be joined */
    sem_t is_done;
};

static struct chain chains[WORKLOAD_MOST_THREADS];

static void allocate(struct chain *chain, size_t slot)
{
    block_allocate(&chain->table[slot], random_between(&chain->random, least, most),
                   chain->stamp++);
}

static void replace(struct chain *chain, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        size_t slot = random_below(&chain->random, table_blocks);

        chain->check += block_release(&chain->table[slot]);
        allocate(chain, slot);
    }
}

static void *live(void *argument)
{
    struct chain *chain = argument;
    uint64_t part = chain->remaining < per_life ? chain->remaining : per_life;

    replace(chain, part);
    chain->remaining -= part;
    if (chain->has_predecessor) {
        workload_join(chain->predecessor);
    }
    chain->has_predecessor = true;
    chain->predecessor = pthread_self();
    if (chain->remaining == 0) {
        (void)sem_post(&chain->is_done);
    } else {
        (void)workload_thread(live, chain);
    }
    return NULL;
}

/* Neighbours in memory go to different threads. */
static void fill_tables(void)
{
    for (uint64_t i = 0; i < workload_threads; i++) {
        chains[i].table = workload_table(table_blocks, sizeof(struct block));
        chains[i].random = random_of(workload_seed, i);
        chains[i].remaining = workload_share(workload_scaled(replacements, 1), workload_threads, i);
        chains[i].stamp = (uint32_t)i << 24;
    }
    for (size_t slot = 0; slot < table_blocks; slot++) {
        for (uint64_t i = 0; i < workload_threads; i++) {
            allocate(&chains[i], slot);
        }
    }
}

static void run_chains(void)
{
    for (uint64_t i = 0; i < workload_threads; i++) {
        if (sem_init(&chains[i].is_done, 0, 0) != 0) {
            workload_give_up("semaphore");
        }
        (void)workload_thread(live, &chains[i]);
    }
    for (uint64_t i = 0; i < workload_threads; i++) {
        while (sem_wait(&chains[i].is_done) != 0) {
            /* a signal */
        }
        workload_join(chains[i].predecessor);
    }
}

static void empty_tables(void)
{
    for (uint64_t i = 0; i < workload_threads; i++) {
        for (size_t slot = 0; slot < table_blocks; slot++) {
            chains[i].check += block_release(&chains[i].table[slot]);
        }
        workload_count(0, chains[i].check);
    }
}

int main(int argc, char **argv)
{
    workload_begin(&workload, argc, argv);
    if (least > most) {
        workload_refuse("--least is above --most");
    }
    workload_clock_start();
    fill_tables();
    run_chains();
    empty_tables();
    workload_clock_stop();
    workload_count(2 * (workload_threads * table_blocks + workload_scaled(replacements, 1)), 0);
    return workload_end();
}
