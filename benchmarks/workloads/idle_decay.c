/* SPDX-License-Identifier: Apache-2.0 */
/* How fast memory goes back to the system after a burst of work: the process allocates much, frees
 * all, and idles.
 *
 * Some allocators give back at once, some after a time, some only when they are called again or
 * have a thread of their own for it, some never. Hence two ways to idle:
 *
 *   still    no thread calls the allocator
 *   ticking  one thread allocates and frees some blocks every now and then, as real programs do
 *
 * The threads that allocated live on and wait, as those of a server's pool. Worker 0 looks at the
 * memory meanwhile. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include "block.h"
#include "resident.h"
#include "workload.h"

#define NS_PER_SECOND      1000000000
#define NS_PER_MILLISECOND 1000000
#define SECOND             1000u /* in milliseconds */

enum { STILL, TICKING };

static const char *const ways[] = {"still", "ticking", NULL};
static uint64_t idle = STILL;
static uint64_t total_bytes = UINT64_C(512) << 20;
static uint64_t least = 16;
static uint64_t most = 262144;
static uint64_t idle_milliseconds = 10000;
static uint64_t sample_milliseconds = 50;
static uint64_t tick_bytes = 100;
static uint64_t tick_blocks = 100;

static const struct workload_option options[] = {
    {"idle", "who calls the allocator meanwhile", &idle, 0, 0, ways, NULL},
    {"bytes", "that are allocated, by all threads together, times scale", &total_bytes, 1,
     UINT64_C(1) << 40, NULL, NULL},
    {"least", "bytes of a block; sizes are log-uniform", &least, 1, WORKLOAD_MOST_BYTES, NULL,
     NULL},
    {"most", "bytes of a block", &most, 1, WORKLOAD_MOST_BYTES, NULL, NULL},
    {"idle-milliseconds", "after all was freed", &idle_milliseconds, 0, 1000000, NULL, NULL},
    {"sample-milliseconds", "between two looks, and two ticks", &sample_milliseconds, 1, 10000,
     NULL, NULL},
    {"tick-bytes", "of a block of a tick", &tick_bytes, 1, 1 << 20, NULL, NULL},
    {"tick-blocks", "that are allocated and freed in a tick", &tick_blocks, 1, 1 << 20, NULL, NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

static const struct workload workload = {
    "idle_decay", "Much is allocated and freed; then, how long does it stay?", options, 0, true};

static pthread_barrier_t everyone;
static struct resident at_base;
static struct resident when_full;
static struct resident when_freed;
static struct resident after_second;
static struct resident after_idle;

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
    struct timespec until = {(time_t)(ns / NS_PER_SECOND), (long)(ns % NS_PER_SECOND)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
        /* a signal: the rest */
    }
}

/* One block after another. */
static void tick(struct worker *worker)
{
    for (uint64_t i = 0; i < tick_blocks; i++) {
        struct block block;

        block_allocate(&block, tick_bytes, (uint32_t)i);
        worker->check += block_release(&block);
        worker->operations += 2;
    }
}

/* Looks at the memory at equal distances; the number of ticks does not depend on their being late.
 */
static void watch(struct worker *worker)
{
    uint64_t freed_ns = now_ns();
    uint64_t steps = idle_milliseconds / sample_milliseconds;
    uint64_t second_step = SECOND / sample_milliseconds;

    for (uint64_t step = 1; step <= steps; step++) {
        sleep_until(freed_ns + step * sample_milliseconds * NS_PER_MILLISECOND);
        (void)workload_sample();
        if (step == second_step) {
            after_second = resident_exactly();
        }
        if (idle == TICKING) {
            tick(worker);
        }
    }
    after_idle = resident_exactly();
}

static void allocate(struct worker *worker, struct block *block)
{
    block_allocate_random(block, &worker->random, least, most);
    block_touch_pages(block);
}

/* How many blocks make `share` bytes: a rehearsal of allocate, with the random numbers to come. */
static size_t count_blocks(struct random random, uint64_t share)
{
    size_t count = 0;

    for (uint64_t bytes = 0; bytes < share; count++) {
        bytes += random_log_uniform(&random, least, most);
        (void)random_bits(&random);
    }
    return count;
}

static void release_at_random(struct worker *worker, struct block *blocks, size_t count)
{
    while (count > 0) {
        size_t which = random_below(&worker->random, count);

        worker->check += block_release(&blocks[which]);
        blocks[which] = blocks[--count];
    }
}

/* Worker 0 looks while all wait. */
static void look(const struct worker *worker, struct resident *seen)
{
    (void)pthread_barrier_wait(&everyone);
    if (worker->index == 0) {
        (void)workload_sample();
        *seen = resident_exactly();
    }
    (void)pthread_barrier_wait(&everyone);
}

static void work(struct worker *worker)
{
    uint64_t share =
        workload_share(workload_scaled(total_bytes, 1), workload_threads, worker->index);
    size_t count = count_blocks(worker->random, share);
    struct block *blocks = workload_table(count + 1, sizeof(*blocks));

    look(worker, &at_base);
    for (size_t i = 0; i < count; i++) {
        allocate(worker, &blocks[i]);
    }
    look(worker, &when_full);
    release_at_random(worker, blocks, count);
    look(worker, &when_freed);
    worker->operations += 2 * count;
    if (worker->index == 0) {
        watch(worker);
    }
    (void)pthread_barrier_wait(&everyone);
}

int main(int argc, char **argv)
{
    workload_begin(&workload, argc, argv);
    if (least > most) {
        workload_refuse("--least is above --most");
    }
    if (pthread_barrier_init(&everyone, NULL, (unsigned int)workload_threads) != 0) {
        workload_give_up("barrier");
    }
    workload_run(workload_threads, work, NULL);
    workload_metric("rss_base_bytes", (double)at_base.rss_bytes);
    workload_metric("rss_full_bytes", (double)when_full.rss_bytes);
    workload_metric("rss_after_free_bytes", (double)when_freed.rss_bytes);
    if (after_second.rss_bytes > 0) {
        workload_metric("rss_after_1_second_bytes", (double)after_second.rss_bytes);
    }
    workload_metric("rss_after_idle_bytes", (double)after_idle.rss_bytes);
    workload_metric("lazy_free_after_idle_bytes", (double)after_idle.lazy_free_bytes);
    return workload_end();
}
