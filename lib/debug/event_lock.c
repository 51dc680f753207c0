/* SPDX-License-Identifier: Apache-2.0 */
/* Event locks.
 *
 * Signals. A handler that used a heap while the thread which it interrupted is inside would wait
 * for ever, or would have to lose what happened, and a tracer that misses a free reports a leak. So
 * the holder blocks signals: two system calls for each stay. Handlers of SIGSEGV and the like do
 * come through, since a fault must be reported; their heap calls are refused, as are those of
 * callbacks, by a bit per lock in the thread. It is set before the thread waits, for somebody may
 * send such a signal at any time.
 *
 * Fork. Whoever forks holds none of these locks meanwhile, for it will wait for other locks, in
 * fork handlers of other libraries, whose holders may use heaps:
 *
 *    thread A: fork, holds the event lock  --->  waits for lock L in somebody's handler
 *    thread B: holds L                     --->  uses a heap, waits for the event lock
 *
 * So another thread may be inside when the process is copied, and in the child the lock is held for
 * ever. The child's fork handler makes it free and has the data mended, which is possible because
 *
 *   1. data under these locks are changed by single stores between states that mend() can read;
 *   2. the child sees a prefix of the stores of each thread that is not copied.
 *
 * Fork handlers that were registered before this one run before it in the child, and may use heaps.
 * They wait in vain for a moment, see that the process is not the one that the locks were made good
 * for, and do the handler's work. */
#include "debug/event_lock.h"

#include <stdatomic.h>
#include <stddef.h>

#include "os/sync.h"

_Static_assert(LOCK_RANK_EVENTS + EVENT_LOCKS <= LOCK_RANK_COUNTS, "each event lock has a rank");

/* How long a fork handler waits for a lock before it asks whether this is a new process. */
#define WAIT_MS 10u

static struct {
    struct lock lock;
    _Atomic(void (*)(void)) mend; /* NULL: nothing to do. Relaxed: a function is no data */
} locks[EVENT_LOCKS] = {
    [EVENT_LOCK_LISTENERS] = {.lock = {.rank = LOCK_RANK_EVENTS + EVENT_LOCK_LISTENERS}},
    [EVENT_LOCK_STATS] = {.lock = {.rank = LOCK_RANK_EVENTS + EVENT_LOCK_STATS}},
    [EVENT_LOCK_TRACE] = {.lock = {.rank = LOCK_RANK_EVENTS + EVENT_LOCK_TRACE}},
};

/* The process whose locks are good; 0 before the first is entered or prepared. */
static _Atomic(int) process_id;
static atomic_flag fork_is_watched = ATOMIC_FLAG_INIT;

/* Sets of locks: those that this thread holds, and those that it holds or waits for. Owner thread
 * and its signal handlers only. */
static _Thread_local volatile unsigned int mine;
static _Thread_local volatile unsigned int wanted;

static unsigned int bit_of(enum event_lock which)
{
    return 1u << which;
}

bool event_lock_is_mine(enum event_lock which)
{
    return (mine & bit_of(which)) != 0;
}

/* In the child there are no other threads yet. What this thread holds itself, because a callback
 * forked, it will release itself. */
static void mend_after_fork(void)
{
    for (unsigned int i = 0; i < EVENT_LOCKS; i++) {
        void (*mend)(void) = atomic_load_explicit(&locks[i].mend, memory_order_relaxed);

        if (event_lock_is_mine((enum event_lock)i)) {
            continue;
        }
        if (!lock_try(&locks[i].lock)) {
            lock_renew(&locks[i].lock);
            lock_acquire(&locks[i].lock);
            if (mend != NULL) {
                mend();
            }
        }
        lock_release(&locks[i].lock);
    }
}

/* To be called before a lock is entered: else nobody could tell a fork from a first stay. */
static void note_process(void)
{
    int nobody = 0;

    if (atomic_load_explicit(&process_id, memory_order_relaxed) == 0) {
        atomic_compare_exchange_strong(&process_id, &nobody, os_process_id());
    }
}

/* Does nothing unless it is the first to see that the process was forked. */
static void look_for_fork(void)
{
    int seen = atomic_load_explicit(&process_id, memory_order_relaxed);
    int now = os_process_id();

    if (seen != now && atomic_compare_exchange_strong(&process_id, &seen, now)) {
        mend_after_fork();
    }
}

void event_lock_prepare(enum event_lock which, void (*mend)(void))
{
    atomic_store_explicit(&locks[which].mend, mend, memory_order_relaxed);
    note_process();
    if (!atomic_flag_test_and_set(&fork_is_watched)) {
        /* If the system refuses, the first who waits in vain looks by himself. */
        os_at_fork(NULL, NULL, look_for_fork);
    }
}

bool event_lock_enter(enum event_lock which, struct event_hold *hold)
{
    if ((wanted & bit_of(which)) != 0) {
        return false;
    }
    note_process();
    os_block_signals(&hold->signals);
    wanted |= bit_of(which);
    while (!lock_acquire_within(&locks[which].lock, WAIT_MS)) {
        look_for_fork();
    }
    mine |= bit_of(which);
    return true;
}

void event_lock_leave(enum event_lock which, const struct event_hold *hold)
{
    mine &= ~bit_of(which);
    lock_release(&locks[which].lock);
    wanted &= ~bit_of(which);
    os_restore_signals(&hold->signals);
}
