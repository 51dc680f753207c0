/* SPDX-License-Identifier: Apache-2.0 */
/* Property test of the process allocator: threads that make, resize, free and pass on blocks.
 *
 *     property_malloc [--seed N] [--ops N] [--threads N] [--forks N] [--largest N]
 *
 * Runs N calls spread over N threads. Prints the seed first; a thread's choices are made of the
 * seed and its number alone, but what it finds in the table depends on the others. Each block
 * carries a pattern that tells it from all others; every thread that comes by verifies it, so
 * blocks that overlap, move wrongly or lose bytes are found. N times in all, a thread forks, and
 * its child works on by itself for a while. Blocks have at most --largest bytes, 2 MiB
 * unless set. At the end as many bytes must be live as at the start.
 * The environment's QUARRY_TEST_SCALE divides the number of calls and of forks. Exit: 0 agreed, 1
 * disagreed, 2 unusable arguments. */
#include <errno.h>
#include <pthread.h>
#include <quarry/malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../support/random.h"

#define SLOTS         512u
#define MAX_THREADS   64u
#define LARGEST_ALIGN 16u  /* powers of two from 1: 64 KiB */
#define WHOLE_BYTES   512u /* a longer block's pattern has this much at either end ... */
#define STRIDE        509u /* ... and a byte each so many in between */
#define OPS_OF_CHILD  200
#define CHILD_SECONDS 120u

/* A block, and what is to be found in it. */
struct item {
    unsigned char *block; /* NULL: no block */
    size_t bytes;
    uint64_t pattern;
};

/* A place in the table through which blocks are passed on. */
struct slot {
    pthread_mutex_t lock;
    struct item item;
};

struct worker {
    pthread_t thread;
    struct random random;
    size_t ops;
    size_t ops_per_fork; /* 0: never */
};

static struct slot slots[SLOTS];
static uint64_t seed;
static size_t largest_bytes = (size_t)2 << 20;

static _Noreturn void disagree(const char *what, const struct item *item)
{
    printf("DISAGREED: %s: block %p of %zu bytes, pattern %llx, process %d\n", what,
           (void *)item->block, item->bytes, (unsigned long long)item->pattern, (int)getpid());
    printf("  repeat:  --seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    _exit(1);
}

static unsigned char pattern_byte(const struct item *item, size_t offset)
{
    return (unsigned char)((item->pattern + offset * 0x9e3779b1u) >> 24);
}

/* The offset after `offset` at which the pattern is kept. */
static size_t next_offset(const struct item *item, size_t offset)
{
    bool in_between = offset >= WHOLE_BYTES && offset + WHOLE_BYTES < item->bytes;

    return offset + (in_between ? STRIDE : 1);
}

static void write_pattern(struct item *item, struct random *random)
{
    item->pattern = random_next(random);
    for (size_t i = 0; i < item->bytes; i = next_offset(item, i)) {
        item->block[i] = pattern_byte(item, i);
    }
}

/* Verifies what lies in the first `bytes` bytes. */
static void verify(const struct item *item, size_t bytes)
{
    for (size_t i = 0; i < bytes; i = next_offset(item, i)) {
        if (item->block[i] != pattern_byte(item, i)) {
            disagree("contents have changed", item);
        }
    }
}

static void verify_zero(const struct item *item)
{
    for (size_t i = 0; i < item->bytes; i = next_offset(item, i)) {
        if (item->block[i] != 0) {
            disagree("calloc's block is not zero", item);
        }
    }
}

static void verify_shape(const struct item *item, size_t align)
{
    if ((uintptr_t)item->block % align != 0) {
        disagree("block is not aligned", item);
    }
    if (quarry_malloc_usable_size(item->block) < item->bytes) {
        disagree("block is too small", item);
    }
}

static void make_item(struct item *item, struct random *random)
{
    uint64_t function = random_below(random, 4);
    size_t align = 16;

    item->bytes = random_log_uniform(random, largest_bytes);
    switch (function) {
    case 0:
        item->block = quarry_calloc(1, item->bytes);
        break;
    case 1:
        align = (size_t)1 << random_below(random, LARGEST_ALIGN + 1);
        item->block = quarry_aligned_alloc(align, item->bytes);
        break;
    case 2:
        item->block = quarry_realloc(NULL, item->bytes);
        break;
    default:
        item->block = quarry_malloc(item->bytes);
        break;
    }
    if (item->block == NULL) {
        disagree("there is no memory", item);
    }
    if (function == 0) {
        verify_zero(item);
    }
    verify_shape(item, align < 16 ? 16 : align);
    write_pattern(item, random);
}

static void free_item(struct item *item)
{
    verify(item, item->bytes);
    quarry_free(item->block);
    item->block = NULL;
}

static void resize_item(struct item *item, struct random *random)
{
    size_t old_bytes = item->bytes;
    size_t bytes = random_log_uniform(random, largest_bytes);

    verify(item, old_bytes);
    item->block = quarry_realloc(item->block, bytes);
    if (item->block == NULL) {
        disagree("there is no memory", item);
    }
    /* The kept part, at the offsets that the old size put the pattern at. */
    verify(item, old_bytes < bytes ? old_bytes : bytes);
    item->bytes = bytes;
    verify_shape(item, 16);
    write_pattern(item, random);
}

static struct item exchange(struct slot *slot, struct item item)
{
    pthread_mutex_lock(&slot->lock);
    struct item before = slot->item;
    slot->item = item;
    pthread_mutex_unlock(&slot->lock);
    return before;
}

static void change(struct item *item, struct random *random)
{
    if (item->block == NULL) {
        make_item(item, random);
        return;
    }
    switch (random_below(random, 8)) {
    case 0: /* passed on as it is */
        verify(item, item->bytes);
        break;
    case 1:
    case 2:
    case 3:
        resize_item(item, random);
        break;
    default:
        free_item(item);
        break;
    }
}

/* Takes what is in one slot, changes it, and puts it into another. */
static void run_op(struct random *random)
{
    struct item nothing = {.block = NULL};
    struct item item = exchange(&slots[random_below(random, SLOTS)], nothing);

    change(&item, random);
    item = exchange(&slots[random_below(random, SLOTS)], item);
    if (item.block != NULL) {
        free_item(&item);
    }
}

/* The table is out of bounds here: another thread of the parent may have locked a slot. */
static void work_in_child(struct random *random)
{
    struct item items[8] = {{.block = NULL}};

    alarm(CHILD_SECONDS);
    for (int op = 0; op < OPS_OF_CHILD; op++) {
        change(&items[random_below(random, 8)], random);
    }
    quarry_malloc_trim(0);
    _exit(0);
}

static void run_child(struct random *random)
{
    struct item item = {.block = NULL};
    int status = 0;

    make_item(&item, random);
    pid_t child = fork();
    if (child == 0) {
        free_item(&item);
        work_in_child(random);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        printf("wait status %x of child %d\n", (unsigned int)status, (int)child);
        disagree("child did not end well", &item);
    }
    free_item(&item);
}

static void *run_worker(void *arg)
{
    struct worker *worker = arg;

    for (size_t op = 1; op <= worker->ops; op++) {
        run_op(&worker->random);
        if (worker->ops_per_fork != 0 && op % worker->ops_per_fork == 0) {
            run_child(&worker->random);
        }
    }
    return NULL;
}

static void run_workers(struct worker *workers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) != 0) {
            perror("pthread_create");
            exit(UNUSABLE_ARGUMENTS);
        }
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
    }
}

