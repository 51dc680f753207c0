/* SPDX-License-Identifier: Apache-2.0 */
/* How a thread gets its cache and loses it, and what the child of a fork makes of others'.
 *
 * A thread gets a cache with its first small block, or when it has freed some of others': that of a
 * thread which has ended, or a new one.
 * When it ends, what it has freed of others' goes on its way, its slabs become orphans, and
 * the cache waits for the next thread. What other destructors of the thread allocate afterwards
 * comes from the arenas.
 *
 * A cache is never unmapped, since letters to it may be on their way. In the real-time mode all but
 * the first lie side by side in slices, so that a new one takes no system call; a slice of theirs
 * has no slab in it, and is never given back.
 *
 * In the child of a fork the other threads' caches have nobody. When the child first wants a slab
 * that somebody may have left, their slabs become orphans, too, each as its thread was interrupted:
 * the order of steps in the fast ways (thread_cache.h) leaves a count too high at worst. A cache
 * that was busy is left as it is, and so are its slabs: their blocks can be freed, and are not used
 * again; one that a thread was about to take is lost. */
#include <limits.h>
#include <string.h>

#include "core/bits.h"
#include "os/os.h"
#include "process/cache_parts.h"
#include "process/options.h"
#include "process/setup.h"
#include "process/variable_page.h"

LAST_OF_VARIABLES struct thread_cache no_cache;
_Thread_local struct thread_cache *thread_cache = &no_cache;

/* Others' blocks that a thread frees before it gets a cache for it, whose batches make up for that.
 */
#define FREES_WITHOUT_CACHE 32u

static _Thread_local volatile bool has_ended; /* the thread gets no cache any more */
static _Thread_local uint32_t frees;          /* without a cache, up to the limit */

static _Atomic(struct thread_cache *) all_caches;
/* Caches that no thread has, as a stack: the first one's address, and in the bits that it leaves a
 * number that each change moves on, so that nobody takes one off whose next has changed meanwhile.
 * No lock: who did not get it would make another cache, which stays for ever. */
static _Atomic(uint64_t) unused;
static WRITTEN_BY_FORK _Atomic(uint32_t) forks; /* that this process has gone through; relaxed */
static WRITTEN_BY_FORK _Atomic(bool) has_inherited; /* of a fork, and not looked at yet */

struct thread_cache *thread_cache_first(void)
{
    return atomic_load_explicit(&all_caches, memory_order_acquire);
}

/* --- To get one --- */

