/* SPDX-License-Identifier: Apache-2.0 */
/* Into an arena and out of it: locks, signal handlers and fork.
 *
 * Locks: arenas are ranked by their number. A thread enters one at a time; only fork takes all.
 *
 * Not everybody may wait. Who cannot enter an arena allocates from another one, or makes a mapping
 * (malloc.c), and puts a block that is to be freed on the arena's list of deferred frees, a
 * lock-free stack that is emptied by whoever leaves the arena next. Two cases:
 *
 * Signal handlers. A handler may interrupt this code anywhere. thread.entered has the bit of every
 * arena that the interrupted code has locked, or is about to lock, or has just unlocked. While it
 * is not zero nobody waits for a lock on this thread.
 *
 * Fork. The forking thread locks all arenas and remembers which in thread.fork_locked; until they
 * are released it passes these locks without taking them, so that fork handlers of other libraries
 * may allocate, in whatever order they were registered. Thread state is thread-local, hence copied
 * to the child right. While it holds the arenas, the forking thread may wait for other locks: those
 * of libraries whose handlers were registered before ours, and the C library's own lock of all
 * streams. Whoever holds such a lock may want memory. So nobody waits for an arena while a fork is
 * under way, and a wait that began before is given up.
 *
 * A handler that forks while this thread is inside an arena leaves that one to the interrupted
 * call, which finishes it in the parent and in the child. An arena that another thread is in at
 * that time is lost to the child: its blocks stay readable, and are never freed. */
#include "process/arena_entry.h"

#include <stdatomic.h>

#include "core/check.h"
#include "process/address_map.h"
#include "process/options.h"
#include "process/variable_page.h"

struct deferred_block {
    struct deferred_block *next;
};

_Static_assert(ARENA_MAX <= 32, "a thread's sets of arenas are 32 bits");
_Static_assert(LOCK_RANK_ARENA + ARENA_MAX <= LOCK_RANK_LAST, "each arena has a rank");

/* Ranks are there from the start, so that a program without arenas touches no page of these. */
#define ARENA(i)                                                                                   \
    {                                                                                              \
        .lock.rank = LOCK_RANK_ARENA + (i)                                                         \
    }
#define ARENAS_4(i)  ARENA(i), ARENA((i) + 1), ARENA((i) + 2), ARENA((i) + 3)
#define ARENAS_16(i) ARENAS_4(i), ARENAS_4((i) + 4), ARENAS_4((i) + 8), ARENAS_4((i) + 12)
WRITTEN_BY_FORK struct arena arenas[] = {ARENAS_16(0), ARENAS_16(16)};
_Static_assert(sizeof(arenas) == ARENA_MAX * sizeof(arenas[0]), "each arena has its rank");

static _Atomic(unsigned int) threads_begun; /* relaxed: only spreads threads */
/* Threads of this process that are between the handlers of a fork. Relaxed: tells those who wait
 * for a lock that the wait may be long, and nothing else. */
static WRITTEN_BY_FORK _Atomic(unsigned int) forks;

/* Set of arenas that another thread was in when this process was forked by a signal handler, which
 * could not wait for them: nobody enters them any more. Written before there are other threads. */
static WRITTEN_BY_FORK uint32_t lost;

/* How long somebody who waits for a lock is unaware of a fork that has begun meanwhile. */
#define WAIT_MS 10u

