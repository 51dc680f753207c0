/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of log-uniform size that are replaced at random, after rptest of M. Jansson's
 * rpmalloc-benchmark and, for blocks of megabytes, malloc-large of the mimalloc benchmark suite.
 *
 * Each thread fills its slots, then frees the block of a random slot and allocates another, and
 * frees all in the end. Sizes and lifetimes are as disorderly as can be: what is measured is how
 * the allocator finds a place, splits and joins; with --touch pages also what a fresh page costs,
 * and whether the allocator asks the system for it over and over. */
#include <stdlib.h>
#include "block.h"
#include "workload.h"

enum { ENDS, PAGES };

static const char *const touches[] = {"ends", "pages", NULL};
static uint64_t touch = ENDS;
static uint64_t least = 8;
static uint64_t most = 32768;
static uint64_t live = 20000;
static uint64_t replacements = 10000000;

static const struct workload_option options[] = {
    {"least", "bytes of a block; sizes are log-uniform", &least, 1, WORKLOAD_MOST_BYTES, NULL,
     NULL},
    {"most", "bytes of a block", &most, 1, WORKLOAD_MOST_BYTES, NULL, NULL},
    {"live", "blocks of all threads together", &live, 1, 100000000, NULL, NULL},
    {"replacements", "of all threads together, times scale", &replacements, 1, UINT32_MAX, NULL,
     NULL},
    {"touch", "what is written of a block", &touch, 0, 0, touches, NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

static const struct workload workload = {
    "random_replace", "Blocks of random sizes that are replaced at random.", options, 0, false};

static void allocate(struct worker *worker, struct block *block)
{
    block_allocate_random(block, &worker->random, least, most);
    if (touch == PAGES) {
        block_touch_pages(block);
    }
}

static void work(struct worker *worker)
{
    uint64_t slots = workload_share(live, workload_threads, worker->index);
    uint64_t count =
        workload_share(workload_scaled(replacements, 1), workload_threads, worker->index);
    struct block *blocks = workload_table(slots, sizeof(*blocks));

    for (uint64_t i = 0; i < slots; i++) {
        allocate(worker, &blocks[i]);
    }
    for (uint64_t i = 0; i < count; i++) {
        struct block *block = &blocks[random_below(&worker->random, slots)];

        worker->check += block_release(block);
        allocate(worker, block);
    }
    for (uint64_t i = 0; i < slots; i++) {
        worker->check += block_release(&blocks[i]);
    }
    worker->operations = 2 * (slots + count);
}

int main(int argc, char **argv)
{
    workload_begin(&workload, argc, argv);
    if (least > most) {
        workload_refuse("--least is above --most");
    }
    if (live < workload_threads) {
        workload_refuse("--live is below --threads");
    }
    workload_run(workload_threads, work, NULL);
    return workload_end();
}
