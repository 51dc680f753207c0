/* SPDX-License-Identifier: Apache-2.0 */
/* What a program keeps of memory that it used for something else before: the situation that
 * M. Johnstone and P. Wilson, "The Memory Fragmentation Problem: Solved?", ISMM 1998, and B. Powers
 * and others, "Mesh: Compacting Memory Management for C/C++ Applications", PLDI 2019, speak of.
 *
 *   1. full       many small blocks
 *   2. thinned    most of them are freed, at random: hardly a page has none left
 *   3. refilled   blocks of other sizes, of as many bytes as were freed
 *   4. empty      all is freed
 *
 * Each figure is the process's resident memory after a pause in which nothing happens. `thinned`
 * shows what goes back to the system, `refilled` over `full` what could be used for other sizes or
 * went back: live bytes are the same in both, so that 100 % is a perfect heap. */
#include <stdlib.h>
#include <time.h>
#include "block.h"
#include "resident.h"
#include "workload.h"

#define NS_PER_MILLISECOND      1000000
#define MILLISECONDS_PER_SECOND 1000u
#define BLOCKS_PER_SAMPLE_SHARE 64u /* samples in each phase */

static uint64_t blocks = 1000000;
static uint64_t least = 16;
static uint64_t most = 512;
static uint64_t other_least = 1024;
static uint64_t other_most = 32768;
static uint64_t freed_percent = 90;
static uint64_t pause_milliseconds = 200;

static const struct workload_option options[] = {
    {"blocks", "of the first phase, times scale", &blocks, 1, 100000000, NULL, NULL},
    {"least", "bytes of a block of the first phase; sizes are log-uniform", &least, 1,
     WORKLOAD_MOST_BYTES, NULL, NULL},
    {"most", "bytes of a block of the first phase", &most, 1, WORKLOAD_MOST_BYTES, NULL, NULL},
    {"other-least", "bytes of a block of the third", &other_least, 1, WORKLOAD_MOST_BYTES, NULL,
     NULL},
    {"other-most", "bytes of a block of the third", &other_most, 1, WORKLOAD_MOST_BYTES, NULL,
     NULL},
    {"freed-percent", "of the first phase's blocks", &freed_percent, 1, 100, NULL, NULL},
    {"pause-milliseconds", "before memory is looked at", &pause_milliseconds, 0, 100000, NULL,
     NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

static const struct workload workload = {
    "phase_change", "Small blocks, most of them freed at random, then blocks of other sizes.",
    options, 1, true};

static struct random randomness;
static uint64_t operations;
static uint64_t check;
static uint64_t live_bytes; /* asked for and not freed */
static struct block *table;
static size_t table_count; /* blocks in use are at its beginning */
static size_t sample_interval;

static void sample_now_and_then(void)
{
    if (operations % sample_interval == 0) {
        (void)workload_sample();
    }
}

static void allocate(size_t least_bytes, size_t most_bytes)
{
    struct block *block = &table[table_count++];

    block_allocate_random(block, &randomness, least_bytes, most_bytes);
    block_touch_pages(block);
    live_bytes += block->bytes;
    operations++;
    sample_now_and_then();
}

/* One at random; the last takes its place. */
static void release_any(void)
{
    size_t which = random_below(&randomness, table_count);

    live_bytes -= table[which].bytes;
    check += block_release(&table[which]);
    table[which] = table[--table_count];
    operations++;
    sample_now_and_then();
}

static struct resident look_after_pause(void)
{
    struct timespec pause = {(time_t)(pause_milliseconds / MILLISECONDS_PER_SECOND),
                             (long)(pause_milliseconds % MILLISECONDS_PER_SECOND) *
                                 NS_PER_MILLISECOND};

    workload_clock_stop();
    while (nanosleep(&pause, &pause) != 0) {
        /* a signal: the rest */
    }
    (void)workload_sample();
    workload_clock_start();
    return resident_exactly();
}

static double percent_of(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

/* The work and its check; `seen` gets what is resident after each phase. */
static void run_phases(size_t count, struct resident seen[4])
{
    size_t keep = count - count * freed_percent / 100;
    uint64_t full_bytes;

    while (table_count < count) {
        allocate(least, most);
    }
    full_bytes = live_bytes;
    workload_metric("live_full_bytes", (double)live_bytes);
    seen[0] = look_after_pause();
    while (table_count > keep) {
        release_any();
    }
    workload_metric("live_thinned_bytes", (double)live_bytes);
    seen[1] = look_after_pause();
    while (live_bytes < full_bytes && table_count < 2 * count) {
        allocate(other_least, other_most);
    }
    workload_metric("live_refilled_bytes", (double)live_bytes);
    seen[2] = look_after_pause();
    while (table_count > 0) {
        release_any();
    }
    seen[3] = look_after_pause();
}

static void report(uint64_t base, const struct resident seen[4])
{
    double full = (double)seen[0].rss_bytes - (double)base;
    double thinned = (double)seen[1].rss_bytes - (double)base;
    double refilled = (double)seen[2].rss_bytes - (double)base;

    workload_metric("rss_base_bytes", (double)base);
    workload_metric("rss_full_bytes", (double)seen[0].rss_bytes);
    workload_metric("rss_thinned_bytes", (double)seen[1].rss_bytes);
    workload_metric("rss_refilled_bytes", (double)seen[2].rss_bytes);
    workload_metric("rss_after_free_bytes", (double)seen[3].rss_bytes);
    workload_metric("lazy_free_thinned_bytes", (double)seen[1].lazy_free_bytes);
    workload_metric("lazy_free_after_free_bytes", (double)seen[3].lazy_free_bytes);
    workload_metric("thinned_over_full_percent", percent_of(thinned, full));
    workload_metric("refilled_over_full_percent", percent_of(refilled, full));
}

int main(int argc, char **argv)
{
    struct resident seen[4];
    size_t count;
    uint64_t base;

    workload_begin(&workload, argc, argv);
    if (least > most || other_least > other_most) {
        workload_refuse("the least size is above the most");
    }
    count = workload_scaled(blocks, 1);
    randomness = random_of(workload_seed, 0);
    table = workload_table(2 * count, sizeof(*table));
    sample_interval = count / BLOCKS_PER_SAMPLE_SHARE + 1;
    base = resident_exactly().rss_bytes;
    (void)workload_sample();
    workload_clock_start();
    run_phases(count, seen);
    workload_clock_stop();
    workload_count(operations, check);
    report(base, seen);
    return workload_end();
}
