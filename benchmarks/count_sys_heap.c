/* SPDX-License-Identifier: Apache-2.0 */
/* Work for an instruction counter: one call on one state of a heap, N times.
 *
 *   count_sys_heap POLICY STATE N      POLICY: zephyr or fine
 *   count_sys_heap --list              names of the states
 *
 * Each state is the worst that can happen to a call, by its kind. What is counted is what runs
 * inside of counted_alloc, counted_free and counted_realloc: count_instructions.py switches
 * callgrind's collection on there. Around it the state is made anew for each repetition. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <quarry/heap.h>

#define BLOCK_BYTES 100
/* Header and trailer of a chunk. */
#define CHUNK_OVERHEAD_BYTES Z_HEAP_CHUNK_(Z_HEAP_BIG_HEADER_BYTES_, 0)

static char buffer[1 << 20] __attribute__((aligned(8)));
static struct sys_heap heap;

__attribute__((noinline)) void *counted_alloc(size_t bytes);
__attribute__((noinline)) void *counted_aligned_alloc(size_t align, size_t bytes);
__attribute__((noinline)) void counted_free(void *block);
__attribute__((noinline)) void *counted_realloc(void *block, size_t bytes);

void *counted_alloc(size_t bytes)
{
    return sys_heap_alloc(&heap, bytes);
}

void *counted_aligned_alloc(size_t align, size_t bytes)
{
    return sys_heap_aligned_alloc(&heap, align, bytes);
}

void counted_free(void *block)
{
    sys_heap_free(&heap, block);
}

void *counted_realloc(void *block, size_t bytes)
{
    return sys_heap_realloc(&heap, block, bytes);
}

static void *block(void)
{
    return sys_heap_alloc(&heap, BLOCK_BYTES);
}

/* A block, and then one more behind it, so that the first is not merged with what follows. */
static void *fenced_block(size_t bytes)
{
    void *fenced = sys_heap_alloc(&heap, bytes);

    (void)block();
    return fenced;
}

/* A hole of `bytes` usable bytes between blocks. */
static void make_hole(size_t bytes)
{
    sys_heap_free(&heap, fenced_block(bytes));
}

/* A hole of the very size: taken off its list whole. */
static void prepare_exact(void)
{
    make_hole(BLOCK_BYTES);
    make_hole(BLOCK_BYTES);
}

static void alloc_exact(void)
{
    sys_heap_free(&heap, counted_alloc(BLOCK_BYTES));
}

static void free_unmerged(void)
{
    counted_free(block());
}

/* One huge free chunk: alloc splits it, free merges with it. */
static void prepare_fresh(void)
{
    (void)block();
}

static void alloc_from_huge(void)
{
    sys_heap_free(&heap, counted_alloc(BLOCK_BYTES));
}

static void free_into_huge(void)
{
    counted_free(block());
}

/* Chunks of the request's own bucket are too small, a larger bucket has to serve, and what it
 * leaves is listed: the longest search. */
static void prepare_misses(void)
{
    for (int i = 0; i < 4; i++) {
        make_hole(BLOCK_BYTES - 24);
    }
}

/* For fine buckets: the one chunk of the own bucket is too small, by one unit. */
#define FINE_MISS_BYTES 2040

static void prepare_fine_miss(void)
{
    make_hole(FINE_MISS_BYTES - 8);
    make_hole(FINE_MISS_BYTES - 8);
}

static void alloc_fine_miss(void)
{
    sys_heap_free(&heap, counted_alloc(FINE_MISS_BYTES));
}

/* A hole for three blocks. The middle one is freed last, between two free chunks that each have
 * others in front and behind on their list. */
#define SPARES 3
static void *spares[SPARES];

static void prepare_between(void)
{
    make_hole(3 * sys_heap_usable_size(&heap, block()) + 2 * CHUNK_OVERHEAD_BYTES);
    for (int i = 0; i < SPARES; i++) {
        spares[i] = fenced_block(BLOCK_BYTES);
    }
}

static void free_between(void)
{
    void *left = block();
    void *middle = block();
    void *right = block();

    sys_heap_free(&heap, spares[0]);
    sys_heap_free(&heap, left);
    sys_heap_free(&heap, spares[1]);
    sys_heap_free(&heap, right);
    sys_heap_free(&heap, spares[2]);
    counted_free(middle);
    for (int i = 0; i < SPARES; i++) {
        spares[i] = block();
    }
}

/* The boundary falls into the free chunk so that something remains on either side. */
static void alloc_aligned(void)
{
    sys_heap_free(&heap, counted_aligned_alloc(4096, BLOCK_BYTES));
}

static void grow_in_place(void)
{
    sys_heap_free(&heap, counted_realloc(block(), 2 * BLOCK_BYTES));
}

static void shrink_in_place(void)
{
    sys_heap_free(&heap, counted_realloc(sys_heap_alloc(&heap, 2 * BLOCK_BYTES), BLOCK_BYTES));
}

static void fail(void)
{
    (void)counted_alloc(sizeof(buffer));
}

static const struct state {
    const char *name;
    void (*prepare)(void);
    void (*repeat)(void);
} states[] = {
    {"alloc-exact", prepare_exact, alloc_exact},
    {"alloc-from-huge", prepare_fresh, alloc_from_huge},
    {"alloc-after-misses", prepare_misses, alloc_from_huge},
    {"alloc-after-fine-miss", prepare_fine_miss, alloc_fine_miss},
    {"alloc-aligned", prepare_fresh, alloc_aligned},
    {"alloc-too-large", prepare_fresh, fail},
    {"free-unmerged", prepare_exact, free_unmerged},
    {"free-into-huge", prepare_fresh, free_into_huge},
    {"free-between", prepare_between, free_between},
    {"realloc-grow", prepare_fresh, grow_in_place},
    {"realloc-shrink", prepare_fresh, shrink_in_place},
};
#define STATES (sizeof(states) / sizeof(states[0]))

static int run(const char *policy, const char *name, long count)
{
    enum quarry_heap_buckets buckets =
        strcmp(policy, "fine") == 0 ? QUARRY_HEAP_FINE_BUCKETS : QUARRY_HEAP_ZEPHYR_BUCKETS;

    for (size_t i = 0; i < STATES; i++) {
        if (strcmp(name, states[i].name) == 0) {
            quarry_heap_init(&heap, buffer, sizeof(buffer), buckets);
            states[i].prepare();
            while (count-- > 0) {
                states[i].repeat();
            }
            return sys_heap_validate(&heap) ? EXIT_SUCCESS : EXIT_FAILURE;
        }
    }
    fprintf(stderr, "no state %s\n", name);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc == 4) {
        return run(argv[1], argv[2], strtol(argv[3], NULL, 10));
    }
    for (size_t i = 0; i < STATES; i++) {
        puts(states[i].name);
    }
    return argc == 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
