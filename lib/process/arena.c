/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas.
 *
 *   thread ---home---> arena: lock, counters ---> ring of regions ---> chunk heap each
 *   block  ---address_map---> region ---> its arena
 *
 * A thread allocates from its home arena, or moves its home to the first one that is not locked. A
 * block goes back to the arena that it came from, whoever frees it.
 *
 * An arena tries its current region, then its others, then commits more memory in one of them, then
 * makes another region. Each further region is twice as large, so that there are few of them however
 * large the process grows: a search over all is a handful of O(1) searches.
 *
 * Giving back. Every CHECK_INTERVAL frees, and when a region becomes empty, the arena looks for free
 * memory at its regions' ends. What stays free for the purge delay goes back to the kernel, an empty
 * region as a whole unless it is the arena's last. The system calls run without the lock: a range is
 * first taken out of the heap, so that nobody can be given it.
 *
 * Locks: arenas are ranked by their number. Code here holds one at a time; only fork holds all.
 *
 * Signal handlers. A handler may interrupt this code anywhere. thread.entered has the bit of every
 * arena that the interrupted code has locked, or is about to lock, or has just unlocked. While it is
 * not zero nobody waits for a lock on this thread: an allocation goes to an arena that is free, and a
 * block whose arena is not free is put on that arena's list of deferred frees, a lock-free stack
 * that is emptied by whoever leaves the arena next.
 *
 * Fork. The forking thread locks all arenas and remembers which in thread.fork_locked; until they
 * are released it passes these locks without taking them, so that fork handlers of other libraries
 * may allocate, in whatever order they were registered. Thread state is thread-local, hence copied
 * to the child right. A handler that forks while this thread is inside an arena leaves that one to
 * the interrupted call, which finishes it in the parent and in the child. */
#include "process/arena.h"

#include <stdatomic.h>
#include <stdint.h>

#include "core/check.h"
#include "core/sys_heap_walk.h"
#include "os/os.h"
#include "os/sync.h"
#include "process/address_map.h"
#include "process/options.h"
#include "process/region.h"
#include <quarry/malloc.h>

#define FIRST_REGION_BYTES   ((size_t)64 << 20)
#define LARGEST_REGION_BYTES ((size_t)4 << 30)
#define LEAST_REGION_BYTES   ((size_t)16 << 20)

/* Frees between two looks at a region's tail: seldom enough to cost nothing. */
#define CHECK_INTERVAL 64u

/* A tail is worth a system call if it is this much larger than what is kept of it. */
#define TRIM_WORTH_BYTES ((size_t)1 << 20)
/* Kept at a region's end: a commit step. */
#define TAIL_KEPT_BYTES ((size_t)1 << 20)

struct deferred_block {
    struct deferred_block *next;
};

struct arena {
    struct lock lock;
    /* All of these: guarded by the lock. */
    struct region *current; /* tried first; a member of the ring of regions, NULL if there is none */
    size_t next_region_bytes;
    uint64_t purge_at_ns; /* when unused memory will have been unused for the delay; 0: there is none */
    uint64_t allocations;
    uint64_t frees;
    uint64_t resizes;
    size_t live_bytes;
    /* Atomic: pushed without the lock; release, because the block's link goes with it. */
    _Atomic(struct deferred_block *) deferred;
} __attribute__((aligned(64))); /* neighbours in the table do not share a cache line */

_Static_assert(ARENA_MAX <= 32, "a thread's arena sets are 32 bits");
_Static_assert(LOCK_RANK_ARENA + ARENA_MAX <= LOCK_RANK_LAST, "each arena has a rank");

static struct arena arenas[ARENA_MAX];
static _Atomic(unsigned int) threads_begun; /* relaxed: only spreads threads */

/* Owner thread and its signal handlers only. */
static _Thread_local struct {
    struct arena *home;             /* NULL: has not allocated yet */
    volatile uint32_t entered;      /* see the essay above */
    volatile uint32_t fork_locked;
} thread;

static unsigned int index_of(const struct arena *arena)
{
    return (unsigned int)(arena - arenas);
}

static uint32_t bit_of(const struct arena *arena)
{
    return (uint32_t)1 << index_of(arena);
}

void arena_init(void)
{
    for (unsigned int i = 0; i < ARENA_MAX; i++) {
        arenas[i].lock.rank = LOCK_RANK_ARENA + i;
        arenas[i].next_region_bytes = FIRST_REGION_BYTES;
    }
}