/* Owner thread and its signal handlers only. */
static _Thread_local struct {
    struct arena *volatile home; /* NULL: has not allocated yet. A handler may move it */
    volatile uint32_t entered;   /* both: see the essay above */
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

/* Waits for an arena, but not for one that is locked for a fork. */
static bool wait_for(struct arena *arena)
{
    bool locked = false;

    while (!locked && atomic_load_explicit(&forks, memory_order_relaxed) == 0) {
        locked = lock_acquire_within(&arena->lock, WAIT_MS);
    }
    return locked;
}

/* Makes this thread the only one in the arena. False if it is taken, and `wait` is false or ends.
 */
static bool enter_or_try(struct arena *arena, bool wait)
{
    uint32_t entered = thread.entered;

    thread.entered = entered | bit_of(arena);
    atomic_signal_fence(memory_order_seq_cst);
    if ((thread.fork_locked & bit_of(arena)) != 0 || lock_try(&arena->lock) ||
        (wait && wait_for(arena))) {
        return true;
    }
    thread.entered = entered;
    return false;
}

/* Whether it is certain that this thread cannot enter the arena. */
static bool is_closed(const struct arena *arena)
{
    return ((thread.entered | lost) & bit_of(arena)) != 0;
}

bool arena_enter(struct arena *arena)
{
    if (is_closed(arena)) {
        return false;
    }
    return enter_or_try(arena, thread.entered == 0);
}

bool arena_try(struct arena *arena)
{
    return !is_closed(arena) && enter_or_try(arena, false);
}

/* The arena that a thread begins with: each thread another, round and round. */
static struct arena *first_home(void)
{
    unsigned int nth = atomic_fetch_add_explicit(&threads_begun, 1, memory_order_relaxed);

    return &arenas[nth % options_arenas()];
}

/* Moves the home to another arena that nobody is in, and enters it; NULL if there is none. */
static struct arena *enter_another(const struct arena *home)
{
    unsigned int count = options_arenas();

    for (unsigned int i = 1; i < count; i++) {
        struct arena *arena = &arenas[(index_of(home) + i) % count];

        if (arena_try(arena)) {
            thread.home = arena;
            return arena;
        }
    }
    return NULL;
}

struct arena *arena_enter_any(void)
{
    struct arena *home = thread.home;

    if (home == NULL) {
        home = first_home();
        thread.home = home;
    }
    if (arena_try(home)) {
        return home;
    }
    struct arena *another = enter_another(home);
    if (another != NULL) {
        return another;
    }
    return arena_enter(home) ? home : NULL;
}

void arena_defer_free(struct arena *arena, void *block)
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

        arena_free_entered(arena, address_map_find(deferred).region, deferred);
        deferred = next;
    }
}

void arena_leave(struct arena *arena)
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

const void *arena_this_thread(void)
{
    return &thread;
}

/* Until all are locked, and while they are released, each is marked as entered, so that a signal
 * handler neither waits for it nor takes it for locked. */
void arena_before_fork(void)
{
    uint32_t interrupted = thread.entered;
    uint32_t locked = 0;

    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
    for (unsigned int i = 0; i < ARENA_MAX; i++) {
        struct arena *arena = &arenas[i];

        if (((interrupted | lost) & bit_of(arena)) != 0) {
            continue;
        }
        thread.entered |= bit_of(arena);
        atomic_signal_fence(memory_order_seq_cst);
        if (interrupted == 0) {
            lock_acquire(&arena->lock);
            locked |= bit_of(arena);
        } else if (lock_try(&arena->lock)) {
            locked |= bit_of(arena);
        }
    }
    thread.fork_locked = locked;
    atomic_signal_fence(memory_order_seq_cst);
    thread.entered = interrupted;
}

static void release_all(void)
{
    for (unsigned int i = 0; i < ARENA_MAX; i++) {
        uint32_t bit = bit_of(&arenas[i]);

        if ((thread.fork_locked & bit) != 0) {
            thread.entered |= bit;
            atomic_signal_fence(memory_order_seq_cst);
            thread.fork_locked &= ~bit;
            arena_leave(&arenas[i]);
        }
    }
}

void arena_after_fork_in_parent(void)
{
    release_all();
    atomic_fetch_sub_explicit(&forks, 1, memory_order_relaxed);
}

/* The other threads that were giving memory back do not exist here. */
static void end_trims_of_others(const struct arena *arena)
{
    for (struct region *r = arena->current; r != NULL; r = arena_next_region(arena, r)) {
        if (r->trimming_thread != arena_this_thread()) {
            region_end_trim(r);
        }
    }
}

void arena_after_fork_in_child(void)
{
    for (unsigned int i = 0; i < ARENA_MAX; i++) {
        if ((thread.fork_locked & bit_of(&arenas[i])) != 0) {
            end_trims_of_others(&arenas[i]);
        }
    }
    lost |= ~(thread.fork_locked | thread.entered);
    release_all();
    /* Forks that other threads had begun do not go on here. */
    atomic_store_explicit(&forks, 0, memory_order_relaxed);
}
