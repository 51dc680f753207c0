/* SPDX-License-Identifier: Apache-2.0 */
/* Caches: which slab serves a thread.
 *
 *    cache, one per thread                            slabs of a size class
 *    heads[class]   --> block --> block --> NULL      taken as a whole from the current slab
 *    current[class] --> | slab |
 *    waiting[class] --> | slab | <--> | slab |        one of the first of them is to be the next
 *    inbox          --> chain --> chain               freed by other threads (cache_mail.c)
 *
 * malloc pops a block off a head list; free pushes one onto the slab it came from. Neither looks at
 * anything else. When a head list is empty, the current slab's free blocks become the next one
 * (some of them, while memory waits to go back: so that this call is not the last for long), or
 * those of another slab, or of an orphan, or those of a page that was not used yet, or another slab
 * is made. No call makes a slab and touches a new page as well (slab_take_untouched).
 *
 * A slab that has no free blocks any more is the last to wait. Nobody hears of it when one of its
 * blocks is freed: what comes back until its turn comes makes one list, which is the longer, the
 * longer it waits. The first ones are looked at, and those that are still full are the last ones
 * again. So no malloc looks at more than a few, and free blocks that they do not have are found
 * later: a class grows by a slab at most for each CACHE_CANDIDATES that had none.
 *
 * Invariants, with the cache not busy:
 *   1. Blocks on a head list are of the current slab of that class, or were freed by the thread and
 *      are others' (cache_mail.c). They count as used in their slabs.
 *   2. A slab is current, or on `waiting`. There, none is in front of a slab that was put first but
 *      such as have blocks, too.
 *   3. Of slabs without a used block a class keeps one, at most, and none of some slices: these are
 *      worth more to other classes.
 *
 * Signal handlers. A handler that interrupts the slow way finds the cache busy: it allocates
 * elsewhere, and what it frees goes into its own inbox. In the fast ways each word is changed by
 * one instruction (own.h). A handler's free that comes between two steps of taking a slab's list
 * makes the slab's count one too high: then it is not given back until somebody asks for the
 * counters, or for memory to be trimmed, in its thread (slab_correct_used). */
#include "process/thread_cache.h"

#include <stdatomic.h>

#include "core/check.h"
#include "process/cache_parts.h"
#include "process/options.h"

/* Letters that a call of malloc opens which does not find a block on its list; and at the most, if
 * it would otherwise take memory that was not used before. */
#define FEW_LETTERS  16u
#define MOST_LETTERS 512u
_Static_assert(FEW_LETTERS >= SLAB_PORTION_BLOCKS, "a letter is opened for each block");
/* After so many blocks that came onto head lists somebody looks whether memory is to go back to the
 * kernel: to ask for the time costs as much as most visits that are for one block. So that a thread
 * which allocates now and then looks as well, lists are short while memory waits. */
#define BLOCKS_PER_LOOK 256
/* The same for slices in runs: for a MiB, which costs so much besides that the time is nothing. */
#define SLICES_PER_LOOK 16u
/* A slab of which less than this part is used is left alone, for it may become empty: larger, and
 * slabs go from class to class, and pages are touched that the next class need not have; smaller,
 * and what a class needs no more stays with it. Measured: with 4, random_replace's four threads use
 * a third more memory; with slabs that are never left alone, what is still there after nine of ten
 * blocks were freed and the rest was replaced a few times is half as much again. */
#define LEAST_USED_PART 16u

/* --- Blocks that come home --- */

static bool has_blocks(const struct slab *slab)
{
    return slab->free != NULL || slab_has_room(slab);
}

/* A slab that is not current has blocks again: its turn comes next. */
static void bring_back(struct thread_cache *cache, struct slab *slab)
{
    struct slab **waiting = &cache->waiting[slab->size_class];

    if (cache_is_set_aside(slab)) {
        cache_unlink(&cache->set_aside, slab);
        slab_set_owner(slab, 0);
    } else {
        cache_unlink(waiting, slab);
    }
    cache_link(waiting, slab);
}

/* Of slabs without a used block a cache keeps one of each class, lest it be made anew at once, if
 * no other one is to be the next; but of those of some slices the current one will do. */
static void drop_if_spare(struct thread_cache *cache, struct slab *slab)
{
    struct slab **waiting = &cache->waiting[slab->size_class];

    if (slab->used != 0 || slab == cache->current[slab->size_class]) {
        return;
    }
    cache_unlink(waiting, slab);
    if (slab->slices == 1 && cache != &orphans && (*waiting == NULL || !has_blocks(*waiting))) {
        cache_link(waiting, slab);
    } else {
        slab_drop(slab);
    }
}

void cache_bring_home(struct thread_cache *cache, struct slab *slab, void *first, void *last,
                      uint32_t count)
{
    bool was_full = !has_blocks(slab);

    slab_give_chain(slab, first, last, count);
    if (cache_arrives(slab)) {
        return;
    }
    if (was_full && slab != cache->current[slab->size_class]) {
        bring_back(cache, slab);
    }
    drop_if_spare(cache, slab);
}

/* --- Blocks for malloc. The cache is busy. --- */

