/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes of property_shared.c do with the slab and the heap that they share, and the
 * account of it, which they keep for the supervisor. */
#ifndef QUARRY_TESTS_SHARED_WORKER_H
#define QUARRY_TESTS_SHARED_WORKER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <quarry/shared.h>

#define WORKERS_MAX        16u
#define WORKER_THREADS     2u /* of a worker */
#define WORKER_PLACES      3u /* blocks that a thread may have of each kind */
#define WORKER_BLOCK_BYTES 64u

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
    struct holding holdings[KINDS][WORKER_PLACES];
};

struct worker {
    pid_t process;
    struct hand hands[WORKER_THREADS];
};

/* Shared, at the same address in all processes. */
struct account {
    uint32_t stop; /* atomic: workers are to give everything back and end */
    struct worker workers[WORKERS_MAX];
};

/* A memfd with the slab and the heap; each process sees it at another address. */
struct worker_memory {
    int fd;
    size_t slab_bytes; /* a multiple of a page: there the heap begins */
    size_t bytes;
    char *start;
    struct k_mem_slab *slab;
    struct k_heap heap;
};

/* Set by the supervisor, and inherited. */
extern struct account *worker_account;
extern struct worker_memory worker_memory;
extern uint64_t worker_seed;

/* Says what is wrong, and how to repeat it, and ends the process with 1. holding may be NULL. */
_Noreturn void worker_disagree(const char *what, const struct holding *holding);

/* Disagrees unless the first bytes of a block are as its holder has written them. */
void worker_verify(const struct holding *holding, size_t bytes);

/* The life of a worker's process; the seed and its number, a new one for each, are behind all that
 * it chooses. */
_Noreturn void worker_live(struct worker *worker, uint64_t life);

#endif
