/* SPDX-License-Identifier: Apache-2.0 */
/* Property test of slabs and heaps that processes share: processes of two threads work on one of
 * each, and are killed at random.
 *
 *     property_shared [--seed N] [--kills N] [--processes N]
 *
 *   supervisor --- SIGKILL ---> worker     waits for it, looks at what it left, gives its blocks
 *        ^                                 back, starts another one in its place
 *        |  account: the blocks of each thread, and what it is about to do with them
 *        +------ worker, worker, worker ... each has mapped the memory at another address
 *
 * After each kill: the slab and the heap are in order, the blocks of the dead one are as it wrote
 * them, as many of them come back as it had (its last call was made or not), and every survivor
 * goes on. Workers verify their own blocks all the time. At the end they are told to stop; then
 * nothing is in use, and the heap is in one piece.
 *
 * Nobody waits for ever who has a block, so that there is always somebody who gives one back.
 *
 * Prints the seed first: it repeats the choices of supervisor and workers, but not their timing.
 * The environment's QUARRY_TEST_SCALE divides the number of kills. Exit: 0 agreed, 1 disagreed, 2
 * unusable arguments. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zephyr/kernel.h>
#include "core/heap.h"
#include "../support/random.h"
#include "shared_worker.h"

#define BLOCKS       10u
#define HEAP_BYTES   6000u
#define MAX_WAITERS  5u /* fewer than threads: some find no place */
#define SOME_CALLS   3u
#define HANG_SECONDS 60u

static size_t processes;

/* What it counts. */
static struct {
    uint64_t lives;
    size_t deaths[KINDS];   /* inside of a call, as quarry_shared_*_check tells */
    size_t returned[KINDS]; /* blocks */
} counts;
static uint32_t deaths_seen[KINDS];
static struct random chance; /* of the supervisor; workers have their own */

static void start(size_t number)
{
    struct worker *worker = &worker_account->workers[number];

    memset(worker, 0, sizeof(*worker));
    fflush(stdout);
    pid_t process = fork();
    if (process == 0) {
        worker_live(worker, counts.lives);
    }
    if (process < 0) {
        perror("fork");
        exit(UNUSABLE_ARGUMENTS);
    }
    worker->process = process;
    counts.lives++;
}

static uint64_t now_s(void)
{
    return (uint64_t)k_uptime_get() / 1000u;
}

static _Noreturn void report_hang(const struct hand *hand)
{
    for (size_t i = 0; i < processes * WORKER_THREADS; i++) {
        const struct worker *worker = &worker_account->workers[i / WORKER_THREADS];
        const struct hand *each = &worker->hands[i % WORKER_THREADS];

        printf("%s process %d, %llu calls, blocks:", each == hand ? "HANGS" : "     ",
               (int)worker->process, (unsigned long long)each->calls);
        for (size_t j = 0; j < KINDS * WORKER_PLACES; j++) {
            printf(" %u", each->holdings[j / WORKER_PLACES][j % WORKER_PLACES].state);
        }
        printf("\n");
    }
    worker_disagree("a thread makes no more calls", NULL);
}

/* A worker ends when it is killed or told to stop. */
static _Noreturn void report_end(const struct worker *worker, int status)
{
    printf("process %d: wait status %x\n", (int)worker->process, (unsigned int)status);
    worker_disagree("a worker has ended by itself", NULL);
}

/* Returns once a thread has made some more calls. */
static void await_progress(const struct worker *worker, const struct hand *hand)
{
    uint64_t from = __atomic_load_n(&hand->calls, __ATOMIC_SEQ_CST);
    uint64_t limit_s = now_s() + HANG_SECONDS;
    int status = 0;

    while (__atomic_load_n(&hand->calls, __ATOMIC_SEQ_CST) < from + SOME_CALLS) {
        if (waitpid(worker->process, &status, WNOHANG) != 0) {
            report_end(worker, status);
        }
        if (now_s() > limit_s) {
            report_hang(hand);
        }
        k_usleep(100);
    }
}

static void validate(void)
{
    if (!quarry_shared_slab_validate(worker_memory.slab)) {
        worker_disagree("slab is not in order", NULL);
    }
    if (!quarry_shared_heap_validate(&worker_memory.heap)) {
        worker_disagree("heap is not in order", NULL);
    }
}

/* How many blocks a holding may be, by its state. */
static const size_t least_of[] = {[HELD] = 1, [RESIZING] = 1, [GIVING] = 0};
static const size_t most_of[] = {[TAKING] = 1, [HELD] = 1, [RESIZING] = 2, [GIVING] = 1};

/* At least, and at most, so many blocks of a kind the dead one had. */
static void count_blocks(const struct worker *worker, enum kind kind, size_t *least, size_t *most)
{
    *least = *most = 0;
    for (size_t i = 0; i < WORKER_THREADS * WORKER_PLACES; i++) {
        const struct holding *holding =
            &worker->hands[i / WORKER_PLACES].holdings[kind][i % WORKER_PLACES];

        *least += least_of[holding->state];
        *most += most_of[holding->state];
        if (holding->state == HELD) {
            worker_verify(holding, holding->bytes);
        }
    }
}

