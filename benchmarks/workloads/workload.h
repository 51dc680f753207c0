/* SPDX-License-Identifier: Apache-2.0 */
/* What all workloads share: options, threads that start together, and the result.
 *
 * A workload is a program that does a fixed amount of work on whichever malloc it finds, and checks
 * it. It ends in one of three ways:
 *
 *   0  all was right. The last line of standard output is a JSON object:
 *        workload    its name
 *        parameters  every option, as it was given; on the same options the work is the same
 *        operations  calls of malloc, calloc, realloc and free
 *        check       16 hexadecimal digits, which do not depend on the allocator nor on time
 *        metrics     numbers by name, units in the name
 *        rss_samples [milliseconds since the start, bytes], from programs that look at them
 *   1  the allocator was wrong: one line on standard error
 *   2  an option is wrong, the output cannot be written, or the machine has no thread or memory
 * left for the workload's own needs
 *
 * Nothing here calls malloc between workload_begin and workload_end. */
#ifndef QUARRY_WORKLOADS_WORKLOAD_H
#define QUARRY_WORKLOADS_WORKLOAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include "random.h"

#define WORKLOAD_MOST_THREADS 256u
#define WORKLOAD_MOST_BYTES   (UINT64_C(1) << 31) /* of a block: see random_log_uniform */

/* An option `--name value`. Values are whole numbers, K M G standing for powers of 1024; or one of
 * the words in `choices`, which counts as its place. */
struct workload_option {
    const char *name;
    const char *meaning;
    uint64_t *value; /* holds the default */
    uint64_t least;
    uint64_t most;
    const char *const *choices; /* ended by NULL; or NULL */
    const char **text;          /* any text, instead of `value`; or NULL */
};

struct workload {
    const char *name;
    const char *meaning;
    const struct workload_option *options; /* ended by one without a name; or NULL */
    uint64_t most_threads;                 /* 0: as many as one likes */
    bool has_samples;                      /* the result has rss_samples */
};

/* The options that all workloads have. Read only. */
extern uint64_t workload_threads;
extern uint64_t workload_seed;
extern double workload_scale;

/* Reads the options; --help and what is wrong with them end the program. */
void workload_begin(const struct workload *workload, int argc, char **argv);

/* `amount` times --scale, at least `least`. */
uint64_t workload_scaled(uint64_t amount, uint64_t least);

/* What the index-th of `parts` does of `total`: the shares add up. */
uint64_t workload_share(uint64_t total, uint64_t parts, uint64_t index);

/* The allocator is at fault. One line on standard error, and exit code 1, whichever thread calls.
 */
noreturn void workload_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Not the allocator's fault: exit code 2. */
noreturn void workload_give_up(const char *what);

/* One line on standard error, and exit code 2: options that do not go together. */
noreturn void workload_refuse(const char *why);

/* A table of the workload's own, zeroed and in memory, that no malloc has part in. It stays. */
void *workload_table(size_t count, size_t bytes);

/* One thread's part, in cache lines of its own. */
struct worker {
    _Alignas(128) uint64_t index; /* 0 to workers - 1 */
    struct random random;         /* a sequence of its own */
    uint64_t operations;          /* calls of the allocator, counted by the worker */
    uint64_t check;               /* sum over what it checked */
    void *context;                /* the workload's */
    void (*work)(struct worker *);
    pthread_t thread;
};

/* `count` workers at once, from a common start; returns when all have ended, and adds up their
 * operations, checks and time. A single worker is the calling thread: a process that never had a
 * second thread is another one to many an allocator. */
void workload_run(uint64_t count, void (*work)(struct worker *), void *context);

/* The same, but a single worker is a thread of its own too. */
void workload_run_threads(uint64_t count, void (*work)(struct worker *), void *context);

/* Starts a thread, or gives up. */
pthread_t workload_thread(void *(*run)(void *), void *argument);
void workload_join(pthread_t thread);

/* Adds to the result. For the main thread. */
void workload_count(uint64_t operations, uint64_t check);

/* For work that workload_run does not do: the time between the two counts, pairs add up. */
void workload_clock_start(void);
void workload_clock_stop(void);

/* Since workload_begin, in milliseconds. */
double workload_milliseconds(void);

/* `name` is a literal with the unit in it. */
void workload_metric(const char *name, double value);

/* Appends the process's resident bytes to rss_samples and returns them. When 400 are there every
 * second one is dropped, and from then on every second call is not kept. For one thread at a time.
 */
uint64_t workload_sample(void);

/* Prints the result. Returns main's. */
int workload_end(void);

#endif
