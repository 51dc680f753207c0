/* SPDX-License-Identifier: Apache-2.0 */
/* The time of every single call of a fixed sequence, for a worst case with the machine's noise
 * taken out. Whoever wants that runs this program many times with the same options, and keeps for
 * each call the least of its times: an interrupt does not hit the same call every time, but a lock,
 * a system call, a page fault or a long search does.
 *
 * The sequence is made beforehand from the seed alone:
 *
 *   small    8 bytes to 32 KiB, 20000 blocks live      fill, then free a random one and allocate
 *   large    16 KiB to 1 MiB, 500 live                 another; in the end all are freed, at random
 *   growth   64 vectors that grow by half, 16 bytes to their length of up to 4 MiB, and are freed
 *
 * Timed is the call alone. The program is linked so that functions are found when it starts, for
 * else the first malloc and the first free would be timed with the dynamic linker's search for
 * them, some 2 us each. Between calls a block's ends are written and checked, which brings the
 * lines next to it into the cache before it is freed, as programs do; and the page faults of the
 * block's own bytes are then no part of malloc's time, unless malloc has touched them itself.
 *
 * The file, in the machine's byte order:
 *
 *   offset 0   8 bytes  "qlatency"
 *          8   uint32   version, 1
 *         12   uint32   bytes of a record, 16
 *         16   uint64   records
 *         24   uint32   clock: 0 clock_gettime, 1 the time stamp counter
 *         28   uint32   picoseconds that were taken off each time: the least that timing nothing
 * takes 32   records, in the order of the calls: 0   uint64  time in picoseconds 8   uint32  bytes
 * asked for; of the freed block, if it is free 12   uint8   call: 1 malloc, 2 free, 3 realloc 13
 * uint8   phase: 0 fill, 1 steady, 2 drain 14   uint16  0
 *
 * Everything but the times, clock and offset 28 is the same in every run. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "block.h"
#include "timer.h"
#include "workload.h"

#define SMALL_LEAST  8u
#define SMALL_MOST   32768u
#define SMALL_LIVE   20000u
#define LARGE_LEAST  16384u
#define LARGE_MOST   1048576u
#define LARGE_LIVE   500u
#define GROWTH_LEAST 16u
#define GROWTH_MOST  4194304u
#define GROWTH_LIVE  64u
#define MOST_LIVE    10000000u
#define PS_PER_NS    1000.0

enum { SMALL, LARGE, GROWTH };
enum { MALLOC = 1, FREE, REALLOC };
enum { FILL, STEADY, DRAIN };

static const char *const patterns[] = {"small", "large", "growth", NULL};
static uint64_t pattern = SMALL;
static uint64_t operations = 200000;
static uint64_t live = 0;
static const char *output;

static const struct workload_option options[] = {
    {"pattern", "of sizes and lifetimes", &pattern, 0, 0, patterns, NULL},
    {"operations", "between the first fill and the end, times scale", &operations, 2, 100000000,
     NULL, NULL},
    {"live", "blocks, 0 for the pattern's own number", &live, 0, MOST_LIVE, NULL, NULL},
    {"output", "file for the times of all calls", NULL, 0, 0, NULL, &output},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

static const struct workload workload = {
    "latency", "The time of every single call of a fixed sequence.", options, 1, false};

struct request {
    uint32_t slot;
    uint32_t bytes;
    uint32_t stamp; /* of the block, if it is a new one */
    uint8_t call;
    uint8_t phase;
};

struct header {
    char magic[8];
    uint32_t version;
    uint32_t record_bytes;
    uint64_t records;
    uint32_t clock;
    uint32_t overhead_picoseconds;
};

struct record {
    uint64_t time; /* in ticks, later in picoseconds */
    uint32_t bytes;
    uint8_t call;
    uint8_t phase;
    uint16_t unused;
};

_Static_assert(sizeof(struct header) == 32, "the file's layout");
_Static_assert(sizeof(struct record) == 16, "the file's layout");

/* --- The sequence ----------------------------------------------------------------------------- */

static struct random randomness;
static struct request *requests;
static size_t request_count;
static uint32_t *slot_bytes;   /* 0: none live */
static uint32_t *slot_targets; /* of vectors */

static void request(uint8_t call, uint8_t phase, size_t slot, size_t bytes)
{
    requests[request_count++] = (struct request){(uint32_t)slot, (uint32_t)bytes,
                                                 (uint32_t)random_bits(&randomness), call, phase};
    slot_bytes[slot] = call == FREE ? 0 : (uint32_t)bytes;
}

static void request_malloc(uint8_t phase, size_t slot)
{
    bool is_small = pattern == SMALL;

    request(MALLOC, phase, slot,
            random_log_uniform(&randomness, is_small ? SMALL_LEAST : LARGE_LEAST,
                               is_small ? SMALL_MOST : LARGE_MOST));
}

/* One call after a free one is a malloc of the same slot. */
static void plan_replacing(size_t count)
{
    for (size_t slot = 0; slot < live; slot++) {
        request_malloc(FILL, slot);
    }
    for (size_t i = 0; i < count / 2; i++) {
        size_t slot = random_below(&randomness, live);

        request(FREE, STEADY, slot, slot_bytes[slot]);
        request_malloc(STEADY, slot);
    }
}