static bool is_left_alone(const struct slab *slab)
{
    return slab->used < slab->blocks / LEAST_USED_PART;
}

/* Free blocks are better than such as were never used, whose memory is yet to come. Of two slabs
 * that have some, the one with more of them is better; of two that are left alone, the fuller one:
 * so the other one may become empty. */
static bool is_better(const struct slab *slab, const struct slab *than)
{
    bool has_free = slab->free != NULL;
    bool is_last_choice = is_left_alone(slab);

    if (has_free != (than->free != NULL)) {
        return has_free;
    }
    if (is_last_choice != is_left_alone(than)) {
        return !is_last_choice;
    }
    return is_last_choice ? slab->used > than->used : slab->used < than->used;
}

static void put_last(struct slab **list, struct slab *slab)
{
    cache_unlink(list, slab);
    cache_link_last(list, slab);
}

struct slab *cache_best_waiting(struct thread_cache *cache, size_t size_class)
{
    struct slab *best = NULL;
    struct slab *next = cache->waiting[size_class];

    for (unsigned int i = 0; i < CACHE_CANDIDATES && next != NULL; i++) {
        struct slab *slab = next;

        next = slab->next;
        if (!has_blocks(slab)) {
            put_last(&cache->waiting[size_class], slab);
        } else if (best == NULL || is_better(slab, best)) {
            best = slab;
        }
    }
    return best;
}

/* A slab with blocks that were in use before, of the first of the cache's own or left by a thread
 * that has ended: off its list, or NULL. */
static struct slab *take_with_free(struct thread_cache *cache, size_t size_class)
{
    struct slab *slab = cache_best_waiting(cache, size_class);

    if (slab == NULL || slab->free == NULL) {
        return orphans_adopt(cache, size_class, true);
    }
    cache_unlink(&cache->waiting[size_class], slab);
    return slab;
}

/* A slab with blocks that were never used, off its list: of the cache's own, or somebody else's, or
 * a new one. */
static struct slab *another_slab(struct thread_cache *cache, size_t size_class)
{
    struct slab *slab = cache_best_waiting(cache, size_class);

    if (slab != NULL) {
        cache_unlink(&cache->waiting[size_class], slab);
        return slab;
    }
    cache_inherit();
    slab = orphans_adopt(cache, size_class, false);
    if (slab == NULL) {
        slab = slab_make(size_class);
        if (slab != NULL) {
            cache_take_possession(cache, slab);
        }
    }
    return slab;
}

/* The current slab waits for its next turn. */
static void let_wait(struct thread_cache *cache, size_t size_class)
{
    struct slab *slab = cache->current[size_class];

    cache->current[size_class] = NULL;
    if (has_blocks(slab)) {
        cache_link(&cache->waiting[size_class], slab);
    } else {
        cache_link_last(&cache->waiting[size_class], slab);
    }
}

/* The current slab has no free blocks (any more): it, or another one, from which blocks can be had;
 * NULL if there is no memory. */
static struct slab *change_current(struct thread_cache *cache, size_t size_class)
{
    struct slab *current = cache->current[size_class];
    bool has_room = current != NULL && slab_has_room(current);
    struct slab *next = take_with_free(cache, size_class);

    if (has_room && next == NULL) {
        return current;
    }
    if (current != NULL) {
        let_wait(cache, size_class);
    }
    if (next == NULL) {
        next = another_slab(cache, size_class);
    }
    cache->current[size_class] = next;
    return next;
}

static struct block_list take_free(struct slab *slab)
{
    return slices_wait() ? slab_take_some_free(slab) : slab_take_free(slab);
}

/* A block, and what is linked to it becomes the head list. */
static void *begin_list(struct thread_cache *cache, size_t size_class, struct slab *slab)
{
    void *block = slab->free == NULL ? slab_take_untouched(slab) : NULL;
    struct block_list list = {block, 1};

    if (block == NULL) {
        list = slab->free != NULL ? take_free(slab) : slab_thread_page(slab);
        void *rest = list.first != NULL ? link_next(list.first) : NULL;
        __atomic_store_n(&cache->heads[size_class], rest, __ATOMIC_RELAXED);
    }
    if (mail_can_reuse(size_class)) {
        mail_list_begins(cache, size_class, list.count);
    }
    cache->handed_out += list.count;
    cache->blocks_to_look -= (int32_t)list.count;
    return list.first;
}

static void *next_block(struct thread_cache *cache, size_t size_class)
{
    struct slab *slab = cache->current[size_class];
    void *block = NULL;

    if (slab == NULL || slab->free == NULL) {
        slab = change_current(cache, size_class);
    }
    while (slab != NULL && block == NULL) {
        block = begin_list(cache, size_class, slab);
        slab = block == NULL ? change_current(cache, size_class) : slab;
    }
    return block;
}

/* Whether there are blocks of the class that were in use before. */
static bool has_free(struct thread_cache *cache, size_t size_class)
{
    const struct slab *current = cache->current[size_class];
    const struct slab *other = cache_best_waiting(cache, size_class);

    return (current != NULL && current->free != NULL) || (other != NULL && other->free != NULL);
}

