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
#include <pthread.h>
#include <quarry/shared.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zephyr/kernel.h>
#include "core/heap.h"
#include "../support/random.h"

#define MAX_PROCESSES 16u
#define BLOCKS        10u
#define BLOCK_BYTES   64u
#define HEAP_BYTES    6000u
#define MOST_BYTES    900u
#define MAX_WAITERS   5u /* fewer than threads: some find no place */
#define PLACES        3u /* blocks that a thread may have of each kind */
#define THREADS       2u /* of a worker */
#define SOME_CALLS    3u
#define HANG_SECONDS  60u
#define EXIT_ARGS     2

/* What a thread knows of a block of its own; others may look. */
enum holding_state { NOTHING, TAKING, HELD, RESIZING, GIVING };

struct holding {
    uint32_t state; /* atomic: enum holding_state; written last when it becomes HELD */
    uint32_t bytes;
    uint64_t offset; /* from the start of the shared memory */
    uint64_t stamp;  /* tells what is in the block */
};

enum kind { IN_SLAB, IN_HEAP, KINDS };

/* A thread of a worker. */
struct hand {
    uint64_t calls; /* atomic: that it has made */
    struct holding holdings[KINDS][PLACES];
};

struct worker {
    pid_t process;
    struct hand hands[THREADS];
};

/* Shared, at the same address in all processes. */
struct account {
    uint32_t stop; /* atomic */
    struct worker workers[MAX_PROCESSES];
};

static struct account *account;
static uint64_t seed;
static size_t processes;

/* Shared, at another address in each process. */
static int memory_fd;
static size_t slab_bytes; /* rounded up to a page: there the heap begins */
static size_t memory_bytes;
static char *memory;
static struct k_mem_slab *slab;
static struct k_heap heap;

static _Noreturn void disagree(const char *what, const struct holding *holding)
{
    printf("DISAGREED: %s: process %d, block at %llu of %u bytes, stamp %llx\n", what,
           (int)getpid(), holding == NULL ? 0 : (unsigned long long)holding->offset,
           holding == NULL ? 0 : holding->bytes,
           holding == NULL ? 0 : (unsigned long long)holding->stamp);
    printf("  repeat:  --seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    _exit(1);
}

/* --- Contents --- */

static unsigned char stamp_byte(const struct holding *holding, size_t i)
{
    return (unsigned char)((holding->stamp + i * 0x9e3779b1u) >> 24);
}

static void fill(const struct holding *holding)
{
    for (size_t i = 0; i < holding->bytes; i++) {
        memory[holding->offset + i] = (char)stamp_byte(holding, i);
    }
}

static void verify(const struct holding *holding, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)memory[holding->offset + i] != stamp_byte(holding, i)) {
            disagree("contents have changed", holding);
        }
    }
}

/* --- A worker --- */

static _Thread_local struct hand *self;
static _Thread_local struct random choices;

static size_t below(size_t limit)
{
    return (size_t)random_below(&choices, limit);
}

static void set_state(struct holding *holding, enum holding_state state)
{
    __atomic_store_n(&holding->state, (uint32_t)state, __ATOMIC_SEQ_CST);
}

static bool has_nothing(void)
{
    for (size_t i = 0; i < PLACES; i++) {
        if (self->holdings[IN_SLAB][i].state == HELD || self->holdings[IN_HEAP][i].state == HELD) {
            return false;
        }
    }
    return true;
}

static k_timeout_t some_timeout(void)
{
    switch (below(16)) {
    case 0:
        return K_MSEC(below(3));
    case 1:
    case 2:
        return K_USEC(below(100));
    default:
        return has_nothing() ? K_FOREVER : K_NO_WAIT;
    }
}

static void keep(struct holding *holding, const void *mem, size_t bytes)
{
    holding->offset = (uint64_t)((const char *)mem - memory);
    holding->bytes = (uint32_t)bytes;
    holding->stamp = random_next(&choices);
    fill(holding);
    set_state(holding, HELD);
}

static void take_of_slab(struct holding *holding)
{
    void *mem = NULL;

    set_state(holding, TAKING);
    int result = k_mem_slab_alloc(slab, &mem, some_timeout());
    if (result == 0) {
        keep(holding, mem, BLOCK_BYTES);
        return;
    }
    set_state(holding, NOTHING);
    if (result != -ENOMEM && result != -EAGAIN) {
        disagree("code of k_mem_slab_alloc", holding);
    }
}