static void plan_growing(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t slot = random_below(&randomness, live);
        uint32_t bytes = slot_bytes[slot];

        if (bytes == 0) {
            slot_targets[slot] =
                (uint32_t)random_log_uniform(&randomness, GROWTH_LEAST, GROWTH_MOST);
            request(MALLOC, STEADY, slot, GROWTH_LEAST);
        } else if (bytes >= slot_targets[slot]) {
            request(FREE, STEADY, slot, bytes);
        } else {
            request(REALLOC, STEADY, slot, bytes + bytes / 2);
        }
    }
}

/* In random order: each slot in turn changes its place with one that is still to come. */
static void plan_drain(void)
{
    uint32_t *order = workload_table(live, sizeof(*order));

    for (size_t i = 0; i < live; i++) {
        order[i] = (uint32_t)i;
    }
    for (size_t i = 0; i < live; i++) {
        size_t other = i + random_below(&randomness, live - i);
        uint32_t slot = order[other];

        order[other] = order[i];
        if (slot_bytes[slot] > 0) {
            request(FREE, DRAIN, slot, slot_bytes[slot]);
        }
    }
}

static void plan(void)
{
    static const uint64_t usual_live[] = {SMALL_LIVE, LARGE_LIVE, GROWTH_LIVE};
    size_t count = workload_scaled(operations, 2);

    live = live == 0 ? usual_live[pattern] : live;
    randomness = random_of(workload_seed, pattern);
    requests = workload_table(count + 2 * live, sizeof(*requests));
    slot_bytes = workload_table(live, sizeof(*slot_bytes));
    slot_targets = workload_table(live, sizeof(*slot_targets));
    if (pattern == GROWTH) {
        plan_growing(count);
    } else {
        plan_replacing(count);
    }
    plan_drain();
}

/* --- The calls -------------------------------------------------------------------------------- */

static struct timer timer;

static uint64_t time_malloc(struct block *block, const struct request *wanted)
{
    uint64_t begun = timer_ticks(&timer);
    void *address = malloc(wanted->bytes);
    uint64_t ticks = timer_ticks(&timer) - begun;

    block_stamp(block, address, wanted->bytes, wanted->stamp);
    return ticks;
}

static uint64_t time_realloc(struct block *block, const struct request *wanted)
{
    uint64_t begun = timer_ticks(&timer);
    void *address = realloc(block->address, wanted->bytes);
    uint64_t ticks = timer_ticks(&timer) - begun;

    block_require(address, wanted->bytes);
    block->address = address;
    (void)block_check(block); /* as long as it was */
    block_stamp(block, address, wanted->bytes, block->stamp);
    return ticks;
}

static uint64_t time_free(struct block *block, uint64_t *check)
{
    uint64_t begun;

    *check += block_check(block);
    begun = timer_ticks(&timer);
    free(block->address);
    return timer_ticks(&timer) - begun;
}

static uint64_t time_call(struct block *block, const struct request *wanted, uint64_t *check)
{
    switch (wanted->call) {
    case MALLOC:
        return time_malloc(block, wanted);
    case REALLOC:
        return time_realloc(block, wanted);
    default:
        return time_free(block, check);
    }
}

static void run(struct record *records)
{
    struct block *blocks = workload_table(live, sizeof(*blocks));
    uint64_t check = 0;

    timer_begin(&timer);
    workload_clock_start();
    for (size_t i = 0; i < request_count; i++) {
        const struct request *wanted = &requests[i];

        records[i] = (struct record){time_call(&blocks[wanted->slot], wanted, &check),
                                     wanted->bytes, wanted->call, wanted->phase, 0};
    }
    workload_clock_stop();
    timer_end(&timer);
    workload_count(request_count, check);
}

/* --- The file --------------------------------------------------------------------------------- */

static void write_all(int file, const void *bytes, size_t count)
{
    const char *rest = bytes;

    while (count > 0) {
        ssize_t written = write(file, rest, count);

        if (written <= 0) {
            workload_refuse("--output cannot be written");
        }
        rest += written;
        count -= (size_t)written;
    }
}

static void write_file(const struct record *records)
{
    struct header header = {.magic = {'q', 'l', 'a', 't', 'e', 'n', 'c', 'y'},
                            .version = 1,
                            .record_bytes = sizeof(struct record),
                            .records = request_count,
                            .clock = timer.uses_counter,
                            .overhead_picoseconds =
                                (uint32_t)((double)timer.overhead_ticks * timer.picoseconds)};
    int file = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    if (file < 0) {
        workload_refuse("--output cannot be opened");
    }
    write_all(file, &header, sizeof(header));
    write_all(file, records, request_count * sizeof(*records));
    if (close(file) != 0) {
        workload_refuse("--output cannot be written");
    }
}

int main(int argc, char **argv)
{
    struct record *records;

    workload_begin(&workload, argc, argv);
    plan();
    records = workload_table(request_count, sizeof(*records));
    run(records);
    for (size_t i = 0; i < request_count; i++) {
        records[i].time = timer_picoseconds(&timer, records[i].time);
    }
    if (output != NULL) {
        write_file(records);
    }
    workload_metric("timer_overhead_ns",
                    (double)timer.overhead_ticks * timer.picoseconds / PS_PER_NS);
    workload_metric("timer_step_ns", (double)timer.step_ticks * timer.picoseconds / PS_PER_NS);
    workload_metric("timer_uses_counter", timer.uses_counter);
    return workload_end();
}
