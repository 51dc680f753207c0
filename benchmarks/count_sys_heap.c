/* SPDX-License-Identifier: Apache-2.0 */
/* Work for an instruction counter: one state of a sys_heap, and N times the same calls on it.
 *
 *   count_sys_heap STATE N
 *
 * Each state is what its calls find, and what they leave behind: all repetitions cost the same. The
 * script count_instructions.sh runs it with two values of N and divides the difference. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zephyr/sys/sys_heap.h>

#define BLOCK_BYTES 100

static char buffer[1 << 20] __attribute__((aligned(8)));
static struct sys_heap heap;

/* A block, and then one more behind it, so that the first is not merged with what follows. */
static void *fenced_block(size_t bytes)
{
    void *block = sys_heap_alloc(&heap, bytes);

    sys_heap_alloc(&heap, BLOCK_BYTES);
    return block;
}

static void pairs(long count)
{
    for (long i = 0; i < count; i++) {
        sys_heap_free(&heap, sys_heap_alloc(&heap, BLOCK_BYTES));
    }
}

/* One huge free chunk: alloc splits it, free merges with it. */
static void prepare_fresh(void)
{
    fenced_block(BLOCK_BYTES);
}

/* A hole of the very size: alloc takes it, free lists it. No split, no merge. */
static void prepare_exact(void)
{
    sys_heap_free(&heap, fenced_block(BLOCK_BYTES));
}

/* Three chunks of the bucket are too small, and a larger bucket has to serve: the longest search.
 */
static void prepare_misses(void)
{
    void *too_small[4];

    for (size_t i = 0; i < sizeof(too_small) / sizeof(too_small[0]); i++) {
        too_small[i] = fenced_block(BLOCK_BYTES - 24);
    }
    for (size_t i = 0; i < sizeof(too_small) / sizeof(too_small[0]); i++) {
        sys_heap_free(&heap, too_small[i]);
    }
}

/* A hole of the size with free neighbours is made and undone: alloc splits twice, free merges
 * twice. The boundary falls 8 units into the free chunk, hence something remains on either side. */
static void aligned_pairs(long count)
{
    for (long i = 0; i < count; i++) {
        sys_heap_free(&heap, sys_heap_aligned_alloc(&heap, 4096, BLOCK_BYTES));
    }
}

static const struct state {
    const char *name;
    void (*prepare)(void);
    void (*run)(long count);
} states[] = {
    {"fresh", prepare_fresh, pairs},
    {"exact", prepare_exact, pairs},
    {"misses", prepare_misses, pairs},
    {"two-sided", prepare_fresh, aligned_pairs},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(argv[1], states[i].name) == 0) {
            sys_heap_init(&heap, buffer, sizeof(buffer));
            states[i].prepare();
            states[i].run(strtol(argv[2], NULL, 10));
            return sys_heap_validate(&heap) ? EXIT_SUCCESS : EXIT_FAILURE;
        }
    }
    fprintf(stderr, "usage: %s fresh|exact|misses|two-sided N\n", argv[0]);
    return EXIT_FAILURE;
}