/* What others have freed may be all that a thread allocates. So mail comes before memory that is
 * not used yet, up to a limit. In the real-time mode the limit is lower, and letters do not pile up
 * all the same: for each block that was never used one letter is opened, if there is one. */
static void collect_mail(struct thread_cache *cache, size_t size_class)
{
    unsigned int most = options_rt() ? FEW_LETTERS : MOST_LETTERS;

    mail_open(cache, FEW_LETTERS);
    for (unsigned int i = FEW_LETTERS;
         i < most && mail_is_left(cache) && !has_free(cache, size_class); i += FEW_LETTERS) {
        mail_open(cache, FEW_LETTERS);
    }
}

static void *refill(struct thread_cache *cache, size_t size_class)
{
    cache->adopted = 0;
    if (mail_is_left(cache)) {
        collect_mail(cache, size_class);
    }
    return next_block(cache, size_class);
}

/* A block of the list, if there is one: a handler may have filled it just now, requests for 0 bytes
 * come with blocks on it, and a pop fails that a handler's pop comes in between of. Busy. */
static void *pop_surely(struct thread_cache *cache, size_t size_class)
{
    void *block;

    do {
        block = thread_cache_pop(cache, size_class);
    } while (block == NULL && !thread_cache_is_claimed(cache, size_class) &&
             __atomic_load_n(&cache->heads[size_class], __ATOMIC_RELAXED) != NULL);
    return block;
}

/* Whether memory is to go back: the cache's to the slices, theirs to the kernel. */
static void look(struct thread_cache *cache)
{
    kept_runs_look(&cache->runs);
    slices_purge_if_due();
}

void *thread_cache_alloc_slowly(size_t size_class)
{
    struct thread_cache *cache = cache_of_thread();
    void *block = NULL;

    size_class += size_class == 0;
    if (cache == NULL || cache->busy) {
        return NULL;
    }
    cache_enter(cache);
    block = pop_surely(cache, size_class);
    if (block == NULL && !thread_cache_is_claimed(cache, size_class)) {
        block = refill(cache, size_class);
    }
    cache_leave(cache);
    if (cache->blocks_to_look <= 0) {
        cache->blocks_to_look = BLOCKS_PER_LOOK;
        look(cache);
    }
    return block;
}

void thread_cache_count_slices(size_t slices)
{
    struct thread_cache *cache = thread_cache;

    if (cache == &no_cache) {
        slices_purge_if_due();
        return;
    }
    own_add(&cache->slices_since_look, (uint32_t)slices);
    if (cache->slices_since_look >= SLICES_PER_LOOK) {
        cache->slices_since_look = 0;
        look(cache);
    }
}

void thread_cache_prepare(void)
{
    const size_t smallest = 1;
    struct thread_cache *cache = cache_of_thread();

    if (cache == NULL || cache->busy) {
        return;
    }
    cache_enter(cache);
    if (cache->heads[smallest] == NULL) {
        void *block = next_block(cache, smallest);

        if (block != NULL) {
            own_push(&cache->heads[smallest], block, block);
        }
    }
    cache_leave(cache);
}

/* Blocks of slabs that others have are used again, or go to these in batches. */
static __attribute__((noinline)) void free_of_others(struct thread_cache *cache, struct slab *slab,
                                                     void *block)
{
    bool reused = mail_can_reuse(slab->size_class) && mail_reuse(cache, slab, block);

    if (!reused && (!cache_is_orphan(slab) || !orphans_free(cache, slab, block))) {
        mail_add(cache, slab, block);
    }
}

void thread_cache_free_slowly(struct slab *slab, void *block)
{
    if (thread_cache_push(slab, block)) {
        return; /* of a slice that is not the slab's first */
    }
    struct thread_cache *cache = cache_of_freeing_thread();
    if (cache == NULL || cache->busy) {
        mail_send(slab, block, block, 1);
        return;
    }
    cache_enter(cache);
    if (atomic_load_explicit(&slab->cache, memory_order_relaxed) == cache) {
        cache_bring_home(cache, slab, block, block, 1);
    } else {
        free_of_others(cache, slab, block);
    }
    cache_leave(cache);
}

/* The blocks of a class's head list go back to their slabs. */
static void give_up_head(struct thread_cache *cache, size_t size_class)
{
    void *list = own_take(&cache->heads[size_class]);
    void *first = mail_can_reuse(size_class) ? mail_add_reused(cache, size_class, list) : list;
    void *last = first;
    uint32_t count = first != NULL;

    while (last != NULL && link_next(last) != NULL) {
        last = link_next(last);
        count++;
    }
    if (first != NULL) {
        slab_give_chain(cache->current[size_class], first, last, count);
        cache->handed_out -= count;
    }
}

void cache_give_up_current(struct thread_cache *cache, size_t size_class)
{
    struct slab *slab = cache->current[size_class];

    if (!thread_cache_is_claimed(cache, size_class)) {
        give_up_head(cache, size_class);
    } else {
        cache->heads[size_class] = NULL; /* the list is that of an interrupted call, and lost */
    }
    if (slab != NULL) {
        let_wait(cache, size_class);
    }
}
