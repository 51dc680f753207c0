/* SPDX-License-Identifier: Apache-2.0 */
/* A worker: its threads choose at random what to do next, stamp every block that they get, and look
 * at the stamp whenever they touch it again. Before each call and after it they write into the
 * account what they are about to do, so that whoever buries them knows what they may have had. */
#include "shared_worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <zephyr/kernel.h>
#include "../support/random.h"

#define MOST_BYTES 900u

struct account *worker_account;
struct worker_memory worker_memory;
uint64_t worker_seed;

_Noreturn void worker_disagree(const char *what, const struct holding *holding)
{
    printf("DISAGREED: %s: process %d, block at %llu of %u bytes, stamp %llx\n", what,
           (int)getpid(), holding == NULL ? 0 : (unsigned long long)holding->offset,
           holding == NULL ? 0 : holding->bytes,
           holding == NULL ? 0 : (unsigned long long)holding->stamp);
    printf("  repeat:  --seed %llu\n", (unsigned long long)worker_seed);
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
        worker_memory.start[holding->offset + i] = (char)stamp_byte(holding, i);
    }
}

void worker_verify(const struct holding *holding, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)worker_memory.start[holding->offset + i] != stamp_byte(holding, i)) {
            worker_disagree("contents have changed", holding);
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
    for (size_t i = 0; i < WORKER_PLACES; i++) {
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
    holding->offset = (uint64_t)((const char *)mem - worker_memory.start);
    holding->bytes = (uint32_t)bytes;
    holding->stamp = random_next(&choices);
    fill(holding);
    set_state(holding, HELD);
}

static void take_of_slab(struct holding *holding)
{
    void *mem = NULL;

    set_state(holding, TAKING);
    int result = k_mem_slab_alloc(worker_memory.slab, &mem, some_timeout());
    if (result == 0) {
        keep(holding, mem, WORKER_BLOCK_BYTES);
        return;
    }
    set_state(holding, NOTHING);
    if (result != -ENOMEM && result != -EAGAIN) {
        worker_disagree("code of k_mem_slab_alloc", holding);
    }
}

static void verify_zero(const char *mem, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (mem[i] != 0) {
            worker_disagree("k_heap_calloc gave something else than zeros", NULL);
        }
    }
}

static void take_of_heap(struct holding *holding)
{
    size_t bytes = random_log_uniform(&choices, MOST_BYTES);
    size_t align = below(2) == 0 ? 0 : (size_t)1 << below(8);
    bool zeroed = below(4) == 0;

    set_state(holding, TAKING);
    char *mem = zeroed ? k_heap_calloc(&worker_memory.heap, 1, bytes, some_timeout())
                       : k_heap_aligned_alloc(&worker_memory.heap, align, bytes, some_timeout());
    if (mem == NULL) {
        set_state(holding, NOTHING);
        return;
    }
    if (zeroed) {
        verify_zero(mem, bytes);
    } else if (align != 0 && (uintptr_t)mem % align != 0) {
        worker_disagree("block is not aligned", holding);
    }
    keep(holding, mem, bytes);
}

static void resize(struct holding *holding)
{
    size_t bytes = random_log_uniform(&choices, MOST_BYTES);
    size_t kept = holding->bytes < bytes ? holding->bytes : bytes;

    worker_verify(holding, holding->bytes);
    set_state(holding, RESIZING);
    char *mem = k_heap_realloc(&worker_memory.heap, worker_memory.start + holding->offset, bytes,
                               below(8) != 0 ? K_NO_WAIT : K_USEC(below(200)));
    if (mem == NULL) {
        worker_verify(holding, holding->bytes);
        set_state(holding, HELD);
        return;
    }
    holding->offset = (uint64_t)(mem - worker_memory.start);
    worker_verify(holding, kept);
    keep(holding, mem, bytes);
}

static void give(enum kind kind, struct holding *holding)
{
    worker_verify(holding, holding->bytes);
    set_state(holding, GIVING);
    if (kind == IN_SLAB) {
        k_mem_slab_free(worker_memory.slab, worker_memory.start + holding->offset);
    } else {
        k_heap_free(&worker_memory.heap, worker_memory.start + holding->offset);
    }
    set_state(holding, NOTHING);
}

static void make_call(void)
{
    enum kind kind = below(2) == 0 ? IN_SLAB : IN_HEAP;
    struct holding *holding = &self->holdings[kind][below(WORKER_PLACES)];

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
    char *before = worker_memory.start;
    size_t gap = (size_t)sysconf(_SC_PAGESIZE) * (1 + below(1000));

    mmap(NULL, gap, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    worker_memory.start =
        mmap(NULL, worker_memory.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, worker_memory.fd, 0);
    if (worker_memory.start == MAP_FAILED || worker_memory.start == before) {
        worker_disagree("no second mapping", NULL);
    }
    munmap(before, worker_memory.bytes);
    worker_memory.slab = quarry_shared_slab_attach(worker_memory.start, worker_memory.slab_bytes);
    if (worker_memory.slab == NULL ||
        quarry_shared_heap_attach(&worker_memory.heap,
                                  worker_memory.start + worker_memory.slab_bytes,
                                  worker_memory.bytes - worker_memory.slab_bytes) != 0) {
        worker_disagree("cannot attach", NULL);
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
    while (__atomic_load_n(&worker_account->stop, __ATOMIC_SEQ_CST) == 0) {
        make_call();
    }
    for (size_t i = 0; i < KINDS * WORKER_PLACES; i++) {
        struct holding *holding = &self->holdings[i / WORKER_PLACES][i % WORKER_PLACES];

        if (holding->state == HELD) {
            give(i / WORKER_PLACES == 0 ? IN_SLAB : IN_HEAP, holding);
        }
    }
    return NULL;
}

_Noreturn void worker_live(struct worker *worker, uint64_t life)
{
    struct task tasks[WORKER_THREADS];
    pthread_t threads[WORKER_THREADS];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    choices = random_from(worker_seed + life);
    map_elsewhere();
    for (size_t i = 0; i < WORKER_THREADS; i++) {
        tasks[i] = (struct task){&worker->hands[i], worker_seed + life * 0x10001u + i * 0x1000003u};
        if (pthread_create(&threads[i], NULL, make_calls, &tasks[i]) != 0) {
            worker_disagree("cannot create a thread", NULL);
        }
    }
    for (size_t i = 0; i < WORKER_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    _exit(0);
}
