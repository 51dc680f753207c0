/* SPDX-License-Identifier: Apache-2.0 */
/* A slab: one slice or some, cut into blocks of one size class, and the descriptor of it.
 *
 *    descriptor: | free | used | ... |
 *                   |
 *                   v
 *    slices:     | used | link | used | link | used | unthreaded ...        |
 *
 * Blocks come in three states: in use, or on a cache's head list; on `free`; never threaded, which
 * are the last ones. So a slab touches its memory page by page, as it is needed.
 *
 * A slab belongs to one thread's cache, which alone changes it (thread_cache.c); but its owner's
 * signal handlers may free blocks at any moment, as may an interrupted free go on. Hence:
 *
 *   1. `free` is changed by single instructions (own.h).
 *   2. `used` is never lower than the number of blocks that are in use or on a head list: a free
 *      counts first, and then pushes.
 *
 * A large block is a run of slices with a descriptor of the same kind, of class 0 (run.c).
 *
 *   3. `slices` is 0 but in the descriptor of the first slice of a slab or run that is taken;
 *      `owner` is 0 but in those of a slab's that is taken.
 *   4. So what `lead` says is right, or leads to a descriptor that has too few slices for it: for a
 *      slice which is in a taken slab has its own, and those in a run keep what was there. */
#ifndef QUARRY_PROCESS_SLAB_H
#define QUARRY_PROCESS_SLAB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/check.h"
#include "os/sanitized.h"
#include "process/size_class.h"
#include "process/slices.h"

struct thread_cache;

struct slab {
    void *free;        /* blocks that were given back, linked; owner's */
    uintptr_t owner;   /* slab_owner_at, for who has it; an orphan's: flags below */
    uint32_t used;     /* rule 2; owner's */
    uint32_t threaded; /* blocks that were ever on a list; owner's */
    uint32_t blocks;   /* in all; constant while taken */
    uint32_t slices;   /* constant while taken, but for a run; rule 3 */
    uint32_t lead;     /* how many slices before this one the slab's first is; constant likewise */
    uint32_t size_class; /* constant likewise; 0: a run */
    struct slab *next;   /* on a list of the cache, or of orphans */
    struct slab *previous;
    _Atomic(struct thread_cache *) cache; /* whose it is; NULL: nobody's */
};

/* Of an orphan: all its blocks are in use. */
#define SLAB_SET_ASIDE ((uintptr_t)1)
/* Of an orphan: it is on no list yet (orphans.c). */
#define SLAB_ARRIVES ((uintptr_t)2)

_Static_assert(sizeof(struct slab) == 64, "a descriptor is a cache line");

/* `owner` of slabs of the calling thread that are where the address is: no other living thread's,
 * and not of what is in another window of addresses (slice_window.c). */
static inline uintptr_t slab_owner_at(const void *address)
{
    return (uintptr_t)__builtin_thread_pointer() + ((uintptr_t)address >> SLICE_WINDOW_SHIFT);
}

static inline struct slab *slab_of_slice(size_t slice)
{
    return &slice_range_slabs[slice];
}

static inline uintptr_t slab_owner(const struct slab *slab)
{
    return __atomic_load_n(&slab->owner, __ATOMIC_RELAXED);
}

/* Whether the calling thread has the slab that a block is in, by the descriptor of its first slice;
 * false for any other one that slice_window_slab finds for an address. */
static inline bool slab_is_own(const struct slab *slab, const void *block)
{
    return READ_RELAXED(slab->owner) == slab_owner_at(block);
}

static inline void slab_set_owner(struct slab *slab, uintptr_t owner)
{
    __atomic_store_n(&slab->owner, owner, __ATOMIC_RELAXED);
}

/* The descriptor of the slice that holds an address; NULL if none does. */
static inline struct slab *slab_at(const void *address)
{
    size_t slice = slice_of(address);

    return slice_is_known(slice) ? slab_of_slice(slice) : NULL;
}

/* That of the slab's first slice, for the address of a block in use. */
static inline struct slab *slab_first(struct slab *slab)
{
    return slab - slab->lead;
}

/* Number of a descriptor's slice. */
static inline size_t slab_slice(const struct slab *slab)
{
    return (size_t)(slab - slice_range_slabs);
}

static inline void *slab_start(const struct slab *slab)
{
    return slice_start(slab_slice(slab));
}

static inline bool slab_is_run(const struct slab *slab)
{
    return slab->size_class == 0;
}

/* Does not return: nobody has the slice that the address is in, or a run has whose first it is not.
 */
_Noreturn void slab_refuse(const struct slab *slab, const void *block);

/* The slab or run of a block, by its first slice; NULL if the address is in no slice, as NULL is.
 * Does not return if it is in one that nobody has, or not aligned: what can be seen at the price of
 * a few instructions. */
static inline struct slab *slab_of_block(const void *block)
{
    struct slab *slab = slab_at(block);

    if (slab == NULL) {
        return NULL;
    }
    struct slab *first = slab_first(slab);
    if (__builtin_expect(slab->lead >= first->slices, 0)) {
        slab_refuse(slab, block);
    }
    REQUIRE((uintptr_t)block % (1u << SIZE_CLASS_STEP_SHIFT) == 0,
            "address is not aligned as a block of a slab is", NULL, block);
    return first;
}

/* A new slab that belongs to nobody yet; NULL if there is no memory. */
struct slab *slab_make(size_t size_class);

/* Ends a slab of which no block is used. */
void slab_drop(struct slab *slab);

/* Slices that were taken are a run now. */
void slab_make_run(size_t slice, uint32_t slices);

/* Ends a run, whose slices are then the caller's; returns how many. */
size_t slab_drop_run(struct slab *run);

/* Linked blocks; none: first is NULL. */
struct block_list {
    void *first;
    uint32_t count;
};

/* Takes all free blocks, of which there are some. Owner. */
struct block_list slab_take_free(struct slab *slab);

/* Of a short list. */
#define SLAB_LIST_BLOCKS 256u

/* Takes no more than so many, unless a handler frees one meanwhile: then all. Owner. */
struct block_list slab_take_some_free(struct slab *slab);

/* In the real-time mode, where their memory is there already, no more than so many are taken at a
 * time that were never used. */
#define SLAB_PORTION_BLOCKS 16u

/* Takes those of one more page that were never used, a short list. Owner. */
struct block_list slab_thread_page(struct slab *slab);

/* Takes the next block that was never used, if it is to be handed out alone; else NULL. It is not
 * touched: malloc takes no page fault where who writes to the block would. Alone are the first
 * block that begins on a page, so that the others, which are linked, find the page there; a slab's
 * first block among these, so that the call which makes a slab, or even more slices usable, does no
 * more than that; and those behind which a page ends. Owner. */
void *slab_take_untouched(struct slab *slab);

static inline bool slab_has_room(const struct slab *slab)
{
    return slab->threaded < slab->blocks;
}

/* Makes `used` right, which handlers' frees may have left too high (slab_take_free); returns by how
 * much it was. Looks at all free blocks. Owner, busy. */
uint32_t slab_correct_used(struct slab *slab);

/* Gives blocks back, a chain of `count` from first to last. Owner. */
void slab_give_chain(struct slab *slab, void *first, void *last, uint32_t count);

#endif