/* Entering and leaving. */

/* Makes this thread the only one in the arena. False if it is taken, and `wait` is false. */
static bool enter_or_try(struct arena *arena, bool wait)
{
    uint32_t entered = thread.entered;

    thread.entered = entered | bit_of(arena);
    atomic_signal_fence(memory_order_seq_cst);
    if ((thread.fork_locked & bit_of(arena)) != 0) {
        return true;
    }
    if (wait) {
        lock_acquire(&arena->lock);
        return true;
    }
    if (lock_try(&arena->lock)) {
        return true;
    }
    thread.entered = entered;
    return false;
}

/* Enters a given arena. False iff the caller is a signal handler and would have to wait. */
static bool enter(struct arena *arena)
{
    if ((thread.entered & bit_of(arena)) != 0) {
        return false;
    }
    return enter_or_try(arena, thread.entered == 0);
}

/* Enters some arena and makes it the thread's home. NULL iff the caller is a signal handler and
 * would have to wait. */
static struct arena *enter_any(void)
{
    unsigned int count = options_arenas();

    if (thread.home == NULL) {
        unsigned int nth = atomic_fetch_add_explicit(&threads_begun, 1, memory_order_relaxed);

        thread.home = &arenas[nth % count];
    }
    for (unsigned int i = 0; i < count; i++) {
        struct arena *arena = &arenas[(index_of(thread.home) + i) % count];

        if ((thread.entered & bit_of(arena)) == 0 && enter_or_try(arena, false)) {
            thread.home = arena;
            return arena;
        }
    }
    return enter(thread.home) ? thread.home : NULL;
}

static void free_block(struct arena *arena, struct region *region, void *block);
static void free_deferred(struct arena *arena);

static void leave(struct arena *arena)
{
    if (atomic_load_explicit(&arena->deferred, memory_order_relaxed) != NULL) {
        free_deferred(arena);
    }
    if ((thread.fork_locked & bit_of(arena)) == 0) {
        lock_release(&arena->lock);
    }
    atomic_signal_fence(memory_order_seq_cst);
    thread.entered &= ~bit_of(arena);
}

/* Deferred frees. */

