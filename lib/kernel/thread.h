/* SPDX-License-Identifier: Apache-2.0 */
/* What the rest of kernel/ asks of threads: who am I, how urgent, and tell me if that changes while
 * I wait. */
#ifndef QUARRY_KERNEL_THREAD_H
#define QUARRY_KERNEL_THREAD_H

#include <zephyr/kernel/thread.h>

/* How far a thread's life has come: see thread_life.c. */
enum thread_state {
    THREAD_ENDED, /* or never created */
    THREAD_DELAYED,
    THREAD_RELEASED, /* may run, and does not yet */
    THREAD_DROPPED,  /* will not run any more */
    THREAD_RUNNING,
    THREAD_FOREIGN, /* was not created by k_thread_create */
};

#define THREAD_NO_NUMBER (-1) /* the kernel has no such thread */

/* The calling thread; never NULL. Its memory stays as long as the thread does anything. Signals:
 * from any handler. */
struct k_thread *thread_self(void);

/* The logical priority of a living thread, lower is higher. Takes no lock, so that it may be called
 * with any lock held. The caller's own needs no system call if it was set. */
int thread_priority(const struct k_thread *thread);

/* The heap out of which to allocate on a thread's behalf; NULL: none. Signals: from any handler. */
static inline struct k_heap *thread_pool(const struct k_thread *thread)
{
    return __atomic_load_n(&thread->resource_pool, __ATOMIC_RELAXED);
}

/* From here until thread_wait_end, a change of self's priority is followed by reorder(waiter, the
 * priority), on the thread that changes it. The lock of `self` (LOCK_RANK_THREAD) is held then, so
 * that reorder may take locks from LOCK_RANK_KERNEL on. A change that began before
 * thread_wait_begin may be followed by it, too.
 *
 * To be called by `self` itself, not from a signal handler, and without any lock from
 * LOCK_RANK_THREAD on. What may not be missed: a priority that is read after thread_wait_begin,
 * under the lock that reorder takes, is the latest or is followed by a reorder. */
void thread_wait_begin(struct k_thread *self, void *waiter,
                       void (*reorder)(void *waiter, int priority));

/* Afterwards nobody touches the waiter. To be called also by a thread that was cancelled while it
 * waited. */
void thread_wait_end(struct k_thread *self);

/* For thread_life.c: who the calling thread is from now on; NULL: one that was not created by
 * k_thread_create. And the number by which the kernel knows a thread. */
void thread_become(struct k_thread *thread);
void thread_set_number(struct k_thread *thread, int number);

#endif
