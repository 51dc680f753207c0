/* SPDX-License-Identifier: Apache-2.0 */
/* Slabs of threads that have ended. They belong to a cache without a thread, guarded by a lock that
 * nobody waits for but a thread that ends or forks. Threads adopt them before they make new ones,
 * or use pages that were never used; and when they free a block of one, so that what a thread takes
 * over from another one soon is its own.
 *
 * Who frees a block of such a slab sends it to the orphans, tries the lock, and puts in order what
 * was sent. If somebody else has the lock, he looks once more after he has released it. So
 *
 *   1. no letter stays in the orphans' inbox, or in that of a cache without a thread, for longer
 *      than the lock is held.
 *
 * Around a fork the forking thread holds the lock, and passes it without taking it. */
#include <limits.h>

#include "os/sync.h"
#include "process/cache_parts.h"

struct thread_cache orphans;

static struct lock lock = {.rank = LOCK_RANK_ORPHANS};

/* Owner thread and its signal handlers only. */
static _Thread_local struct {
    volatile bool holds; /* it has the lock, or is about to take it, or has just released it */
    volatile bool forks; /* it has the lock for a fork */
} thread;

bool orphans_are_held(void)
{
    return thread.holds;
}

static void begin_to_hold(void)
{
    thread.holds = true;
    atomic_signal_fence(memory_order_seq_cst);
}

static void end_to_hold(void)
{
    atomic_signal_fence(memory_order_seq_cst);
    thread.holds = false;
}

bool orphans_try(void)
{
    if (thread.holds) {
        return false;
    }
    begin_to_hold();
    if (thread.forks || lock_try(&lock)) {
        return true;
    }
    end_to_hold();
    return false;
}

void orphans_wait(void)
{
    begin_to_hold();
    if (!thread.forks) {
        lock_acquire(&lock);
    }
}

void orphans_leave(void)
{
    if (!thread.forks) {
        lock_release_then_read(&lock);
    }
    end_to_hold();
}

void orphans_tend(struct thread_cache *without_thread)
{
    while ((mail_is_there(without_thread) || mail_is_there(&orphans)) && orphans_try()) {
        if (!atomic_load_explicit(&without_thread->in_use, memory_order_relaxed)) {
            mail_open(without_thread, UINT_MAX);
        } else {
            without_thread = &orphans; /* a new thread has it, and will look itself */
        }
        mail_open(&orphans, UINT_MAX);
        orphans_leave();
    }
}

void orphans_add(struct slab **list)
{
    while (*list != NULL) {
        struct slab *slab = *list;

        cache_unlink(list, slab);
        if (slab->used == 0) {
            slab_drop(slab);
            continue;
        }
        slab_set_owner(slab, slab_owner(slab) & SLAB_SET_ASIDE);
        atomic_store_explicit(&slab->cache, &orphans, memory_order_release);
        cache_link(cache_is_set_aside(slab) ? &orphans.set_aside
                                            : &orphans.partial[slab->size_class],
                   slab);
    }
}

/* With the lock. */
static void pass_on(struct thread_cache *cache, struct slab *slab)
{
    cache_unlink(cache_is_set_aside(slab) ? &orphans.set_aside : &orphans.partial[slab->size_class],
                 slab);
    cache_take_possession(cache, slab);
}

struct slab *orphans_adopt(struct thread_cache *cache, size_t size_class, bool with_free)
{
    struct slab *slab = NULL;

    if (__atomic_load_n(&orphans.partial[size_class], __ATOMIC_RELAXED) != NULL && orphans_try()) {
        slab = cache_best_partial(&orphans, size_class);
        if (slab != NULL && with_free && slab->free == NULL) {
            slab = NULL;
        }
        if (slab != NULL) {
            pass_on(cache, slab);
        }
        orphans_leave();
        orphans_tend(&orphans);
    }
    return slab;
}

bool orphans_adopt_this(struct thread_cache *cache, struct slab *slab)
{
    bool is_orphan = false;

    if (orphans_try()) {
        is_orphan = atomic_load_explicit(&slab->cache, memory_order_relaxed) == &orphans;
        if (is_orphan) {
            pass_on(cache, slab);
        }
        orphans_leave();
        orphans_tend(&orphans);
    }
    return is_orphan;
}

void orphans_before_fork(void)
{
    if (thread.holds) {
        return; /* in a handler that has interrupted whoever has the lock */
    }
    orphans_wait();
    thread.forks = true;
    end_to_hold();
}

void orphans_after_fork(void)
{
    if (thread.forks) {
        begin_to_hold();
        thread.forks = false;
        orphans_leave();
        orphans_tend(&orphans);
    }
}
