/* SPDX-License-Identifier: Apache-2.0 */
/* Work for an instruction counter: one call of the C library's allocation functions in one state of
 * whichever malloc is preloaded, N times.
 *
 *   count_malloc STATE N
 *   count_malloc --list      names of the states; "slab" behind one that only slabs have
 *
 * As in count_sys_heap.c, what is counted is what runs inside of functions named counted_*. The
 * program is not linked with Quarry, but knows how its slabs work, and leads them into each state:
 *
 *    a slab is 64 KiB (or more), begins at a multiple of that, and is put on lists page by page;
 *    the thread's list of a size is refilled, when it is empty, with all that was freed into the
 *    slab, or else with one page's blocks that were never used, or else from another slab;
 *    the last block that is freed ends a slab, if its thread has another one to serve from.
 *
 * Calls in the usual case must find the list not empty. So blocks are taken two at a time, of which
 * the second is counted, and as many are on each list as an even number. One block more stays in
 * use, so that no free is that of a slab's last block. */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLAB_BYTES 65536

/* Sizes, and how many blocks of them begin on a slab's first page. */
#define SMALL_BYTES   100
#define SMALL_BLOCKS  37
#define MOVED_BYTES   220
#define MOVED_BLOCKS  19
#define TINY_BYTES    16
#define TINY_BLOCKS   256
#define MEDIUM_BYTES  2000
#define MEDIUM_BLOCKS 2
#define LARGE_BYTES   ((size_t)1 << 20)

/* Blocks of a slab of these. */
#define SLAB_BLOCK_BYTES 1024
#define SLAB_BLOCKS      64

/* Blocks of others that a thread frees, and sends to their owner at once. */
#define LETTER_BLOCKS 32

static void *blocks[3 * SLAB_BLOCKS];

__attribute__((noinline)) void *counted_malloc(size_t bytes);
__attribute__((noinline)) void *counted_calloc(size_t count, size_t bytes);
__attribute__((noinline)) void *counted_realloc(void *block, size_t bytes);
__attribute__((noinline)) void counted_free(void *block);

void *counted_malloc(size_t bytes)
{
    return malloc(bytes);
}

void *counted_calloc(size_t count, size_t bytes)
{
    return calloc(count, bytes);
}

void *counted_realloc(void *block, size_t bytes)
{
    return realloc(block, bytes);
}

void counted_free(void *block)
{
    free(block);
}

static void *must(void *block)
{
    if (block == NULL) {
        perror("count_malloc");
        exit(EXIT_FAILURE);
    }
    return block;
}

static void *get(size_t bytes)
{
    return must(malloc(bytes));
}

/* The blocks from the nth on. */
static void take(size_t nth, size_t count, size_t bytes)
{
    for (size_t i = nth; i < nth + count; i++) {
        blocks[i] = get(bytes);
    }
}

static void give(size_t nth, size_t count)
{
    for (size_t i = nth; i < nth + count; i++) {
        free(blocks[i]);
    }
}

/* Blocks stay in use up to and including the first one of a slab. */
static void begin_slab(size_t bytes)
{
    while ((uintptr_t)get(bytes) % SLAB_BYTES != 0) {
    }
}

/* --- Usual cases --- */

/* Puts an even number of free blocks in order, so many being kept. */
static void prepare_pairs(size_t kept, size_t free_blocks, size_t bytes)
{
    for (size_t i = 0; i < kept; i++) {
        (void)get(bytes);
    }
    take(0, free_blocks, bytes);
    give(0, free_blocks);
}

static void prepare_small(void)
{
    prepare_pairs(1, SMALL_BLOCKS - 1, SMALL_BYTES);
}

static void small_malloc(void)
{
    void *other = get(SMALL_BYTES);

    free(must(counted_malloc(SMALL_BYTES)));
    free(other);
}

static void small_calloc(void)
{
    void *other = get(SMALL_BYTES);

    free(must(counted_calloc(1, SMALL_BYTES)));
    free(other);
}

static void small_free(void)
{
    counted_free(get(SMALL_BYTES));
}