static void enlist(struct thread_cache *cache)
{
    cache->next = atomic_load_explicit(&all_caches, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&all_caches, &cache->next, cache,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

/* The cache is the calling thread's; false iff somebody without a thread in it opens its mail. The
 * forks come first: cache_inherit is not to take it for one that a thread of the parent had. */
static bool begin(struct thread_cache *cache)
{
    uint32_t now = atomic_load_explicit(&forks, memory_order_relaxed);

    __atomic_store_n(&cache->forks, now, __ATOMIC_RELAXED);
    return cache_claim(cache);
}

/* Room for a cache in a slice that has others, or in another slice; NULL if there is none. */
static char *room_in_slices(void)
{
    static _Atomic(char *) next_room; /* where a slice ends: there is no more; at first NULL */
    char *room = atomic_load_explicit(&next_room, memory_order_relaxed);

    for (;;) {
        size_t left = (0 - (uintptr_t)room) % SLICE_BYTES;
        bool is_new = left < sizeof(struct thread_cache);
        size_t slice = is_new ? slices_take(1) : SLICE_NONE;
        char *start = !is_new ? room : slice != SLICE_NONE ? slice_start(slice) : NULL;

        if (start == NULL || atomic_compare_exchange_strong_explicit(
                                 &next_room, &room, start + sizeof(struct thread_cache),
                                 memory_order_relaxed, memory_order_relaxed)) {
            return start;
        }
        if (is_new) {
            slices_give(slice, 1);
        }
    }
}

/* The first one, the main thread's, is a variable: then a program that has no other takes nothing
 * from the system for it, and finds it beside what else each call looks at. */
static struct thread_cache *room_for_first(void)
{
    static BEHIND_OTHER_VARIABLES struct thread_cache first;
    static _Atomic(bool) is_taken;

    return !atomic_exchange_explicit(&is_taken, true, memory_order_relaxed) ? &first : NULL;
}

static struct thread_cache *room_for_other(void)
{
    size_t bytes = round_up(sizeof(struct thread_cache), os_page_bytes());

    if (options_rt()) {
        char *room = room_in_slices();

        return room != NULL ? memset(room, 0, sizeof(struct thread_cache)) : NULL;
    }
    void *room = os_map(bytes, os_page_bytes());
    if (room != NULL) {
        os_name(room, bytes, "quarry thread");
    }
    return room;
}

static struct thread_cache *new_cache(void)
{
    struct thread_cache *first = room_for_first();
    struct thread_cache *cache = first != NULL ? first : room_for_other();

    if (cache != NULL) {
        size_class_table_fill(&cache->classes);
        (void)begin(cache); /* nobody else knows it */
        enlist(cache);
    }
    return cache;
}

/* An address is below 2^48, and a multiple of a cache line. */
#define CHANGE_SHIFT 16u
#define CHANGE_BITS  22u

static struct thread_cache *first_unused(uint64_t word)
{
    return (struct thread_cache *)(uintptr_t)(word >> CHANGE_BITS << (CHANGE_BITS - CHANGE_SHIFT));
}

/* What follows `word` when a cache, or none, comes first. */
static uint64_t changed(uint64_t word, const struct thread_cache *first)
{
    uint64_t change = (word + 1) & (((uint64_t)1 << CHANGE_BITS) - 1);

    return (uint64_t)(uintptr_t)first << CHANGE_SHIFT | change;
}

static void push_unused(struct thread_cache *cache)
{
    uint64_t word = atomic_load_explicit(&unused, memory_order_relaxed);

    do {
        atomic_store_explicit(&cache->unused, first_unused(word), memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&unused, &word, changed(word, cache),
                                                    memory_order_release, memory_order_relaxed));
}

static struct thread_cache *pop_unused(void)
{
    uint64_t word = atomic_load_explicit(&unused, memory_order_acquire);
    struct thread_cache *cache;
    struct thread_cache *next;

    do {
        cache = first_unused(word);
        if (cache == NULL) {
            return NULL;
        }
        next = atomic_load_explicit(&cache->unused, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&unused, &word, changed(word, next),
                                                    memory_order_acquire, memory_order_acquire));
    return cache;
}

static void put_with_unused(struct thread_cache *cache)
{
    cache_give_back(cache);
    push_unused(cache);
}

/* Past one whose mail somebody opens just now, which is one at a time. */
static struct thread_cache *take_unused(void)
{
    struct thread_cache *cache = pop_unused();

    if (cache == NULL || begin(cache)) {
        return cache;
    }
    struct thread_cache *next = take_unused();
    push_unused(cache);
    return next;
}

static struct thread_cache *find_cache(void)
{
    struct thread_cache *cache = take_unused();

    orphans_tend(ORPHANS_FEW);
    return cache != NULL ? cache : new_cache();
}

/* A handler came in between, and the thread has a cache by now. */
static void return_cache(struct thread_cache *cache)
{
    put_with_unused(cache);
    orphans_tend(ORPHANS_FEW);
}

struct thread_cache *cache_make_for_thread(void)
{
    setup();
    if (has_ended || orphans_are_held() || !slice_range_exists()) {
        return NULL;
    }
    struct thread_cache *cache = find_cache();
    if (cache == NULL) {
        return NULL;
    }
    if (thread_cache != &no_cache) {
        return_cache(cache);
        return thread_cache;
    }
    thread_cache = cache;
    os_thread_end_arm();
    return thread_cache;
}

struct thread_cache *cache_make_for_frees(void)
{
    if (frees < FREES_WITHOUT_CACHE) {
        frees++;
        return NULL;
    }
    return cache_make_for_thread();
}

/* --- To lose it --- */

/* What is others' goes to them, all slabs of the cache become orphans, and what it keeps of runs is
 * free. */
static void give_up(struct thread_cache *cache)
{
    kept_runs_give(&cache->runs);
    for (size_t size_class = 1; size_class < SIZE_CLASSES; size_class++) {
        if (cache->current[size_class] != NULL) {
            cache_give_up_current(cache, size_class);
        }
    }
    mail_flush(cache);
    mail_open(cache, UINT_MAX);
    for (size_t size_class = 1; size_class < SIZE_CLASSES; size_class++) {
        orphans_add(&cache->waiting[size_class]);
    }
}

static void end_thread(void)
{
    struct thread_cache *cache = thread_cache;

    if (cache == &no_cache) {
        return;
    }
    cache_enter(cache);
    give_up(cache);
    has_ended = true;
    thread_cache = &no_cache;
    cache->busy = false;
    put_with_unused(cache);
    orphans_tend(ORPHANS_ALL);
    slices_purge_if_due();
}

void thread_cache_init(void)
{
    if (!slice_range_exists() && os_thread_at_end(end_thread)) {
        orphans_make_lock();
        slices_reserve(); /* if refused, all blocks come from the arenas */
    }
}

/* --- Forks --- */

void thread_cache_before_fork(void)
{
    orphans_before_fork();
}

void thread_cache_after_fork_in_parent(void)
{
    orphans_after_fork_in_parent();
}

void thread_cache_after_fork_in_child(void)
{
    uint32_t now = atomic_load_explicit(&forks, memory_order_relaxed) + 1;

    atomic_store_explicit(&forks, now, memory_order_relaxed);
    atomic_store_explicit(&has_inherited, true, memory_order_relaxed);
    if (thread_cache != &no_cache) {
        __atomic_store_n(&thread_cache->forks, now, __ATOMIC_RELAXED);
    }
    slice_range_after_fork();
    orphans_after_fork_in_child();
}

/* A thread of the parent had it. Caches of the child's own threads have seen as many forks as it
 * has; from before they are in use, and so this is looked at last. */
static bool is_of_parent(struct thread_cache *cache)
{
    return atomic_load_explicit(&cache->in_use, memory_order_acquire) &&
           __atomic_load_n(&cache->forks, __ATOMIC_RELAXED) !=
               atomic_load_explicit(&forks, memory_order_relaxed);
}

/* With the orphans' lock. */
static void inherit_from(struct thread_cache *cache)
{
    if (is_of_parent(cache) && !cache->busy) {
        give_up(cache);
        put_with_unused(cache);
    }
}

void cache_inherit(void)
{
    if (!atomic_load_explicit(&has_inherited, memory_order_relaxed) || !orphans_try()) {
        return;
    }
    if (atomic_exchange_explicit(&has_inherited, false, memory_order_relaxed)) {
        for (struct thread_cache *cache = thread_cache_first(); cache != NULL;
             cache = cache->next) {
            inherit_from(cache);
        }
    }
    orphans_leave();
    orphans_tend(ORPHANS_ALL);
}
