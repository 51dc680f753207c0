/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that make up a thread's cache know of each other, and nobody else:
 *
 *    thread_cache.c  blocks and slabs of one thread
 *    cache_mail.c   blocks that others free
 *    orphans.c       slabs of threads that have ended
 *    cache_life.c   how a thread gets a cache and loses it; forks
 *    cache_stats.c  counters, and giving memory back at once
 *
 * "Busy": the calling thread is on the slow way in its own cache. */
#ifndef QUARRY_PROCESS_CACHE_PARTS_H
#define QUARRY_PROCESS_CACHE_PARTS_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/hardened.h"
#include "process/thread_cache.h"

/* --- Any file --- */

/* A list's first slab has the last one as its previous. The first is written at once: orphans_adopt
 * looks at the orphans' without their lock. */
static inline void cache_link(struct slab **list, struct slab *slab)
{
    struct slab *first = *list;

    slab->next = first;
    slab->previous = first != NULL ? first->previous : slab;
    if (first != NULL) {
        first->previous = slab;
    }
    __atomic_store_n(list, slab, __ATOMIC_RELAXED);
}

static inline void cache_unlink(struct slab **list, const struct slab *slab)
{
    struct slab *first = *list;
    struct slab *next = slab->next;

    if (slab == first) {
        __atomic_store_n(list, next, __ATOMIC_RELAXED);
    } else {
        slab->previous->next = next;
    }
    if (next != NULL) {
        next->previous = slab->previous;
    } else {
        first->previous = slab->previous; /* of the last one, but for a list of its own */
    }
}

static inline void cache_link_last(struct slab **list, struct slab *slab)
{
    struct slab *first = *list;

    if (first == NULL) {
        cache_link(list, slab);
        return;
    }
    slab->next = NULL;
    slab->previous = first->previous;
    first->previous->next = slab;
    first->previous = slab;
}

/* Whether it is an orphan without free blocks. */
static inline bool cache_is_set_aside(const struct slab *slab)
{
    return slab_owner(slab) == SLAB_SET_ASIDE;
}

/* Whether it is an orphan that is on no list yet. */
static inline bool cache_arrives(const struct slab *slab)
{
    return slab_owner(slab) == SLAB_ARRIVES;
}

/* The slab is the cache's, which is the calling thread's. With the orphans' lock if it was theirs.
 */
static inline void cache_take_possession(struct thread_cache *cache, struct slab *slab)
{
    slab_set_owner(slab, slab_owner_at(slab_start(slab)));
    atomic_store_explicit(&slab->cache, cache, memory_order_release);
}

static inline void cache_enter(struct thread_cache *cache)
{
    cache->busy = true;
    atomic_signal_fence(memory_order_seq_cst);
}

static inline void cache_leave(struct thread_cache *cache)
{
    atomic_signal_fence(memory_order_seq_cst);
    cache->busy = false;
}

/* --- thread_cache.c --- */

/* A chain of `count` blocks goes back to a slab of the cache, which is busy, or is that of the
 * orphans while their lock is held. */
void cache_bring_home(struct thread_cache *cache, struct slab *slab, void *first, void *last,
                      uint32_t count);

/* Slabs that are compared to find the next current one. */
#define CACHE_CANDIDATES 4u

/* The best of the first slabs on `waiting`, NULL if these have no blocks: one with free blocks
 * rather than such as were never used. Those without are the last ones afterwards. Busy, or the
 * orphans' with their lock. */
struct slab *cache_best_waiting(struct thread_cache *cache, size_t size_class);

/* The class's head list and current slab become an ordinary slab. Busy; not while it is claimed. */
void cache_give_up_current(struct thread_cache *cache, size_t size_class);

/* --- cache_mail.c --- */

/* Sends a chain of `count` blocks to whoever has the slab. Any thread, at any time. */
void mail_send(struct slab *slab, void *first, void *last, uint32_t count);

/* Sends a block some time: with others of its slab, when there are enough. Busy. */
void mail_add(struct thread_cache *cache, struct slab *slab, void *block);

/* Blocks up to this size are not used again by who frees them for others. */
#define CACHE_GO_HOME_BYTES 1024u

/* Whether blocks of a class may be: else what follows is not for them. */
static inline bool mail_can_reuse(size_t size_class)
{
    return size_class > size_class_of(CACHE_GO_HOME_BYTES) && !HARDENED;
}

/* Makes a block of a slab that others have the next one of the cache's own head list, if its thread
 * allocates such blocks; else false. Busy. */
