/* SPDX-License-Identifier: Apache-2.0 */
/* Small wrong programs on malloc, to be run with libquarry-malloc.so in front, for memcheck.
 *
 *     malloc_crimes DEED
 *
 * Quarry asks its heaps for what a block may use, 104 bytes if 100 are wanted: from there on
 * memcheck complains. */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES        100u
#define USABLE_BYTES 104u
#define LARGE_BYTES  ((size_t)1 << 20)

static volatile char *volatile block;
static volatile char sink;

/* The compiler knows what malloc and free mean; it shall not see them. */
static void *(*volatile hidden_malloc)(size_t) = malloc;
static void (*volatile hidden_free)(void *) = free;

static volatile char *alloc(size_t bytes)
{
    return hidden_malloc(bytes);
}

static void free_block(volatile char *mem)
{
    hidden_free((void *)(size_t)mem);
}

static void write_at(size_t offset)
{
    block = alloc(BYTES);
    volatile char *neighbour = alloc(BYTES);
    char before = block[offset];
    block[offset] = before; /* memcheck sees it, and the neighbour's header stays whole */
    free_block(block);
    free_block(neighbour);
}

static void write_last(void)
{
    write_at(USABLE_BYTES - 1);
}

static void write_into_next(void)
{
    write_at(USABLE_BYTES);
}

static void read_freed(void)
{
    block = alloc(BYTES);
    memset((void *)(size_t)block, 1, BYTES);
    free_block(block);
    sink = block[16];
}

static void branch_on_fresh(void)
{
    block = alloc(BYTES);
    if (block[7] == 1) {
        puts("one");
    }
    free_block(block);
}

static void branch_on_zeroed(void)
{
    block = calloc(1, BYTES);
    if (block[7] == 1) {
        puts("one");
    }
    free_block(block);
}

/* Sizes that stay in the heaps: Valgrind 3.19 takes the new part of a mapping that mremap grew in
 * place for inaccessible, now and then, and would complain about large blocks. */
static void *work(void *unused)
{
    (void)unused;
    for (size_t bytes = 1; bytes < LARGE_BYTES / 4; bytes = bytes * 3 / 2 + 1) {
        char *mem = calloc(1, bytes);

        memset(mem, 1, bytes);
        mem = realloc(mem, bytes * 2);
        memset(mem, 2, bytes * 2);
        mem = realloc(mem, bytes / 2 + 1);
        memset(mem, 3, bytes / 2 + 1);
        free(mem);
        free(aligned_alloc(256, bytes));
        free(memset(malloc(LARGE_BYTES), 4, LARGE_BYTES));
    }
    return NULL;
}

static void grow_and_shrink_heap(void)
{
    enum { COUNT = 60 };
    static char *volatile blocks[COUNT];

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            blocks[i] = hidden_malloc(LARGE_BYTES / 4);
            memset(blocks[i], 1, LARGE_BYTES / 4);
        }
        for (size_t i = 0; i < COUNT; i++) {
            free_block(blocks[i]);
        }
        malloc_trim(0);
    }
}

static void work_rightly(void)
{
    pthread_t threads[3];

    for (size_t i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, work, NULL);
    }
    work(NULL);
    malloc_trim(0);
    sink = (char)mallinfo2().uordblks;
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} deeds[] = {
    {"write_last", write_last},
    {"write_into_next", write_into_next},
    {"read_freed", read_freed},
    {"branch_on_fresh", branch_on_fresh},
    {"branch_on_zeroed", branch_on_zeroed},
    {"grow_and_shrink_heap", grow_and_shrink_heap},
    {"work_rightly", work_rightly},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof(deeds) / sizeof(deeds[0]); i++) {
        if (strcmp(argv[1], deeds[i].name) == 0) {
            deeds[i].run();
            return 0;
        }
    }
    return 2;
}