static void verify_zero(const char *mem, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (mem[i] != 0) {
            disagree("k_heap_calloc gave something else than zeros", NULL);
        }
    }
}

static void take_of_heap(struct holding *holding)
{
    size_t bytes = random_log_uniform(&choices, MOST_BYTES);
    size_t align = below(2) == 0 ? 0 : (size_t)1 << below(8);
    bool zeroed = below(4) == 0;

    set_state(holding, TAKING);
    char *mem = zeroed ? k_heap_calloc(&heap, 1, bytes, some_timeout())
                       : k_heap_aligned_alloc(&heap, align, bytes, some_timeout());
    if (mem == NULL) {
        set_state(holding, NOTHING);
        return;
    }
    if (zeroed) {
        verify_zero(mem, bytes);
    } else if (align != 0 && (uintptr_t)mem % align != 0) {
        disagree("block is not aligned", holding);
    }
    keep(holding, mem, bytes);
}

static void resize(struct holding *holding)
{
    size_t bytes = random_log_uniform(&choices, MOST_BYTES);
    size_t kept = holding->bytes < bytes ? holding->bytes : bytes;

    verify(holding, holding->bytes);
    set_state(holding, RESIZING);
    char *mem = k_heap_realloc(&heap, memory + holding->offset, bytes,
                               below(8) != 0 ? K_NO_WAIT : K_USEC(below(200)));
    if (mem == NULL) {
        verify(holding, holding->bytes);
        set_state(holding, HELD);
        return;
    }
    holding->offset = (uint64_t)(mem - memory);
    verify(holding, kept);
    keep(holding, mem, bytes);
}

static void give(enum kind kind, struct holding *holding)
{
    verify(holding, holding->bytes);
    set_state(holding, GIVING);
    if (kind == IN_SLAB) {
        k_mem_slab_free(slab, memory + holding->offset);
    } else {
        k_heap_free(&heap, memory + holding->offset);
    }
    set_state(holding, NOTHING);
}

static void make_call(void)
{
    enum kind kind = below(2) == 0 ? IN_SLAB : IN_HEAP;
    struct holding *holding = &self->holdings[kind][below(PLACES)];

    if (below(8) == 0) {
        k_thread_priority_set(k_current_get(), (int)below(4));
    }
    if (holding->state == HELD) {
        if (kind == IN_HEAP && below(2) == 0) {
            resize(holding);
        } else {
            give(kind, holding);
        }
    } else if (kind == IN_SLAB) {
        take_of_slab(holding);
    } else {
        take_of_heap(holding);
    }
    __atomic_store_n(&self->calls, self->calls + 1, __ATOMIC_SEQ_CST);
}

