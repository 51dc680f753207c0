/* SPDX-License-Identifier: Apache-2.0 */
/* The two bucket policies side by side: how full a heap gets, and what a pair of calls costs.
 *
 *   heap_policies [--quick]
 *
 * Fill: a 16 MiB heap, 3 million steps. Each step allocates one block of log-uniform size from 8 to
 * 4096 bytes; then, with probability 1/2, frees a random one, and goes on freeing while the live
 * bytes exceed a target that grows linearly from 0 to the heap's size. The figure is the peak of
 * the live bytes that were asked for at the first allocation that fails, in per cent of the heap;
 * the median of 9 seeds, with the least and the most.
 *
 * Pair: a 64 MiB heap, 20 000 live blocks of such sizes; free a random block, allocate another in
 * its place. Nanoseconds per pair. Rounds of the policies alternate; the median of 15 rounds, with
 * the least. Blocks are not written to, so that the caches hold what the heap itself touches. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <quarry/heap.h>

#define POLICIES         2
#define LEAST_BYTES      8.0
#define MOST_BYTES       4096.0
#define FILL_HEAP_BYTES  ((size_t)16 << 20)
#define FILL_STEPS       3000000u
#define FILL_SEEDS       9
#define PAIR_HEAP_BYTES  ((size_t)64 << 20)
#define PAIR_LIVE_BLOCKS 20000u
#define PAIR_STEPS       (1u << 18)
#define PAIR_ROUNDS      15

static const struct policy {
    const char *name;
    enum quarry_heap_buckets buckets;
} policies[POLICIES] = {
    {"zephyr", QUARRY_HEAP_ZEPHYR_BUCKETS},
    {"fine", QUARRY_HEAP_FINE_BUCKETS},
};

/* xorshift64: its quality is beyond what sizes and choices need. */
static uint64_t random_state;

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static size_t random_below(size_t limit)
{
    return (size_t)(random_bits() % limit);
}

static size_t random_size(void)
{
    double unit = (double)(random_bits() >> 11) * 0x1p-53;

    return (size_t)(LEAST_BYTES * exp(unit * log(MOST_BYTES / LEAST_BYTES)));
}

