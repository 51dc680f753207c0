/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of items, linked through their first words.
 *
 *    put --> lock -- somebody waits --> hand the item over ------ unlock, wake
 *              |
 *              +---- nobody does -----> head --> | | --> | | --> | item | -- unlock
 *
 * Signal handlers. What one puts while it cannot have the lock goes onto a stack, `put_off`, and
 * is announced as in k_sem.c: whoever has the lock, or comes next, turns the stack around and puts
 * all of it. Handlers of several threads may do so at once.
 *
 * Invariants, with the lock free:
 *   1. If somebody waits, there is no item.
 *   2. If put_off is not NULL, it is announced, or the handler that pushed is about to announce it.
 *   3. Each change begins with a store that makes it count; `tail` alone may be behind, and is
 * found anew in the child of a fork. */
#include <zephyr/kernel/fifo.h>

#include "core/check.h"
#include "kernel/timeout.h"
#include "kernel/wait_queue.h"

struct item {
    struct item *next;
};

/* What a waiter gets instead of an item. */
static void *news_of_cancel(struct k_fifo *fifo)
{
    return &fifo->tail;
}

/* --- With the lock held --- */

static void set_head(struct k_fifo *fifo, struct item *item)
{
    __atomic_store_n(&fifo->head, item, __ATOMIC_RELEASE);
}

static void append(struct k_fifo *fifo, struct item *item)
{
    item->next = NULL;
    if (fifo->head == NULL) {
        set_head(fifo, item);
    } else {
        __atomic_store_n(&((struct item *)fifo->tail)->next, item, __ATOMIC_RELEASE);
    }
    fifo->tail = item;
}

static void *take_first(struct k_fifo *fifo)
{
    struct item *item = fifo->head;

    if (item != NULL) {
        set_head(fifo, item->next);
    }
    return item;
}

/* True iff somebody waited for it. */
static bool hand_over(const struct wait_queue *queue, struct stay *stay, void *what)
{
    struct waiter *waiter = wait_queue_first(queue);

    if (waiter == NULL) {
        return false;
    }
    wait_queue_serve(queue, stay, waiter, what);
    return true;
}

static void put(const struct wait_queue *queue, struct stay *stay, struct item *item)
{
    if (!hand_over(queue, stay, item)) {
        append(queue->object, item);
    }
}

/* The other end first. */
static struct item *turned_around(struct item *item)
{
    struct item *turned = NULL;

    while (item != NULL) {
        struct item *next = item->next;

        item->next = turned;
        turned = item;
        item = next;
    }
    return turned;
}

/* Invariant 2: first it is said that nothing is announced. */
static void put_what_was_put_off(const struct wait_queue *queue, struct stay *stay)
{
    struct k_fifo *fifo = queue->object;

    __atomic_store_n(&fifo->is_announced, 0, __ATOMIC_SEQ_CST);
    struct item *item = turned_around(__atomic_exchange_n(&fifo->put_off, NULL, __ATOMIC_SEQ_CST));
    while (item != NULL) {
        struct item *next = item->next;

        put(queue, stay, item);
        item = next;
    }
}

/* An item that was a cancelled thread's is the first again, as it was. */
static void give_back(const struct wait_queue *queue, struct stay *stay, struct item *item)
{
    struct k_fifo *fifo = queue->object;

    if (hand_over(queue, stay, item)) {
        return;
    }
    item->next = fifo->head;
    if (fifo->head == NULL) {
        fifo->tail = item;
    }
    set_head(fifo, item);
}

static void give(const struct wait_queue *queue, struct stay *stay, void *mem)
{
    struct k_fifo *fifo = queue->object;

    if (mem == &fifo->announcement) {
        put_what_was_put_off(queue, stay);
    } else if (mem != news_of_cancel(fifo)) {
        give_back(queue, stay, mem);
    }
}

static void idle(const struct wait_queue *queue)
{
    (void)queue; /* nobody needs to know */
}

static void mend(const struct wait_queue *queue, struct stay *stay)
{
    struct k_fifo *fifo = queue->object;

    for (struct item *item = fifo->head; item != NULL; item = item->next) {
        fifo->tail = item;
    }
    queue->waiters->deferred = NULL;
    put_what_was_put_off(queue, stay);
}

static const struct wait_rules rules = {.give = give, .idle = idle, .mend = mend};

static struct wait_queue queue_of(struct k_fifo *fifo)
{
    return (struct wait_queue){&fifo->wait_q, &rules, fifo, NULL};
}

/* --- The public calls --- */

void k_fifo_init(struct k_fifo *fifo)
{
    *fifo = (struct k_fifo){.head = NULL};
    wait_queue_init(&fifo->wait_q, 0, 0); /* cannot fail: it asks for nothing special */
}

/* In a handler that cannot have the lock. */
static void put_off(struct k_fifo *fifo, const struct wait_queue *queue, struct item *item)
{
    void *before = __atomic_load_n(&fifo->put_off, __ATOMIC_RELAXED);

    do {
        item->next = before;
    } while (!__atomic_compare_exchange_n(&fifo->put_off, &before, item, true, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    if (__atomic_exchange_n(&fifo->is_announced, 1, __ATOMIC_SEQ_CST) == 0) {
        wait_queue_defer(queue, &fifo->announcement);
    }
}

void k_fifo_put(struct k_fifo *fifo, void *data)
{
    struct wait_queue queue = queue_of(fifo);
    struct stay stay;

    if (!wait_queue_enter(&queue, &stay)) {
        put_off(fifo, &queue, data);
        return;
    }
    put(&queue, &stay, data);
    wait_queue_leave(&queue, &stay);
}

static void *get_at_once(struct k_fifo *fifo)
{
    struct wait_queue queue = queue_of(fifo);
    struct stay stay;

    if (!wait_queue_enter(&queue, &stay)) {
        return NULL; /* a signal handler */
    }
    void *item = take_first(fifo);
    wait_queue_leave(&queue, &stay);
    return item;
}

static void *get_waiting(struct k_fifo *fifo, struct sleeper *sleeper)
{
    static const struct wait_request nothing_special;
    struct stay stay;

    if (!wait_queue_enter(&sleeper->queue, &stay)) {
        return NULL; /* a signal handler, which must not wait */
    }
    void *item = take_first(fifo);
    if (item != NULL) {
        wait_queue_leave(&sleeper->queue, &stay);
    } else if (!wait_queue_sleep(sleeper, &nothing_special, &stay, &item)) {
        wait_queue_leave(&sleeper->queue, &stay);
        return NULL;
    }
    return item == news_of_cancel(fifo) ? NULL : item;
}

void *k_fifo_get(struct k_fifo *fifo, k_timeout_t timeout)
{
    void *item = get_at_once(fifo);

    if (item != NULL || K_TIMEOUT_EQ(timeout, K_NO_WAIT)) {
        return item;
    }
    struct wait_queue queue = queue_of(fifo);
    struct sleeper sleeper;

    wait_queue_prepare(&queue, &sleeper, timeout_deadline_ns(timeout));
    item = get_waiting(fifo, &sleeper);
    wait_queue_finish(&sleeper);
    return item;
}

void k_fifo_cancel_wait(struct k_fifo *fifo)
{
    struct wait_queue queue = queue_of(fifo);
    struct stay stay;

    bool entered = wait_queue_enter(&queue, &stay);
    REQUIRE(entered, "signal handler ends a wait for items while their queue's lock is taken", fifo,
            NULL);
    hand_over(&queue, &stay, news_of_cancel(fifo));
    wait_queue_leave(&queue, &stay);
}