static bool free_all_and_compare(const struct quarry_malloc_stats *before)
{
    struct quarry_malloc_stats after;

    for (size_t i = 0; i < SLOTS; i++) {
        if (slots[i].item.block != NULL) {
            free_item(&slots[i].item);
        }
    }
    quarry_malloc_trim(0);
    quarry_malloc_stats_get(&after);
    printf("%llu blocks made, %llu freed, %llu resized, %llu of them large; at the end %zu bytes "
           "live, %zu committed in %zu regions of %zu arenas\n",
           (unsigned long long)after.allocations, (unsigned long long)after.frees,
           (unsigned long long)after.resizes, (unsigned long long)after.large, after.live_bytes,
           after.committed_bytes, after.regions, after.arenas);
    return after.live_bytes == before->live_bytes && after.large_blocks == before->large_blocks &&
           after.foreign == before->foreign && after.regions <= after.arenas &&
           after.allocations - before->allocations == after.frees - before->frees;
}

int main(int argc, char **argv)
{
    static struct worker workers[MAX_THREADS];
    struct quarry_malloc_stats before;

    seed = random_seed_from_args(argc, argv);
    size_t ops = scaled_rounds(number_from_args(argc, argv, "--ops", 60000));
    size_t threads = number_from_args(argc, argv, "--threads", 4);
    size_t forks = number_from_args(argc, argv, "--forks", 20);
    if (threads < 1 || threads > MAX_THREADS) {
        fprintf(stderr, "property_malloc: 1 to %u threads\n", MAX_THREADS);
        return UNUSABLE_ARGUMENTS;
    }
    largest_bytes = number_from_args(argc, argv, "--largest", largest_bytes);
    forks = forks != 0 ? scaled_rounds(forks) : 0;
    for (size_t i = 0; i < SLOTS; i++) {
        pthread_mutex_init(&slots[i].lock, NULL);
    }
    for (size_t i = 0; i < threads; i++) {
        workers[i].random = random_from(seed + i * 0x10001u);
        workers[i].ops = ops / threads;
        workers[i].ops_per_fork = forks != 0 ? ops / forks : 0;
    }
    quarry_malloc_stats_get(&before);
    run_workers(workers, threads);
    bool agreed = free_all_and_compare(&before);
    puts(agreed ? "agreed" : "DISAGREED: not everything came back");
    return agreed ? 0 : 1;
}
