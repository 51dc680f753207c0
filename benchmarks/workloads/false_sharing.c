/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads in one cache line, after cache-thrash and cache-scratch of E. Berger, K. McKinley,
 * R. Blumofe and P. Wilson, "Hoard: A Scalable Memory Allocator for Multithreaded Applications",
 * ASPLOS 2000.
 *
 * Each thread allocates a small object, writes it over and over, and frees it, again and again.
 *
 *   active   the allocator shares if it cuts a line for two threads that allocate at once
 *   passive  the main thread allocates an object for each thread, side by side; each frees its own
 *            first. The allocator shares if it gives a thread part of a line that it got that way
 *
 * Whether lines are shared shows in time only, and only with as many processors as threads. */
#include <stdlib.h>
#include "block.h"
#include "workload.h"

enum { ACTIVE, PASSIVE };

static const char *const modes[] = {"active", "passive", NULL};
static uint64_t mode = ACTIVE;
static uint64_t object_bytes = 8;
static uint64_t writes = 10000;
static uint64_t objects = 200000;

static const struct workload_option options[] = {
    {"mode", "who cuts the line", &mode, 0, 0, modes, NULL},
    {"bytes", "of an object", &object_bytes, 1, WORKLOAD_MOST_BYTES, NULL, NULL},
    {"writes", "of each object's bytes in turn, before it is freed", &writes, 1, UINT32_MAX, NULL,
     NULL},
    {"objects", "of all threads together, times scale", &objects, 1, UINT32_MAX, NULL, NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

static const struct workload workload = {
    "false_sharing", "Objects of different threads in one cache line.", options, 0, false};

/* Passive: what the main thread allocated for each. */
static struct block given[WORKLOAD_MOST_THREADS];

/* Adds one to each byte in turn, in memory. */
static void write_over(volatile unsigned char *bytes)
{
    size_t at = 0;

    for (uint64_t i = 0; i < writes; i++) {
        bytes[at]++;
        at = at + 1 == object_bytes ? 0 : at + 1;
    }
}

/* What the byte at `at` is after write_over, if it was 0 and nobody else wrote it. */
static unsigned char written(size_t at)
{
    return (unsigned char)(workload_share(writes, object_bytes, at) & UINT8_MAX);
}

static void use_object(struct worker *worker)
{
    unsigned char *object = malloc(object_bytes);

    block_require(object, object_bytes);
    memset(object, 0, object_bytes);
    write_over(object);
    for (size_t at = 0; at < object_bytes; at++) {
        if (object[at] != written(at)) {
            workload_fail("object of %zu bytes at %p was written by another", (size_t)object_bytes,
                          (void *)object);
        }
        worker->check += object[at];
    }
    worker->operations += 2;
    free(object);
}

static void work(struct worker *worker)
{
    uint64_t count = workload_share(workload_scaled(objects, 1), workload_threads, worker->index);

    if (mode == PASSIVE) {
        worker->check += block_release(&given[worker->index]);
        worker->operations++;
    }
    for (uint64_t i = 0; i < count; i++) {
        use_object(worker);
    }
}

int main(int argc, char **argv)
{
    workload_begin(&workload, argc, argv);
    for (uint64_t i = 0; mode == PASSIVE && i < workload_threads; i++) {
        block_allocate(&given[i], object_bytes, (uint32_t)i);
        workload_count(1, 0);
    }
    workload_run(workload_threads, work, NULL);
    return workload_end();
}