static void in_place(void)
{
    free(must(counted_realloc(get(SMALL_BYTES), SMALL_BYTES + 10)));
}

static void prepare_move(void)
{
    prepare_small();
    prepare_pairs(1, MOVED_BLOCKS - 1, MOVED_BYTES);
}

/* The other block lies behind it, where blocks are chunks. */
static void to_another_size(void)
{
    void *block = get(SMALL_BYTES);
    void *other = get(MOVED_BYTES);

    free(must(counted_realloc(block, MOVED_BYTES)));
    free(other);
}

/* Above 1 KiB there is a function between malloc and the list. */
static void prepare_medium(void)
{
    prepare_pairs(MEDIUM_BLOCKS, MEDIUM_BLOCKS, MEDIUM_BYTES);
}

static void medium_malloc(void)
{
    void *other = get(MEDIUM_BYTES);

    free(must(counted_malloc(MEDIUM_BYTES)));
    free(other);
}

/* --- Mappings of their own, kept when they were freed --- */

static void prepare_large(void)
{
    free(get(LARGE_BYTES));
}

static void large_malloc(void)
{
    free(must(counted_malloc(LARGE_BYTES)));
}

static void large_free(void)
{
    counted_free(get(LARGE_BYTES));
}

/* --- The list is empty --- */

/* The slab has got blocks back: all of a page but one. */
static void prepare_own_list(void)
{
    begin_slab(SMALL_BYTES);
    take(0, SMALL_BLOCKS - 1, SMALL_BYTES);
    give(0, SMALL_BLOCKS - 1);
}

static void own_list(void)
{
    blocks[0] = must(counted_malloc(SMALL_BYTES));
    take(1, SMALL_BLOCKS - 2, SMALL_BYTES);
    give(0, SMALL_BLOCKS - 1);
}

/* Nothing was freed, but the slab has pages that were never used. The first block of a page is
 * handed out alone; the call for the second links all others. */
static size_t pages;

static void rest_of_page(int used)
{
    for (int i = used; i < TINY_BLOCKS; i++) {
        (void)get(TINY_BYTES);
    }
    pages++;
}

static void prepare_new_page(void)
{
    begin_slab(TINY_BYTES);
    rest_of_page(1);
}

static void new_page(void)
{
    if (pages % (SLAB_BYTES / (TINY_BLOCKS * TINY_BYTES)) == 0) {
        begin_slab(TINY_BYTES);
        rest_of_page(1);
    }
    (void)get(TINY_BYTES);
    (void)must(counted_malloc(TINY_BYTES));
    rest_of_page(2);
}

/* Two slabs, all of whose blocks are in use: those from the 0th on, and from SLAB_BLOCKS on. The
 * latter is the thread's current one. */
static void prepare_two_slabs(void)
{
    begin_slab(SLAB_BLOCK_BYTES);
    take(1, SLAB_BLOCKS - 1, SLAB_BLOCK_BYTES);
    take(SLAB_BLOCKS, SLAB_BLOCKS, SLAB_BLOCK_BYTES);
}

/* The current slab has nothing left, and the other one some free blocks. They change places. */
static void next_slab(void)
{
    static size_t other = 1;

    give(other, 4);
    blocks[other] = must(counted_malloc(SLAB_BLOCK_BYTES));
    take(other + 1, 3, SLAB_BLOCK_BYTES);
    other ^= SLAB_BLOCKS;
}

/* Calls that can be counted while a slab comes and goes. */
enum counted { MADE, BROUGHT_BACK, ENDED };

/* Of two slabs, one after the other gets a block back, so that it becomes the current one, or that
 * the third is not the only one that can serve when its last block is freed. In the end both are
 * full again, and the third is gone. */
static void third_slab(enum counted counted)
{
    static const size_t aside = 1;
    static const size_t current = SLAB_BLOCKS;
    static const size_t third = 2 * SLAB_BLOCKS;

    blocks[third] = must((counted == MADE ? counted_malloc : malloc)(SLAB_BLOCK_BYTES));
    take(third + 1, SLAB_BLOCKS - 1, SLAB_BLOCK_BYTES);
    give(aside, 1);
    take(aside, 1, SLAB_BLOCK_BYTES);
    give(current, 1);
    (counted == BROUGHT_BACK ? counted_free : free)(blocks[third]);
    give(third + 1, SLAB_BLOCKS - 2);
    (counted == ENDED ? counted_free : free)(blocks[third + SLAB_BLOCKS - 1]);
    take(current, 1, SLAB_BLOCK_BYTES);
}