static void *map_or_exit(size_t bytes)
{
    void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (mem == MAP_FAILED) {
        perror("mmap");
        exit(EXIT_FAILURE);
    }
    return mem;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

/* --- Fill ----------------------------------------------------------------------------------------
 */

struct live_block {
    void *mem;
    size_t bytes;
};

/* Sorts nothing, keeps no order: a random one is freed, the last one fills its place. */
struct live_set {
    struct live_block *blocks;
    size_t count;
    size_t bytes;
};

static void free_random(struct sys_heap *heap, struct live_set *live)
{
    struct live_block *chosen = &live->blocks[random_below(live->count)];

    sys_heap_free(heap, chosen->mem);
    live->bytes -= chosen->bytes;
    *chosen = live->blocks[--live->count];
}

/* Peak of the live bytes at the first failure, in per cent of the heap. */
static double fill_once(enum quarry_heap_buckets buckets, uint64_t seed)
{
    struct live_set live = {.blocks = map_or_exit(FILL_STEPS * sizeof(struct live_block))};
    void *buffer = map_or_exit(FILL_HEAP_BYTES);
    struct sys_heap heap;
    size_t peak = 0;

    random_state = seed;
    quarry_heap_init(&heap, buffer, FILL_HEAP_BYTES, buckets);
    for (uint64_t step = 0; step < FILL_STEPS; step++) {
        size_t target = (size_t)(FILL_HEAP_BYTES * step / FILL_STEPS);
        size_t bytes = random_size();
        void *mem = sys_heap_alloc(&heap, bytes);

        if (mem == NULL) {
            break;
        }
        live.blocks[live.count++] = (struct live_block){mem, bytes};
        live.bytes += bytes;
        peak = live.bytes > peak ? live.bytes : peak;
        if (random_below(2) == 0) {
            free_random(&heap, &live);
        }
        while (live.bytes > target && live.count > 0) {
            free_random(&heap, &live);
        }
    }
    quarry_heap_end(&heap);
    munmap(buffer, FILL_HEAP_BYTES);
    munmap(live.blocks, FILL_STEPS * sizeof(struct live_block));
    return 100.0 * (double)peak / (double)FILL_HEAP_BYTES;
}

static void measure_fill(int seeds)
{
    for (int p = 0; p < POLICIES; p++) {
        double fills[FILL_SEEDS];

        for (int i = 0; i < seeds; i++) {
            fills[i] = fill_once(policies[p].buckets, 0x9e3779b97f4a7c15u * (uint64_t)(i + 1));
        }
        qsort(fills, (size_t)seeds, sizeof(fills[0]), by_value);
        printf("fill  %-8s %5.1f %% full at the first failure (%.1f to %.1f)\n", policies[p].name,
               fills[seeds / 2], fills[0], fills[seeds - 1]);
    }
}

/* --- Pair ----------------------------------------------------------------------------------------
 */

/* What to free and what to allocate, drawn beforehand: the loop measures the heap only. */
static uint32_t chosen_block[PAIR_STEPS];
static uint32_t chosen_bytes[PAIR_STEPS];

struct pair_heap {
    struct sys_heap heap;
    void *blocks[PAIR_LIVE_BLOCKS];
    double rounds_ns[PAIR_ROUNDS];
};
static struct pair_heap pair_heaps[POLICIES];

static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void pair_prepare(struct pair_heap *pair, enum quarry_heap_buckets buckets)
{
    quarry_heap_init(&pair->heap, map_or_exit(PAIR_HEAP_BYTES), PAIR_HEAP_BYTES, buckets);
    random_state = 1;
    for (uint32_t i = 0; i < PAIR_LIVE_BLOCKS; i++) {
        pair->blocks[i] = sys_heap_alloc(&pair->heap, random_size());
    }
}

static double pair_round(struct pair_heap *pair)
{
    double start_ns = now_ns();

    for (uint32_t i = 0; i < PAIR_STEPS; i++) {
        void **block = &pair->blocks[chosen_block[i]];

        sys_heap_free(&pair->heap, *block);
        *block = sys_heap_alloc(&pair->heap, chosen_bytes[i]);
    }
    return (now_ns() - start_ns) / PAIR_STEPS;
}

static void measure_pairs(int rounds)
{
    for (uint32_t i = 0; i < PAIR_STEPS; i++) {
        chosen_block[i] = (uint32_t)random_below(PAIR_LIVE_BLOCKS);
        chosen_bytes[i] = (uint32_t)random_size();
    }
    for (int p = 0; p < POLICIES; p++) {
        pair_prepare(&pair_heaps[p], policies[p].buckets);
        pair_round(&pair_heaps[p]); /* until it is as it will stay */
    }
    for (int i = 0; i < rounds; i++) {
        for (int p = 0; p < POLICIES; p++) {
            pair_heaps[p].rounds_ns[i] = pair_round(&pair_heaps[p]);
        }
    }
    for (int p = 0; p < POLICIES; p++) {
        double *ns = pair_heaps[p].rounds_ns;

        qsort(ns, (size_t)rounds, sizeof(ns[0]), by_value);
        printf("pair  %-8s %5.1f ns per free and alloc (least %.1f)\n", policies[p].name,
               ns[rounds / 2], ns[0]);
    }
}

int main(int argc, char **argv)
{
    bool quick = argc == 2 && strcmp(argv[1], "--quick") == 0;

    if (argc > 1 && !quick) {
        fprintf(stderr, "usage: %s [--quick]\n", argv[0]);
        return EXIT_FAILURE;
    }
    random_state = 1;
    measure_fill(quick ? 1 : FILL_SEEDS);
    measure_pairs(quick ? 3 : PAIR_ROUNDS);
    return EXIT_SUCCESS;
}
