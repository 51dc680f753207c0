/* SPDX-License-Identifier: Apache-2.0 */
/* A thread's slabs: the way of small blocks. The two calls that all programs make all the time are
 * here, to become part of malloc and free. */
#ifndef QUARRY_PROCESS_THREAD_CACHE_H
#define QUARRY_PROCESS_THREAD_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/kept_runs.h"
#include "process/large_counts.h"
#include "process/link.h"
#include "process/own.h"
#include "process/size_class.h"
#include "process/slab.h"

struct census;

/* Blocks of one slab that this thread has freed and its owner does not know of yet. */
struct remote_batch {
    struct slab *slab; /* NULL: empty */
    void *first;       /* freed last */
    void *last;
    uint32_t count;
};

#define REMOTE_BATCHES    64u
#define REMOTE_BATCH_MOST 32u
/* Bytes of a batch that is sent at once, however few blocks it has. */
#define REMOTE_BATCH_BYTES ((size_t)8 << 10)

/* Owner thread and its signal handlers only, unless said otherwise. */
struct thread_cache {
    void *heads[SIZE_CLASSES];             /* blocks to hand out, linked (thread_cache.c, 1) */
    struct size_class_table classes;       /* at hand for malloc; of no_cache: all 0 */
    struct slab *current[SIZE_CLASSES];    /* whose blocks are on the head list; NULL: none */
    struct slab *waiting[SIZE_CLASSES];    /* others; the orphans': that have blocks */
    struct slab *set_aside;                /* of the orphans those that have none; else NULL */
    volatile bool busy;                    /* a call is on the slow way: handlers change nothing */
    _Atomic(bool) in_use;                  /* a living thread has it, or who opens its mail */
    _Atomic(struct thread_cache *) unused; /* the next that no thread has (cache_life.c) */
    _Atomic(bool) is_called;               /* it is called for (orphans.c), or is about to be */
    struct thread_cache *next_called;      /* the next one that is */
    uint32_t forks;            /* that the process had gone through when its thread got it */
    struct thread_cache *next; /* of all caches; constant once it is listed */
    uint64_t handed_out;       /* blocks that came onto head lists, but for those that went back */
    uint64_t resizes;
    struct kept_runs runs;
    struct large_counts large;  /* that its thread has made, freed and resized */
    int32_t blocks_to_look;     /* 0 or less: time to look for memory that is to be given back */
    uint32_t slices_since_look; /* in runs, likewise */
    uint32_t adopted;           /* slabs, by frees, since a call of malloc last came the slow way */
    uint8_t listed[SIZE_CLASSES]; /* cache_mail.c: of a head list, its blocks, or more */
    uint64_t letters;             /* that were opened; whoever may open them */
    uint64_t letter_blocks;       /* blocks in these, likewise */
    void *unopened;               /* letters that were taken out of the inbox */
    /* On a cache line of its own: blocks that others freed; any thread, release. */
    _Atomic(void *) inbox __attribute__((aligned(64)));
    struct remote_batch batches[REMOTE_BATCHES] __attribute__((aligned(64)));
};

/* While a call takes a block off a head list, its head is the number of the class instead, which is
 * at hand: below any block's address, as NULL is. */
#define HEAD_CLAIMED_MOST ((uintptr_t)SIZE_CLASSES)

/* That of threads that have none: always without blocks. */
extern struct thread_cache no_cache;

/* The calling thread's cache; no_cache if it has none (yet, or any more). */
extern _Thread_local struct thread_cache *thread_cache;

/* The first of all caches there ever were; thread_cache.next leads on. */
struct thread_cache *thread_cache_first(void);

/* A block of at least so many bytes, at most SIZE_CLASS_MOST_BYTES. NULL if slabs cannot serve: a
 * signal handler has interrupted the slow way, the thread ends, or there is no memory. */
void *thread_cache_alloc_slowly(size_t size_class);
/* The calling thread has taken so many slices for a run: with each MiB it looks whether memory is
 * to go back. */
void thread_cache_count_slices(size_t slices);
/* `slab` is the block's, by its first slice. */
void thread_cache_free_slowly(struct slab *slab, void *block);

static inline bool thread_cache_is_claimed(const struct thread_cache *cache, size_t size_class)
{
    uintptr_t head = (uintptr_t)__atomic_load_n(&cache->heads[size_class], __ATOMIC_RELAXED);

    return head != 0 && head <= HEAD_CLAIMED_MOST;
}

/* Hides from the compiler that an index is as before: else it computes the address of an element
 * once, with an instruction of its own, where each access can do so by itself. */
#define COMPUTE_ADDRESS_AGAIN(index) __asm__("" : "+r"(index))

/* Takes a block off a head list, or NULL. A handler that comes in between finds the head claimed;
 * one that came before has changed the head, so that the claim fails. */
static inline void *thread_cache_pop(struct thread_cache *cache, size_t size_class)
{
    void *block = __atomic_load_n(&cache->heads[size_class], __ATOMIC_RELAXED);

    COMPUTE_ADDRESS_AGAIN(size_class);
    if (__builtin_expect((uintptr_t)block <= HEAD_CLAIMED_MOST, 0) ||
        __builtin_expect(!own_swap(&cache->heads[size_class], &block, (void *)size_class), 0)) {
        return NULL;
    }
    COMPUTE_ADDRESS_AGAIN(size_class);
    __atomic_store_n(&cache->heads[size_class], link_next(block), __ATOMIC_RELAXED);
    return block;
}

/* Frees a block of a slab that the calling thread owns. False iff it is not that simple. */
static inline bool thread_cache_push(struct slab *slab, void *block)
{
    if (__builtin_expect(!slab_is_own(slab, block), 0)) {
        return false;
    }
    if (__builtin_expect(own_count_down(&slab->used), 0)) {
        own_add(&slab->used, 1); /* the last one: there is more to do */
        return false;
    }
    own_push(&slab->free, block, block);
    return true;
}

/* Before the first cache is made. Again: nothing, what slabs there are stay known. */
void thread_cache_init(void);

/* Does for the calling thread what its first small block would: its cache is made, some slices and
 * their descriptors are usable and touched, and a page of the smallest blocks is on its list. */
void thread_cache_prepare(void);

/* Gives what the calling thread can spare, and the memory of free slices, to the kernel; returns
 * the bytes of the latter. */
size_t thread_cache_trim(void);

/* For the counters: a block kept its place, and changed its size. */
static inline void thread_cache_count_resize(void)
{
    struct thread_cache *cache = thread_cache;

    if (cache != &no_cache) {
        own_add_long(&cache->resizes, 1);
    }
}

/* Around fork, in the thread that forks. */
void thread_cache_before_fork(void);
void thread_cache_after_fork_in_parent(void);
void thread_cache_after_fork_in_child(void);

/* Adds the part of caches and slabs, `settled` as in CENSUS_SETTLED. */
void thread_cache_count(struct census *census, bool settled);

#endif
