/* SPDX-License-Identifier: Apache-2.0 */
/* Threads, clocks, tables and the ways to end. Options are in options.c, the result in result.c.
 *
 *   1. What is the workload's own comes from mmap or is static: malloc sees the workload's calls
 *      and those of the C library's threads, nothing else.
 *   2. A worker writes no cache line of another one's.
 *   3. Of several threads that fail, one writes its line. */
#include "workload.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "result.h"

#define LINE_BYTES     256
#define EXIT_WRONG     1
#define EXIT_GIVEN_UP  2
#define SECOND_NS      UINT64_C(1000000000)
#define MILLISECOND_NS 1e6

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* --- Ends ------------------------------------------------------------------------------------- */

static atomic_flag has_ended = ATOMIC_FLAG_INIT;

/* No exit handlers: other threads still run, and the heap may be broken. */
static noreturn void end_with_line(int code, const char *line, size_t length)
{
    if (atomic_flag_test_and_set(&has_ended)) {
        for (;;) {
            (void)pause(); /* for the end that another thread brings */
        }
    }
    if (write(STDERR_FILENO, line, length) < 0) {
        _exit(EXIT_GIVEN_UP);
    }
    _exit(code);
}

static noreturn void end_with(int code, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static noreturn void end_with(int code, const char *format, va_list arguments)
{
    char line[LINE_BYTES];
    int start = snprintf(line, sizeof(line), "%s: ", result_name());
    size_t room = sizeof(line) - (size_t)start - 1;
    int length = vsnprintf(line + start, room, format, arguments);
    size_t used = (size_t)start + ((size_t)length < room ? (size_t)length : room - 1);

    line[used] = '\n';
    end_with_line(code, line, used + 1);
}

void workload_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    end_with(EXIT_WRONG, format, arguments);
}

static noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

static noreturn void give_up(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    end_with(EXIT_GIVEN_UP, format, arguments);
}

void workload_give_up(const char *what)
{
    give_up("the machine has no %s left", what);
}

void workload_refuse(const char *why)
{
    give_up("%s", why);
}

/* --- Amounts and tables ----------------------------------------------------------------------- */

uint64_t workload_scaled(uint64_t amount, uint64_t least)
{
    double scaled = (double)amount * workload_scale;

    return scaled < (double)least ? least : (uint64_t)scaled;
}

uint64_t workload_share(uint64_t total, uint64_t parts, uint64_t index)
{
    return total / parts + (index < total % parts);
}

void *workload_table(size_t count, size_t bytes)
{
    void *table = MAP_FAILED;

    if (count <= SIZE_MAX / bytes) {
        table = mmap(NULL, count * bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    }
    if (table == MAP_FAILED) {
        workload_give_up("memory for a table");
    }
    return table;
}

/* --- Clocks ----------------------------------------------------------------------------------- */

static uint64_t begun_ns;
static uint64_t clock_started_ns;

void workload_begin(const struct workload *workload, int argc, char **argv)
{
    begun_ns = now_ns();
    result_begin(workload);
    options_read(workload, argc, argv);
}

double workload_milliseconds(void)
{
    return (double)(now_ns() - begun_ns) / MILLISECOND_NS;
}

void workload_clock_start(void)
{
    clock_started_ns = now_ns();
}

void workload_clock_stop(void)
{
    result_add_time(now_ns() - clock_started_ns);
}

/* --- Threads ---------------------------------------------------------------------------------- */

pthread_t workload_thread(void *(*run)(void *), void *argument)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, run, argument) != 0) {
        workload_give_up("thread");
    }
    return thread;
}

void workload_join(pthread_t thread)
{
    if (pthread_join(thread, NULL) != 0) {
        workload_give_up("thread to join");
    }
}

static pthread_barrier_t start;

static void *run_worker(void *argument)
{
    struct worker *worker = argument;

    (void)pthread_barrier_wait(&start);
    worker->work(worker);
    return NULL;
}

static struct worker workers[WORKLOAD_MOST_THREADS];

static void run_threads(uint64_t count)
{
    if (pthread_barrier_init(&start, NULL, (unsigned int)count + 1) != 0) {
        workload_give_up("barrier");
    }
    for (uint64_t i = 0; i < count; i++) {
        workers[i].thread = workload_thread(run_worker, &workers[i]);
    }
    workload_clock_start(); /* before: on a busy machine this thread may be back after the others */
    (void)pthread_barrier_wait(&start);
    for (uint64_t i = 0; i < count; i++) {
        workload_join(workers[i].thread);
    }
    workload_clock_stop();
    (void)pthread_barrier_destroy(&start);
}

static void set_up_workers(uint64_t count, void (*work)(struct worker *), void *context)
{
    for (uint64_t i = 0; i < count; i++) {
        workers[i] = (struct worker){
            .index = i, .random = random_of(workload_seed, i), .context = context, .work = work};
    }
}

static void add_up_workers(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        workload_count(workers[i].operations, workers[i].check);
    }
}

void workload_run_threads(uint64_t count, void (*work)(struct worker *), void *context)
{
    set_up_workers(count, work, context);
    run_threads(count);
    add_up_workers(count);
}

void workload_run(uint64_t count, void (*work)(struct worker *), void *context)
{
    if (count > 1) {
        workload_run_threads(count, work, context);
        return;
    }
    set_up_workers(count, work, context);
    workload_clock_start();
    work(&workers[0]);
    workload_clock_stop();
    add_up_workers(count);
}
