/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for memory: the one place where threads do. An object that can be waited for has a
 * _wait_q_t, whose lock guards the object too, and rules that say what is special about it.
 *
 *    struct stay stay;
 *    if (wait_queue_enter(&queue, &stay)) {      lock
 *        ... one call of core ...
 *        wait_queue_serve(...)                   hand over, no wake-up yet
 *        wait_queue_leave(&queue, &stay);        unlock, then wake who was served
 *    }
 */
#ifndef QUARRY_KERNEL_WAIT_QUEUE_H
#define QUARRY_KERNEL_WAIT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/wait_q.h>

#include "kernel/guard.h"
#include "os/sync.h"

/* What a waiter asks for. Slabs have nothing to ask. */
struct wait_request {
    size_t bytes;
    size_t align;
    intptr_t block; /* from the queue to one that is to be resized; 0: none */
};

struct k_thread;

/* A thread that waits. It lies on that thread's stack, or in the memory behind a shared object.
 * Addresses are kept as distances from the queue, for processes see them at different places. */
struct waiter {
    intptr_t next;     /* from the queue to the next of the same state; guarded by the lock */
    intptr_t previous; /* circular while it is queued */
    intptr_t result;   /* what it was given; written before `served` */
    struct wait_request request;
    const struct k_thread *thread; /* whose priority it is; not in a shared object */
    int priority;                  /* guarded by the lock */
    bool has_priority; /* false: not asked for yet, as nobody waits besides; guarded by the lock */
    bool queued;       /* guarded by the lock */
    uint32_t served;   /* atomic, release: `result` is there, and a post of `wakeup` will follow */
    struct wakeup wakeup;

    /* Of a shared object only; guarded by its lock, but for `alive`. */
    bool waits;        /* it is to be in the queue, whatever the links say */
    int process_id;    /* whose thread it is */
    uint64_t arrival;  /* when it queued up, on the clock of os_now_ns */
    struct lock alive; /* held by the thread as long as it waits */
};

struct stay;
struct wait_queue;

/* What an object does in its queue. All are called with the lock held. */
struct wait_rules {
    /* Gives `mem`, a block of the object, back: to a waiter, or to the object. */
    void (*give)(const struct wait_queue *queue, struct stay *stay, void *mem);
    /* The last waiter has left. */
    void (*idle)(const struct wait_queue *queue);
    /* Whoever held the lock will not come back, and may have been in the middle of a change. */
    void (*mend)(const struct wait_queue *queue, struct stay *stay);
};

/* A queue and its object, as this process sees them. Made anew for each call. */
struct wait_queue {
    _wait_q_t *waiters;
    const struct wait_rules *rules;
    void *object;
    struct waiter *places; /* of a shared object: waiters->shared_places of them */
};

/* A stretch of time with the lock held. */
struct stay {
    struct visit visit;
    struct waiter *served; /* to be woken when the lock is free, in this order */
    struct waiter *last;
};

/* Makes a queue, with LOCK_ abilities. False if the system lacks one. */
bool wait_queue_init(_wait_q_t *waiters, unsigned int abilities, uint32_t shared_places);
/* Gives the lock of a queue that nobody uses yet other abilities. False if the system lacks one. */
bool wait_queue_enable(_wait_q_t *waiters, unsigned int abilities);

static inline bool wait_queue_is_shared(const struct wait_queue *queue)
{
    return queue->waiters->shared_places != 0;
}

/* What lies at a distance from the queue, and the other way round. */
static inline void *wait_queue_at(const struct wait_queue *queue, intptr_t distance)
{
    return (void *)((uintptr_t)queue->waiters + (uintptr_t)distance);
}

static inline intptr_t wait_queue_distance(const struct wait_queue *queue, const void *address)
{
    return (intptr_t)((uintptr_t)address - (uintptr_t)queue->waiters);
}

/* Waits for the lock. False iff it is taken, and this is a signal handler that has interrupted a
 * stay: of handlers that wait for each other's threads none would ever go on. */
bool wait_queue_enter(const struct wait_queue *queue, struct stay *stay);
void wait_queue_leave(const struct wait_queue *queue, struct stay *stay);
/* After wait_queue_enter was refused: `mem`, at least as large as a pointer, is given back by
 * whoever holds the lock when he leaves. */
void wait_queue_defer(const struct wait_queue *queue, void *mem);

/* The calling thread as one that may have to wait. While it is one, its priority can be changed by
 * other threads, with effect on its place in the queue. */
struct sleeper {
    struct wait_queue queue;
    struct waiter *waiter;
    bool has_queued;   /* `waiter` is, or was, in the queue for this thread; guarded by the lock */
    struct waiter own; /* what `waiter` is, unless the object is shared */
    uint64_t deadline_ns;
};

/* Before the stay in which the thread may queue up. */
void wait_queue_prepare(const struct wait_queue *queue, struct sleeper *sleeper,
                        uint64_t deadline_ns);
/* After the last stay. */
void wait_queue_finish(struct sleeper *sleeper);

/* Queues the thread up, leaves, and sleeps. True iff it was served: then *result is what it was
 * given. Else the deadline has passed, or there was no place for one more waiter, and the lock is
 * held again. If the thread is cancelled meanwhile, what it was given is given on. */
bool wait_queue_sleep(struct sleeper *sleeper, const struct wait_request *request,
                      struct stay *stay, void **result);

/* The first waiter, that is: the one with the highest priority, and among such the one that has
 * waited longest; the one after; NULL if there is none. Dead ones are left out. */
struct waiter *wait_queue_first(const struct wait_queue *queue);
struct waiter *wait_queue_after(const struct wait_queue *queue, const struct waiter *waiter);
/* Makes the links of a shared queue anew, which may lead anywhere. */
void wait_queue_rebuild(const struct wait_queue *queue);
/* Takes a waiter out of the queue and gives it `result`; wait_queue_leave will wake it. */
void wait_queue_serve(const struct wait_queue *queue, struct stay *stay, struct waiter *waiter,
                      void *result);

#endif