bool mail_reuse(struct thread_cache *cache, struct slab *slab, void *block);

/* A head list begins, of so many blocks. Busy. */
void mail_list_begins(struct thread_cache *cache, size_t size_class, uint32_t count);

/* Takes those blocks out of a list that was a head list which are not of the current slab: they go
 * home, or are added as above. Returns the others, linked. Busy. */
void *mail_add_reused(struct thread_cache *cache, size_t size_class, void *list);

/* Sends what was added so far. Busy. */
void mail_flush(struct thread_cache *cache);

static inline bool mail_is_there(struct thread_cache *cache)
{
    return atomic_load_explicit(&cache->inbox, memory_order_seq_cst) != NULL;
}

/* Whether mail_open would open a letter. */
static inline bool mail_is_left(struct thread_cache *cache)
{
    return __atomic_load_n(&cache->unopened, __ATOMIC_RELAXED) != NULL || mail_is_there(cache);
}

/* Puts at most so many chains in order that were sent to a cache: busy, or with the orphans' lock.
 */
void mail_open(struct thread_cache *cache, unsigned int most);

/* --- orphans.c --- */

extern struct thread_cache orphans; /* guarded by their lock, but for the inbox */

/* For sure with their lock; a guess without. */
static inline bool cache_is_orphan(const struct slab *slab)
{
    return atomic_load_explicit(&slab->cache, memory_order_relaxed) == &orphans;
}

/* Once the options are read, and before anybody uses it. */
void orphans_make_lock(void);

/* Takes the orphans' lock; false iff somebody has it. */
bool orphans_try(void);
void orphans_leave(void);
/* Whether the calling thread has the lock, or is about to take it: it may be a handler's. */
bool orphans_are_held(void);

/* Makes all slabs of a list orphans, but for empty ones. Whoever has the slabs. */
void orphans_add(struct slab **list);

/* There is mail in a cache that no thread has, or had none a moment ago: whoever tends next is to
 * see to it. Any thread, at any time. */
void orphans_call_for(struct thread_cache *without_thread);

/* Puts what was left behind in order, if nobody is at it: at most so many portions, each of which
 * takes constant time. Without the lock. */
void orphans_tend(unsigned int portions);
#define ORPHANS_FEW 2u
#define ORPHANS_ALL UINT_MAX

/* A slab with free blocks, or if that will do with such as were never used, which nobody has any
 * more, and the cache has from then on; or NULL. Busy. */
struct slab *orphans_adopt(struct thread_cache *cache, size_t size_class, bool with_free);

/* Frees a block of an orphan. The cache adopts the slab if it allocates such blocks, too, and has
 * not adopted many since it did: so what its thread frees becomes its next blocks. Else, if few of
 * the slab's blocks are in use, this one goes back at once: the threads to come find it there, and
 * the last one ends the slab. False if neither can be. Busy. */
bool orphans_free(struct thread_cache *cache, struct slab *slab, void *block);

void orphans_before_fork(void);
void orphans_after_fork_in_parent(void);
void orphans_after_fork_in_child(void);

/* --- cache_life.c --- */

/* A cache for the calling thread, which has none; NULL if it can have none. */
struct thread_cache *cache_make_for_thread(void);

/* The calling thread's cache, which it gets with its first small block; NULL if it can have none.
 */
static inline struct thread_cache *cache_of_thread(void)
{
    struct thread_cache *cache = thread_cache;

    return __builtin_expect(cache != &no_cache, 1) ? cache : cache_make_for_thread();
}

/* The same for a thread that has none and frees others' blocks: NULL for the first ones. */
struct thread_cache *cache_make_for_frees(void);

static inline struct thread_cache *cache_of_freeing_thread(void)
{
    struct thread_cache *cache = thread_cache;

    return __builtin_expect(cache != &no_cache, 1) ? cache : cache_make_for_frees();
}

/* The cache is the caller's, if it is nobody's. */
static inline bool cache_claim(struct thread_cache *cache)
{
    return !atomic_exchange_explicit(&cache->in_use, true, memory_order_seq_cst);
}

/* It is nobody's any more. Who has sent a letter and found it in use does no more about it: so its
 * inbox is looked into afterwards. */
static inline void cache_give_back(struct thread_cache *cache)
{
    atomic_store_explicit(&cache->in_use, false, memory_order_seq_cst);
    if (mail_is_left(cache)) {
        orphans_call_for(cache);
    }
}

/* In the child of a fork, if nobody did it yet: slabs of threads that are not here become orphans.
 */
void cache_inherit(void);

#endif