/* Sees the memory at an address of its own. */
static void map_elsewhere(void)
{
    char *before = memory;
    size_t gap = (size_t)sysconf(_SC_PAGESIZE) * (1 + below(1000));

    mmap(NULL, gap, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memory = mmap(NULL, memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
    if (memory == MAP_FAILED || memory == before) {
        disagree("no second mapping", NULL);
    }
    munmap(before, memory_bytes);
    slab = quarry_shared_slab_attach(memory, slab_bytes);
    if (slab == NULL ||
        quarry_shared_heap_attach(&heap, memory + slab_bytes, memory_bytes - slab_bytes) != 0) {
        disagree("cannot attach", NULL);
    }
}

/* A thread's life: whose hand it is, and where its choices begin. */
struct task {
    struct hand *hand;
    uint64_t seed;
};

static void *make_calls(void *arg)
{
    const struct task *task = arg;

    self = task->hand;
    choices = random_from(task->seed);
    while (__atomic_load_n(&account->stop, __ATOMIC_SEQ_CST) == 0) {
        make_call();
    }
    for (size_t i = 0; i < KINDS * PLACES; i++) {
        struct holding *holding = &self->holdings[i / PLACES][i % PLACES];

        if (holding->state == HELD) {
            give(i / PLACES == 0 ? IN_SLAB : IN_HEAP, holding);
        }
    }
    return NULL;
}

static _Noreturn void work(struct worker *worker, uint64_t life)
{
    struct task tasks[THREADS];
    pthread_t threads[THREADS];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    choices = random_from(seed + life);
    map_elsewhere();
    for (size_t i = 0; i < THREADS; i++) {
        tasks[i] = (struct task){&worker->hands[i], seed + life * 0x10001u + i * 0x1000003u};
        if (pthread_create(&threads[i], NULL, make_calls, &tasks[i]) != 0) {
            disagree("cannot create a thread", NULL);
        }
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    _exit(0);
}

/* --- The supervisor --- */

/* What it counts. */
static struct {
    uint64_t lives;
    size_t deaths[KINDS];   /* inside of a call, as quarry_shared_*_check tells */
    size_t returned[KINDS]; /* blocks */
} counts;
static uint32_t deaths_seen[KINDS];
static struct random chance; /* `choices` belongs to workers */

static void start(size_t number)
{
    struct worker *worker = &account->workers[number];

    memset(worker, 0, sizeof(*worker));
    fflush(stdout);
    pid_t process = fork();
    if (process == 0) {
        work(worker, counts.lives);
    }
    if (process < 0) {
        perror("fork");
        exit(EXIT_ARGS);
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
    for (size_t i = 0; i < processes * THREADS; i++) {
        const struct worker *worker = &account->workers[i / THREADS];
        const struct hand *each = &worker->hands[i % THREADS];

        printf("%s process %d, %llu calls, blocks:", each == hand ? "HANGS" : "     ",
               (int)worker->process, (unsigned long long)each->calls);
        for (size_t j = 0; j < KINDS * PLACES; j++) {
            printf(" %u", each->holdings[j / PLACES][j % PLACES].state);
        }
        printf("\n");
    }
    disagree("a thread makes no more calls", NULL);
}

/* Returns once a thread has made some more calls. */
static void await_progress(const struct worker *worker, const struct hand *hand)
{
    uint64_t from = __atomic_load_n(&hand->calls, __ATOMIC_SEQ_CST);
    uint64_t limit_s = now_s() + HANG_SECONDS;

    while (__atomic_load_n(&hand->calls, __ATOMIC_SEQ_CST) < from + SOME_CALLS) {
        if (waitpid(worker->process, NULL, WNOHANG) != 0) {
            disagree("a worker has ended by itself", NULL);
        }
        if (now_s() > limit_s) {
            report_hang(hand);
        }
        k_usleep(100);
    }
}

static void validate(void)
{
    if (!quarry_shared_slab_validate(slab)) {
        disagree("slab is not in order", NULL);
    }
    if (!quarry_shared_heap_validate(&heap)) {
        disagree("heap is not in order", NULL);
    }
}

/* How many blocks a holding may be, by its state. */
static const size_t least_of[] = {[HELD] = 1, [RESIZING] = 1, [GIVING] = 0};
static const size_t most_of[] = {[TAKING] = 1, [HELD] = 1, [RESIZING] = 2, [GIVING] = 1};

/* At least, and at most, so many blocks of a kind the dead one had. */
static void count_blocks(const struct worker *worker, enum kind kind, size_t *least, size_t *most)
{
    *least = *most = 0;
    for (size_t i = 0; i < THREADS * PLACES; i++) {
        const struct holding *holding = &worker->hands[i / PLACES].holdings[kind][i % PLACES];

        *least += least_of[holding->state];
        *most += most_of[holding->state];
        if (holding->state == HELD) {
            verify(holding, holding->bytes);
        }
    }
}

static void bury(const struct worker *worker)
{
    for (enum kind kind = IN_SLAB; kind < KINDS; kind++) {
        bool is_slab = kind == IN_SLAB;
        int checked = is_slab ? quarry_shared_slab_check(slab, &deaths_seen[kind])
                              : quarry_shared_heap_check(&heap, &deaths_seen[kind]);
        size_t least;
        size_t most;

        counts.deaths[kind] += checked == -EOWNERDEAD;
        validate();
        count_blocks(worker, kind, &least, &most);
        size_t returned = is_slab ? quarry_shared_slab_reclaim(slab, worker->process)
                                  : quarry_shared_heap_reclaim(&heap, worker->process);
        if (returned < least || returned > most) {
            printf("%zu blocks instead of %zu to %zu came back\n", returned, least, most);
            disagree(is_slab ? "blocks of the slab" : "blocks of the heap", NULL);
        }
        counts.returned[kind] += returned;
        validate();
    }
}

static void kill_one(void)
{
    size_t number = (size_t)random_below(&chance, processes);
    struct worker *worker = &account->workers[number];
    int status;

    k_usleep((int32_t)random_below(&chance, 10000));
    kill(worker->process, SIGKILL);
    if (waitpid(worker->process, &status, 0) != worker->process || !WIFSIGNALED(status) ||
        WTERMSIG(status) != SIGKILL) {
        disagree("a worker has ended by itself", NULL);
    }
    bury(worker);
    start(number);
    for (size_t i = 0; i < processes * THREADS; i++) {
        const struct worker *each = &account->workers[i / THREADS];

        await_progress(each, &each->hands[i % THREADS]);
    }
}

static void stop_all(void)
{
    __atomic_store_n(&account->stop, 1, __ATOMIC_SEQ_CST);
    for (size_t i = 0; i < processes; i++) {
        uint64_t limit_s = now_s() + HANG_SECONDS;
        int status = 0;
        pid_t ended;

        while ((ended = waitpid(account->workers[i].process, &status, WNOHANG)) == 0) {
            if (now_s() > limit_s) {
                report_hang(NULL);
            }
            k_usleep(1000);
        }
        if (ended < 0 || status != 0) {
            disagree("a worker did not end well", NULL);
        }
    }
}

static void make_memory(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t heap_bytes = quarry_shared_heap_bytes(HEAP_BYTES, MAX_WAITERS);

    account = mmap(NULL, sizeof(*account), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                   0);
    slab_bytes = quarry_shared_slab_bytes(BLOCK_BYTES, BLOCKS, MAX_WAITERS);
    slab_bytes = (slab_bytes + page - 1) / page * page;
    memory_bytes = slab_bytes + heap_bytes;
    memory_fd = memfd_create("property_shared", MFD_CLOEXEC);
    if (account == MAP_FAILED || memory_fd < 0 || ftruncate(memory_fd, (off_t)memory_bytes) != 0) {
        perror("memfd_create");
        exit(EXIT_ARGS);
    }
    memory = mmap(NULL, memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
    slab = quarry_shared_slab_create(memory, slab_bytes, BLOCK_BYTES, BLOCKS, MAX_WAITERS);
    if (slab == NULL || quarry_shared_heap_create(&heap, memory + slab_bytes, heap_bytes,
                                                  HEAP_BYTES, MAX_WAITERS) != 0) {
        disagree("cannot create", NULL);
    }
}

static size_t number_argument(int argc, char **argv, const char *name, size_t usual)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            char *end;
            errno = 0;
            unsigned long long value = strtoull(argv[i + 1], &end, 0);
            if (*argv[i + 1] == '\0' || *end != '\0' || errno != 0) {
                fprintf(stderr, "property_shared: not a number: %s\n", argv[i + 1]);
                exit(EXIT_ARGS);
            }
            return (size_t)value;
        }
    }
    return usual;
}

/* Whether everything came back. */
static bool is_all_back(size_t largest_before)
{
    uint64_t calls = 0;

    validate();
    for (size_t i = 0; i < processes; i++) {
        calls += account->workers[i].hands[0].calls + account->workers[i].hands[1].calls;
    }
    printf("%llu lives; killed inside of a call: %zu of the slab, %zu of the heap; came back: %zu "
           "blocks of the slab, %zu of the heap; the last workers made %llu calls\n",
           (unsigned long long)counts.lives, counts.deaths[IN_SLAB], counts.deaths[IN_HEAP],
           counts.returned[IN_SLAB], counts.returned[IN_HEAP], (unsigned long long)calls);
    return k_mem_slab_num_used_get(slab) == 0 &&
           heap_largest_allocatable_bytes(&heap.heap) == largest_before;
}

int main(int argc, char **argv)
{
    seed = random_seed_from_args(argc, argv);
    size_t kills = scaled_rounds(number_argument(argc, argv, "--kills", 200));
    processes = number_argument(argc, argv, "--processes", 4);
    if (processes < 1 || processes > MAX_PROCESSES) {
        fprintf(stderr, "property_shared: 1 to %u processes\n", MAX_PROCESSES);
        return EXIT_ARGS;
    }
    chance = random_from(seed);
    make_memory();
    size_t largest = heap_largest_allocatable_bytes(&heap.heap);
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
