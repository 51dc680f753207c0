/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Queues of items, first in, first out, that threads pass to each other. An item is any memory of
 * the user's whose first word is free for the queue while it is in one: nothing is allocated.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    O(1), and a lock; with w threads that wait, one that joins them looks at those of lower
 *          priority.
 *
 * Blocks:  for the lock, which is held for one such call; and as said.
 *
 * Threads: any at the same time. An item is passed with all that was written before.
 *
 * Signals: k_fifo_put may be called from a handler, whatever it interrupted; so may k_fifo_get with
 *          K_NO_WAIT, which returns NULL as well if the handler interrupted a call on this queue,
 * or one on another object while this one's lock is taken. What a handler puts while it cannot have
 * the lock is put when that is free, in the same order. Not the others.
 *
 * Fork:    a child has a copy of the queue and its items, and nobody waits in it. A call that
 *          another thread is in while the process forks has happened for the child, or has not;
 *          what handlers have put off, and that call was about to make good, may be missing there.
 *
 * Owner:   the caller owns the queue, and must keep it in place. Items are the queue's while they
 *          are in it. There is no destroy function.
 *
 * Misuse:  is not noticed: an item that is in a queue already, NULL, or a queue that was not
 *          initialised.
 *
 * Source:  Zephyr's <zephyr/kernel.h>, section "FIFO APIs". Differs from Zephyr: only what is
 *          listed here.
 */
#ifndef ZEPHYR_INCLUDE_KERNEL_FIFO_H_
#define ZEPHYR_INCLUDE_KERNEL_FIFO_H_

#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys_clock.h>
#include <zephyr/wait_q.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** A queue of items; all in it is the library's own. */
struct k_fifo {
    _wait_q_t wait_q;
    void *head; /**< the first item, or NULL; guarded by the lock */
    void *tail; /**< the last one, if there is any; guarded by the lock */
    /* What signal handlers put while the lock was taken: */
    void *put_off;         /**< the last of them, which leads to the one before; atomic */
    uint32_t is_announced; /**< `announcement` is among what wait_q puts off; atomic */
    void *announcement;    /**< a link there */
};

/** @cond internal */
#define Z_FIFO_INITIALIZER(obj)                                                                    \
    {                                                                                              \
        Z_WAIT_Q_INIT, NULL, NULL, NULL, 0, NULL                                                   \
    }
/** @endcond */

/** Defines a queue, ready for use before any code of the program runs; "static" may go before it.
 */
#define K_FIFO_DEFINE(name) struct k_fifo name = Z_FIFO_INITIALIZER(name)

/**
 * Makes a queue without items.
 *
 * @param fifo the queue; what it was before is lost
 *
 * Blocks:  never.
 *
 * Threads: nobody may use the queue meanwhile.
 */
void k_fifo_init(struct k_fifo *fifo);

/**
 * Puts an item at the end; or gives it to the first thread that waits, if any.
 *
 * @param fifo the queue
 * @param data the item, aligned for a pointer
 */
void k_fifo_put(struct k_fifo *fifo, void *data);

/**
 * Takes the first item, or waits for one.
 *
 * @param fifo    the queue
 * @param timeout how long to wait; counts from the call
 * @return the item, whose first word has no meaning; NULL iff there is none and @p timeout is
 *         K_NO_WAIT, or it went by, or k_fifo_cancel_wait was called for this thread
 *
 * Blocks:  until an item is put, or for the timeout. Threads that wait are served in the order of
 *          their priorities (k_thread_priority_set), and of arrival among equals. A cancellation
 *          point if it waits: what a cancelled thread was given is passed on.
 */
void *k_fifo_get(struct k_fifo *fifo, k_timeout_t timeout);

/**
 * Ends the waiting of the first thread that waits, if any: its call returns NULL.
 *
 * @param fifo the queue
 */
void k_fifo_cancel_wait(struct k_fifo *fifo);

/** @return not 0 iff there is no item in a queue at this moment */
static inline int k_fifo_is_empty(struct k_fifo *fifo)
{
    return __atomic_load_n(&fifo->head, __ATOMIC_RELAXED) == NULL;
}

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