static void new_slab(void)
{
    third_slab(MADE);
}

static void free_into_full(void)
{
    third_slab(BROUGHT_BACK);
}

static void free_last(void)
{
    third_slab(ENDED);
}

/* --- Blocks of another thread --- */

static sem_t order_given;
static sem_t order_done;
static void (*order)(void);

static void *obey(void *unused)
{
    (void)unused;
    (void)get(SMALL_BYTES);
    while (sem_wait(&order_given) == 0) {
        order();
        sem_post(&order_done);
    }
    return NULL;
}

/* Lets the other thread do it, and waits. */
static void let_do(void (*deed)(void))
{
    order = deed;
    sem_post(&order_given);
    sem_wait(&order_done);
}

static void start_other(void)
{
    pthread_t other;

    sem_init(&order_given, 0, 0);
    sem_init(&order_done, 0, 0);
    if (pthread_create(&other, NULL, obey, NULL) != 0) {
        must(NULL);
    }
}

static void take_letter(void)
{
    take(0, LETTER_BLOCKS, SMALL_BYTES);
}

static void give_letter(void)
{
    give(0, LETTER_BLOCKS);
}

static void prepare_remote(void)
{
    (void)get(SMALL_BYTES);
    start_other();
}

static void remote_free(void)
{
    let_do(take_letter);
    for (int i = 0; i < LETTER_BLOCKS; i++) {
        counted_free(blocks[i]);
    }
}

/* The list is empty, nothing was freed into the slab, but another thread has sent blocks of it. */
static void prepare_letter(void)
{
    begin_slab(SMALL_BYTES);
    take(0, SMALL_BLOCKS - 1, SMALL_BYTES);
    start_other();
}

static void open_letter(void)
{
    let_do(give_letter);
    blocks[0] = must(counted_malloc(SMALL_BYTES));
    take(1, LETTER_BLOCKS - 1, SMALL_BYTES);
}

/* --- */

static const struct state {
    const char *name;
    bool of_slabs;
    void (*prepare)(void);
    void (*repeat)(void);
} states[] = {
    {"malloc", false, prepare_small, small_malloc},
    {"malloc-above-1k", false, prepare_medium, medium_malloc},
    {"malloc-large-reused", false, prepare_large, large_malloc},
    {"malloc-own-list", true, prepare_own_list, own_list},
    {"malloc-letter", true, prepare_letter, open_letter},
    {"malloc-new-page", true, prepare_new_page, new_page},
    {"malloc-next-slab", true, prepare_two_slabs, next_slab},
    {"malloc-new-slab", true, prepare_two_slabs, new_slab},
    {"free", false, prepare_small, small_free},
    {"free-32-of-another-thread", false, prepare_remote, remote_free},
    {"free-into-full-slab", true, prepare_two_slabs, free_into_full},
    {"free-last-of-slab", true, prepare_two_slabs, free_last},
    {"free-large", false, prepare_large, large_free},
    {"calloc", false, prepare_small, small_calloc},
    {"realloc-in-place", false, prepare_small, in_place},
    {"realloc-move", false, prepare_move, to_another_size},
};
#define STATES (sizeof(states) / sizeof(states[0]))

static int run(const char *name, long count)
{
    for (size_t i = 0; i < STATES; i++) {
        if (strcmp(name, states[i].name) == 0) {
            states[i].prepare();
            while (count-- > 0) {
                states[i].repeat();
            }
            return EXIT_SUCCESS;
        }
    }
    fprintf(stderr, "no state %s\n", name);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        return run(argv[1], strtol(argv[2], NULL, 10));
    }
    for (size_t i = 0; i < STATES; i++) {
        printf("%s%s\n", states[i].name, states[i].of_slabs ? " slab" : "");
    }
    return argc == 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
