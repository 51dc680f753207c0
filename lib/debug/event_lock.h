/* SPDX-License-Identifier: Apache-2.0 */
/* Locks for those who are told what happens in heaps. A heap may be used anywhere, so these locks
 * are good anywhere: in signal handlers, in the child of a fork, and inside of callbacks. */
#ifndef QUARRY_DEBUG_EVENT_LOCK_H
#define QUARRY_DEBUG_EVENT_LOCK_H

#include <stdbool.h>

#include "os/os.h"

/* In the order in which one thread may hold them. */
enum event_lock {
    EVENT_LOCK_LISTENERS,
    EVENT_LOCK_STATS,
    EVENT_LOCK_TRACE,
    EVENT_LOCKS,
};

/* What the holder keeps until it leaves. */
struct event_hold {
    struct os_signal_mask signals;
};

/* Arranges that in the child of a fork that another thread's stay in the lock did not survive,
 * mend() is called before anyone enters; what it mends is as that thread's stores left it, in their
 * order. To be called before there is anything to mend, always with the same function, and not from
 * inside of a heap call. */
void event_lock_prepare(enum event_lock which, void (*mend)(void));

/* Waits until the lock is free and takes it; signal handlers do not run on this thread until it
 * leaves. False iff this thread holds it already or waits for it: somebody whom the holder called
 * has used a heap, or a handler of SIGSEGV and the like has. Then nothing is to be done. */
bool event_lock_enter(enum event_lock which, struct event_hold *hold);
void event_lock_leave(enum event_lock which, const struct event_hold *hold);

/* Whether this thread holds the lock. */
bool event_lock_is_mine(enum event_lock which);

#endif