static void defer_free(struct arena *arena, void *block)
{
    struct deferred_block *deferred = (struct deferred_block *)block;

    deferred->next = atomic_load_explicit(&arena->deferred, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&arena->deferred, &deferred->next, deferred,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

static void free_deferred(struct arena *arena)
{
    struct deferred_block *deferred =
        atomic_exchange_explicit(&arena->deferred, NULL, memory_order_acquire);

    while (deferred != NULL) {
        struct deferred_block *next = deferred->next;

        free_block(arena, address_map_find(deferred).region, deferred);
        deferred = next;
    }
}

/* Regions of an arena, entered. */

static void add_region(struct arena *arena, struct region *region)
{
    if (arena->current != NULL) {
        region->next = arena->current->next;
        arena->current->next = region;
    }
    arena->current = region;
}

static void remove_region(struct arena *arena, struct region *region)
{
    struct region *previous = region;

    while (previous->next != region) {
        previous = previous->next;
    }
    previous->next = region->next;
    arena->current = previous != region ? previous : NULL;
}

/* Makes a region; where address space is scarce, one smaller than would be usual. */
static struct region *make_region(struct arena *arena, size_t align, size_t bytes)
{
    for (size_t reserve = arena->next_region_bytes; reserve >= LEAST_REGION_BYTES; reserve /= 2) {
        struct region *region = region_create(arena, reserve, align, bytes);

        if (region != NULL) {
            add_region(arena, region);
            if (arena->next_region_bytes < LARGEST_REGION_BYTES) {
                arena->next_region_bytes *= 2;
            }
            return region;
        }
    }
    return NULL;
}

/* A block from a region that must first be found, extended or made. */
static void *alloc_elsewhere(struct arena *arena, size_t align, size_t bytes)
{
    struct region *first = arena->current;
    struct region *region = first;

    while (region != NULL && region->next != first) {
        region = region->next;
        void *block = region_alloc(region, align, bytes);
        if (block != NULL) {
            arena->current = region;
            return block;
        }
    }
    region = first;
    while (region != NULL && !region_extend(region, align, bytes)) {
        region = region->next != first ? region->next : NULL;
    }
    if (region == NULL) {
        region = make_region(arena, align, bytes);
    }
    if (region == NULL) {
        return NULL;
    }
    arena->current = region;
    return region_alloc(region, align, bytes);
}

static void *alloc_block(struct arena *arena, size_t align, size_t bytes)
{
    void *block = arena->current != NULL ? region_alloc(arena->current, align, bytes) : NULL;

    if (block == NULL) {
        block = alloc_elsewhere(arena, align, bytes);
    }
    if (block != NULL) {
        arena->allocations++;
        arena->live_bytes += region_usable_bytes(arena->current, block); /* it served */
    }
    return block;
}

static void free_block(struct arena *arena, struct region *region, void *block)
{
    arena->live_bytes -= region_usable_bytes(region, block);
    arena->frees++;
    region_free(region, block);
}

/* Giving memory back. */

static bool is_worth_trimming(const struct region *region, size_t keep_bytes)
{
    return region_tail_bytes(region) >= keep_bytes + TRIM_WORTH_BYTES;
}

static bool has_unused_memory(const struct arena *arena)
{
    const struct region *region = arena->current;

    do {
        if (is_worth_trimming(region, TAIL_KEPT_BYTES)) {
            return true;
        }
        region = region->next;
    } while (region != arena->current);
    return false;
}

/* Whether memory has now been unused for the purge delay. */
static bool purge_is_due(struct arena *arena)
{
    if (!has_unused_memory(arena)) {
        arena->purge_at_ns = 0;
        return false;
    }
    uint64_t now_ns = os_now_ns();
    if (arena->purge_at_ns == 0) {
        arena->purge_at_ns = now_ns + options_purge_delay_ns();
    }
    return now_ns >= arena->purge_at_ns;
}

/* Takes one region out of the arena that is empty and not the last, or NULL. Entered. */
static struct region *take_empty_region(struct arena *arena)
{
    struct region *region = arena->current;

    if (region == NULL || region->next == region) {
        return NULL;
    }
    do {
        if (region->live_blocks == 0 && !region->kernel_has_tail) {
            remove_region(arena, region);
            return region;
        }
        region = region->next;
    } while (region != arena->current);
    return NULL;
}

/* Finds one region worth trimming and takes the tail out of its heap; NULL if there is none. */
static struct region *take_tail(struct arena *arena, size_t keep_bytes, size_t worth_bytes,
                                struct range *tail)
{
    struct region *region = arena->current;

    if (region == NULL) {
        return NULL;
    }
    do {
        if (region_tail_bytes(region) >= keep_bytes + worth_bytes) {
            *tail = region_begin_trim(region, keep_bytes);
            return region;
        }
        region = region->next;
    } while (region != arena->current);
    return NULL;
}

/* Gives one piece of unused memory back. Returns its size, or 0 if there was none. Not entered, and
 * not in a signal handler, so that entering waits. */
static size_t purge_one(struct arena *arena, size_t keep_bytes, size_t worth_bytes)
{
    struct range tail = {NULL, 0};
    struct region *trimmed = NULL;

    enter(arena);
    struct region *empty = take_empty_region(arena);
    if (empty == NULL) {
        trimmed = take_tail(arena, keep_bytes, worth_bytes, &tail);
    }
    leave(arena);

    if (empty != NULL) {
        size_t bytes = empty->committed_bytes;
        region_destroy(empty);
        return bytes;
    }
    if (trimmed == NULL) {
        return 0;
    }
    os_decommit(tail.start, tail.bytes); /* if refused, the range stays committed and unused */
    enter(arena);
    region_end_trim(trimmed);
    leave(arena);
    return tail.bytes;
}

static size_t purge(struct arena *arena, size_t keep_bytes, size_t worth_bytes)
{
    size_t total_bytes = 0;
    size_t bytes;

    if (thread.entered != 0) {
        return 0;
    }
    while ((bytes = purge_one(arena, keep_bytes, worth_bytes)) != 0) {
        total_bytes += bytes;
    }
    return total_bytes;
}

/* The face of the file. */

void *arena_alloc(size_t align, size_t bytes)
{
    struct arena *arena = enter_any();

    if (arena == NULL) {
        return NULL;
    }
    void *block = alloc_block(arena, align, bytes);
    leave(arena);
    return block;
}

void arena_free(struct region *region, void *block)
{
    struct arena *arena = region->arena;

    if (!enter(arena)) {
        defer_free(arena, block);
        return;
    }
    free_block(arena, region, block);
    bool look = region->live_blocks == 0 || arena->frees % CHECK_INTERVAL == 0;
    bool due = look && purge_is_due(arena);
    if (due) {
        arena->purge_at_ns = 0;
    }
    leave(arena);
    if (due) {
        purge(arena, TAIL_KEPT_BYTES, TRIM_WORTH_BYTES);
    }
}

bool arena_resize(struct region *region, void *block, size_t bytes)
{
    struct arena *arena = region->arena;

    if (!enter(arena)) {
        return false;
    }
    size_t old_usable = region_usable_bytes(region, block);
    bool resized = region_resize(region, block, bytes);
    if (resized) {
        arena->live_bytes += region_usable_bytes(region, block) - old_usable;
        arena->resizes++;
    }
    leave(arena);
    return resized;
}

size_t arena_usable_bytes(struct region *region, void *block)
{
    /* Where a handler would have to wait, it reads without: nobody else changes the header words of
     * a live block that this looks at. */
    bool entered = enter(region->arena);
    size_t bytes = region_usable_bytes(region, block);

    if (entered) {
        leave(region->arena);
    }
    return bytes;
}

/* Entered. */
static size_t discard_free(const struct arena *arena)
{
    struct region *region = arena->current;
    size_t total_bytes = 0;

    if (region == NULL) {
        return 0;
    }
    do {
        total_bytes += region_discard_free(region);
        region = region->next;
    } while (region != arena->current);
    return total_bytes;
}

size_t arena_trim(size_t keep_bytes)
{
    size_t total_bytes = 0;

    for (unsigned int i = 0; i < ARENA_MAX; i++) {
        total_bytes += purge(&arenas[i], keep_bytes, os_page_bytes());
        if (enter(&arenas[i])) {
            total_bytes += discard_free(&arenas[i]);
            leave(&arenas[i]);
        }
    }
    return total_bytes;
}

static bool count_free_chunk(const struct heap_chunk_view *chunk, void *count)
{
    *(size_t *)count += chunk->listed;
    return true;
}

static void add_region_stats(struct quarry_malloc_stats *stats, const struct region *region)
{
    stats->regions++;
    stats->reserved_bytes += region->reserved_bytes;
    stats->committed_bytes += region->committed_bytes;
    stats->trimmable_bytes += region_tail_bytes(region);
    heap_walk(&region->heap, count_free_chunk, &stats->free_chunks);
}

static void add_arena_stats(struct quarry_malloc_stats *stats, struct arena *arena)
{
    const struct region *region = arena->current;

    stats->allocations += arena->allocations;
    stats->frees += arena->frees;
    stats->resizes += arena->resizes;
    stats->live_bytes += arena->live_bytes;
    if (region == NULL) {
        return;
    }
    stats->arenas++;
    do {
        add_region_stats(stats, region);
        region = region->next;
    } while (region != arena->current);
}

void arena_add_stats(struct quarry_malloc_stats *stats)
{
    for (unsigned int i = 0; i < ARENA_MAX; i++) {
        if (enter(&arenas[i])) {
            add_arena_stats(stats, &arenas[i]);
            leave(&arenas[i]);
        }
    }
}

void arena_before_fork(void)
{
    uint32_t locked = 0;

    for (unsigned int i = 0; i < ARENA_MAX; i++) {
        struct arena *arena = &arenas[i];

        if (thread.entered == 0) {
            lock_acquire(&arena->lock);
            locked |= bit_of(arena);
        } else if ((thread.entered & bit_of(arena)) == 0 && lock_try(&arena->lock)) {
            locked |= bit_of(arena);
        }
    }
    thread.fork_locked = locked;
}

void arena_after_fork_in_parent(void)
{
    uint32_t locked = thread.fork_locked;

    thread.fork_locked = 0;
    for (unsigned int i = 0; i < ARENA_MAX; i++) {
        if ((locked & bit_of(&arenas[i])) != 0) {
            lock_release(&arenas[i].lock);
        }
    }
}

/* Threads that were giving memory back do not exist here. */
static void end_trims(struct arena *arena)
{
    struct region *region = arena->current;

    if (region == NULL) {
        return;
    }
    do {
        region_end_trim(region);
        region = region->next;
    } while (region != arena->current);
}

void arena_after_fork_in_child(void)
{
    for (unsigned int i = 0; i < ARENA_MAX; i++) {
        if ((thread.fork_locked & bit_of(&arenas[i])) != 0) {
            end_trims(&arenas[i]);
        }
    }
    arena_after_fork_in_parent();
}