static void bury(const struct worker *worker)
{
    for (enum kind kind = IN_SLAB; kind < KINDS; kind++) {
        bool is_slab = kind == IN_SLAB;
        int checked = is_slab ? quarry_shared_slab_check(worker_memory.slab, &deaths_seen[kind])
                              : quarry_shared_heap_check(&worker_memory.heap, &deaths_seen[kind]);
        size_t least;
        size_t most;

        counts.deaths[kind] += checked == -EOWNERDEAD;
        validate();
        count_blocks(worker, kind, &least, &most);
        size_t returned = is_slab
                              ? quarry_shared_slab_reclaim(worker_memory.slab, worker->process)
                              : quarry_shared_heap_reclaim(&worker_memory.heap, worker->process);
        if (returned < least || returned > most) {
            printf("%zu blocks instead of %zu to %zu came back\n", returned, least, most);
            worker_disagree(is_slab ? "blocks of the slab" : "blocks of the heap", NULL);
        }
        counts.returned[kind] += returned;
        validate();
    }
}

static void kill_one(void)
{
    size_t number = (size_t)random_below(&chance, processes);
    struct worker *worker = &worker_account->workers[number];
    int status;

    k_usleep((int32_t)random_below(&chance, 10000));
    kill(worker->process, SIGKILL);
    if (waitpid(worker->process, &status, 0) != worker->process || !WIFSIGNALED(status) ||
        WTERMSIG(status) != SIGKILL) {
        report_end(worker, status);
    }
    bury(worker);
    start(number);
    for (size_t i = 0; i < processes * WORKER_THREADS; i++) {
        const struct worker *each = &worker_account->workers[i / WORKER_THREADS];

        await_progress(each, &each->hands[i % WORKER_THREADS]);
    }
}

static void stop_all(void)
{
    __atomic_store_n(&worker_account->stop, 1, __ATOMIC_SEQ_CST);
    for (size_t i = 0; i < processes; i++) {
        uint64_t limit_s = now_s() + HANG_SECONDS;
        int status = 0;
        pid_t ended;

        while ((ended = waitpid(worker_account->workers[i].process, &status, WNOHANG)) == 0) {
            if (now_s() > limit_s) {
                report_hang(NULL);
            }
            k_usleep(1000);
        }
        if (ended < 0 || status != 0) {
            report_end(&worker_account->workers[i], status);
        }
    }
}

static void make_memory(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t heap_bytes = quarry_shared_heap_bytes(HEAP_BYTES, MAX_WAITERS);

    worker_account = mmap(NULL, sizeof(*worker_account), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    worker_memory.slab_bytes = quarry_shared_slab_bytes(WORKER_BLOCK_BYTES, BLOCKS, MAX_WAITERS);
    worker_memory.slab_bytes = (worker_memory.slab_bytes + page - 1) / page * page;
    worker_memory.bytes = worker_memory.slab_bytes + heap_bytes;
    worker_memory.fd = memfd_create("property_shared", MFD_CLOEXEC);
    if (worker_account == MAP_FAILED || worker_memory.fd < 0 ||
        ftruncate(worker_memory.fd, (off_t)worker_memory.bytes) != 0) {
        perror("memfd_create");
        exit(UNUSABLE_ARGUMENTS);
    }
    worker_memory.start =
        mmap(NULL, worker_memory.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, worker_memory.fd, 0);
    worker_memory.slab = quarry_shared_slab_create(worker_memory.start, worker_memory.slab_bytes,
                                                   WORKER_BLOCK_BYTES, BLOCKS, MAX_WAITERS);
    if (worker_memory.slab == NULL ||
        quarry_shared_heap_create(&worker_memory.heap,
                                  worker_memory.start + worker_memory.slab_bytes, heap_bytes,
                                  HEAP_BYTES, MAX_WAITERS) != 0) {
        worker_disagree("cannot create", NULL);
    }
}

/* Whether everything came back. */
static bool is_all_back(size_t largest_before)
{
    uint64_t calls = 0;

    validate();
    for (size_t i = 0; i < processes; i++) {
        const struct hand *hands = worker_account->workers[i].hands;

        calls += hands[0].calls + hands[1].calls;
    }
    printf("%llu lives; killed inside of a call: %zu of the slab, %zu of the heap; came back: %zu "
           "blocks of the slab, %zu of the heap; the last workers made %llu calls\n",
           (unsigned long long)counts.lives, counts.deaths[IN_SLAB], counts.deaths[IN_HEAP],
           counts.returned[IN_SLAB], counts.returned[IN_HEAP], (unsigned long long)calls);
    return k_mem_slab_num_used_get(worker_memory.slab) == 0 &&
           heap_largest_allocatable_bytes(&worker_memory.heap.heap) == largest_before;
}

int main(int argc, char **argv)
{
    worker_seed = random_seed_from_args(argc, argv);
    size_t kills = scaled_rounds(number_from_args(argc, argv, "--kills", 200));
    processes = number_from_args(argc, argv, "--processes", 4);
    if (processes < 1 || processes > WORKERS_MAX) {
        fprintf(stderr, "property_shared: 1 to %u processes\n", WORKERS_MAX);
        return UNUSABLE_ARGUMENTS;
    }
    chance = random_from(worker_seed);
    make_memory();
    size_t largest = heap_largest_allocatable_bytes(&worker_memory.heap.heap);
    for (size_t i = 0; i < processes; i++) {
        start(i);
    }
    for (size_t i = 0; i < kills; i++) {
        kill_one();
    }
    stop_all();
    bool agreed = is_all_back(largest);
    puts(agreed ? "agreed" : "DISAGREED: not everything came back");
    return agreed ? 0 : 1;
}
