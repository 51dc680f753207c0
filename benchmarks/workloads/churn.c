/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that all do the same, pass blocks on to each other, end, and are followed by others,
 * after the description of mstress in the mimalloc benchmark suite.
 *
 * A thread replaces blocks of its own slots at random. One of `pass` new blocks goes into a slot
 * that all threads share, and what was there is freed by whoever finds it. At its end a thread
 * frees half of its own; the rest is left to a thread of the next generation, which takes over the
 * slots of its neighbour.
 *
 *      own slots     [ . . . . . . . . ]      [ . . . . . . . . ]       one exchange, no lock:
 *                           | new                    | new              how many blocks pass is
 *                           v                        v                  fixed, who frees them
 *      shared slots  [ . . . . . . . . . . . . . . . . . . . . ]        is not
 *
 * A block says itself how long it is, so that its address is all that is passed on. Each adds to
 * the check once, wherever it is freed. */
#include <stdatomic.h>
#include <stdlib.h>
#include "block.h"
#include "workload.h"

#define SHARED_SLOTS 1024u
#define LEAST_BYTES  sizeof(uint64_t)

static uint64_t least = 16;
static uint64_t most = 32768;
static uint64_t own_slots = 2000;
static uint64_t pass = 4;
static uint64_t generations = 50;
static uint64_t replacements = 12000000;

static const struct workload_option options[] = {
    {"least", "bytes of a block; sizes are log-uniform", &least, 2 * LEAST_BYTES,
     WORKLOAD_MOST_BYTES, NULL, NULL},
    {"most", "bytes of a block", &most, 2 * LEAST_BYTES, WORKLOAD_MOST_BYTES, NULL, NULL},
    {"live", "blocks of a thread", &own_slots, 2, 10000000, NULL, NULL},
    {"pass", "one of so many new blocks is passed on", &pass, 1, 1000000, NULL, NULL},
    {"generations", "of threads", &generations, 1, 1000000, NULL, NULL},
    {"replacements", "of all threads together, times scale", &replacements, 1, UINT32_MAX, NULL,
     NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

static const struct workload workload = {
    "churn", "Threads that replace blocks, pass some on, end, and are followed by others.", options,
    0, false};

/* What a thread knows of a block of its own. */
struct own_block {
    unsigned char *address; /* NULL: none */
    uint64_t word;          /* at its beginning */
};

static _Atomic(unsigned char *) shared[SHARED_SLOTS];
static struct own_block *own[WORKLOAD_MOST_THREADS];
static uint64_t generation;

/* A block whose first word is its size and a random number. */
static struct own_block allocate(struct worker *worker)
{
    size_t bytes = random_log_uniform(&worker->random, least, most);
    uint64_t word = ((uint64_t)bytes << 32) | (random_bits(&worker->random) & UINT32_MAX);
    unsigned char *address = malloc(bytes);

    block_require(address, bytes);
    block_write_ends(address, bytes, word);
    worker->operations++;
    return (struct own_block){address, word};
}

static void release(struct worker *worker, unsigned char *address, uint64_t word)
{
    uint64_t bytes = word >> 32;

    if (bytes < least || bytes > most || !block_ends_are(address, (size_t)bytes, word)) {
        workload_fail("block at %p has lost its contents", (void *)address);
    }
    worker->check += random_mix(word);
    worker->operations++;
    free(address);
}

static void release_own(struct worker *worker, struct own_block *block)
{
    if (block->address != NULL) {
        release(worker, block->address, block->word);
    }
    block->address = NULL;
}

/* One that came through a shared slot; or NULL. */
static void release_found(struct worker *worker, unsigned char *address)
{
    uint64_t word;

    if (address != NULL) {
        memcpy(&word, address, sizeof(word));
        release(worker, address, word);
    }
}

static void replace_one(struct worker *worker, struct own_block *slots)
{
    struct own_block fresh = allocate(worker);
    size_t slot = random_below(&worker->random, own_slots);

    if (random_below(&worker->random, pass) == 0) {
        release_found(worker, atomic_exchange_explicit(&shared[slot % SHARED_SLOTS], fresh.address,
                                                       memory_order_acq_rel));
        return;
    }
    release_own(worker, &slots[slot]);
    slots[slot] = fresh;
}

static void live(struct worker *worker)
{
    struct own_block *slots = own[(worker->index + generation) % workload_threads];
    uint64_t workers = workload_threads * generations;
    uint64_t number = generation * workload_threads + worker->index;
    uint64_t count = workload_share(workload_scaled(replacements, 1), workers, number);

    worker->random = random_of(workload_seed, number);
    for (uint64_t i = 0; i < count; i++) {
        replace_one(worker, slots);
    }
    for (size_t slot = 0; slot < own_slots; slot += 2) {
        release_own(worker, &slots[slot]);
    }
}

static void empty_all(struct worker *worker)
{
    for (uint64_t i = 0; i < workload_threads; i++) {
        for (size_t slot = 0; slot < own_slots; slot++) {
            release_own(worker, &own[i][slot]);
        }
    }
    for (size_t slot = 0; slot < SHARED_SLOTS; slot++) {
        release_found(worker, atomic_load_explicit(&shared[slot], memory_order_relaxed));
    }
}

int main(int argc, char **argv)
{
    workload_begin(&workload, argc, argv);
    if (least > most) {
        workload_refuse("--least is above --most");
    }
    for (uint64_t i = 0; i < workload_threads; i++) {
        own[i] = workload_table(own_slots, sizeof(*own[i]));
    }
    for (generation = 0; generation < generations; generation++) {
        workload_run_threads(workload_threads, live, NULL);
    }
    workload_run(1, empty_all, NULL);
    return workload_end();
}
