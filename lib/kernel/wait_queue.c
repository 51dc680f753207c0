/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for memory: who is next, and how a thread sleeps until it is.
 *
 *    object    | lock | first |
 *                         |        priority 2     priority 5     priority 5, later
 *                         +------> | waiter | <--> | waiter | <--> | waiter | <--> (the first)
 *                                   a thread's      another's
 *                                   stack           stack
 *
 * A waiter is woken by name, and finds its block already there: whoever frees memory takes the
 * waiter out of the queue, gives it the block, and posts its wakeup once the lock is free again. So
 * nobody is woken for nothing, and nobody can come first who came later.
 *
 * Invariants, with the lock free:
 *   1. The queue is in the order of priorities (lower numbers first), and of arrival among equals.
 *   2. A waiter is queued, or served, or its thread does not sleep. Which of the first two is
 *      decided under the lock, once: so a deadline and a hand-over that meet have one outcome.
 *   3. For each waiter that is served there is one post of its wakeup, and the thread does not go
 *      on without it. So nobody posts to a stack that is gone.
 *
 * A thread that sleeps holds nothing. A signal handler that interrupts it may free the very block
 * that it waits for; and if it is cancelled, it leaves the queue, or gives on what it was given.
 *
 * Shared between processes. The waiters lie in the memory behind the object (wait_places.h). A
 * process may be killed between any two instructions, hence: who waits holds a robust lock, so that
 * the dead are known; sleeps are short, to see whether the object's lock was left by a dead one;
 * and `waits` and `served` decide who is queued, so that the links can be made anew. */
#include "kernel/wait_queue.h"

#include "kernel/thread.h"
#include "kernel/wait_places.h"
#include "os/checkers.h"
#include "os/os.h"

/* How long a thread sleeps at a time that another process may have forgotten to wake. */
#define NAP_NS ((uint64_t)50 * 1000 * 1000)

/* --- The list --- */

static struct waiter *at(const struct wait_queue *queue, intptr_t distance)
{
    return wait_queue_at(queue, distance);
}

static intptr_t distance_to(const struct wait_queue *queue, const struct waiter *waiter)
{
    return wait_queue_distance(queue, waiter);
}

static void link_before(const struct wait_queue *queue, struct waiter *waiter, struct waiter *next)
{
    waiter->next = distance_to(queue, next);
    waiter->previous = next->previous;
    at(queue, next->previous)->next = distance_to(queue, waiter);
    next->previous = distance_to(queue, waiter);
}

/* A thread's own priority costs two system calls, which one who waits alone is spared. */
static void ask_for_priority(struct waiter *waiter)
{
    if (!waiter->has_priority) {
        waiter->priority = thread_priority(waiter->thread);
        waiter->has_priority = true;
    }
}

/* From the end, so that arrival among equals costs nothing. */
static void insert(const struct wait_queue *queue, struct waiter *waiter)
{
    waiter->queued = true;
    if (queue->waiters->first == 0) {
        waiter->next = waiter->previous = distance_to(queue, waiter);
        queue->waiters->first = waiter->next;
        return;
    }
    struct waiter *first = at(queue, queue->waiters->first);
    struct waiter *behind = first;

    ask_for_priority(first);
    ask_for_priority(waiter);
    while (at(queue, behind->previous)->priority > waiter->priority) {
        behind = at(queue, behind->previous);
        if (behind == first) {
            queue->waiters->first = distance_to(queue, waiter);
            break;
        }
    }
    link_before(queue, waiter, behind);
}

static void remove(const struct wait_queue *queue, struct waiter *waiter)
{
    intptr_t self = distance_to(queue, waiter);

    waiter->queued = false;
    if (waiter->next == self) {
        queue->waiters->first = 0;
        return;
    }
    at(queue, waiter->previous)->next = waiter->next;
    at(queue, waiter->next)->previous = waiter->previous;
    if (queue->waiters->first == self) {
        queue->waiters->first = waiter->next;
    }
}

static void take_out(const struct wait_queue *queue, struct waiter *waiter)
{
    remove(queue, waiter);
    if (queue->waiters->first == 0) {
        queue->rules->idle(queue);
    }
}

/* Out of the queue for good. */
static void leave_queue(const struct wait_queue *queue, struct waiter *waiter)
{
    waiter->waits = false;
    take_out(queue, waiter);
}

/* `waiter`, or the first one behind it that is not dead. The dead are taken out of the queue. */
static struct waiter *first_living(const struct wait_queue *queue, struct waiter *waiter)
{
    while (waiter != NULL && wait_queue_is_shared(queue) && wait_place_is_dead(waiter)) {
        bool was_last = waiter->next == queue->waiters->first;
        struct waiter *next = was_last ? NULL : at(queue, waiter->next);

        leave_queue(queue, waiter);
        waiter = next;
    }
    return waiter;
}

struct waiter *wait_queue_first(const struct wait_queue *queue)
{
    intptr_t first = queue->waiters->first;

    return first == 0 ? NULL : first_living(queue, at(queue, first));
}

struct waiter *wait_queue_after(const struct wait_queue *queue, const struct waiter *waiter)
{
    if (waiter->next == queue->waiters->first) {
        return NULL;
    }
    return first_living(queue, at(queue, waiter->next));
}

/* So that nobody is queued for a place that is about to be another thread's. */
static void drop_dead(const struct wait_queue *queue)
{
    struct waiter *waiter = wait_queue_first(queue);

    while (waiter != NULL) {
        waiter = wait_queue_after(queue, waiter);
    }
}

/* Everybody who waits is queued up anew, in the order of arrival. */
void wait_queue_rebuild(const struct wait_queue *queue)
{
    struct waiter *waiter = NULL;

    queue->waiters->first = 0;
    for (uint32_t i = 0; i < queue->waiters->shared_places; i++) {
        struct waiter *place = &queue->places[i];

        place->queued = false;
        place->waits = place->waits && !wait_place_is_dead(place);
    }
    while ((waiter = wait_place_next_arrival(queue, waiter)) != NULL) {
        insert(queue, waiter);
    }
}

/* --- To be served --- */

void wait_queue_serve(const struct wait_queue *queue, struct stay *stay, struct waiter *waiter,
                      void *result)
{
    take_out(queue, waiter);
    waiter->next = 0;
    if (stay->last != NULL) {
        stay->last->next = distance_to(queue, waiter);
    } else {
        stay->served = waiter;
    }
    stay->last = waiter;
    waiter->result = wait_queue_distance(queue, result);
    __atomic_store_n(&waiter->served, 1, __ATOMIC_RELEASE);
    if (wait_queue_is_shared(queue)) {
        /* Not before: who is killed in between must leave it waiting. */
        __atomic_store_n(&waiter->waits, false, __ATOMIC_RELEASE);
    }
}

static bool is_served(const struct waiter *waiter)
{
    return __atomic_load_n(&waiter->served, __ATOMIC_ACQUIRE) != 0;
}

/* --- To sleep --- */

static void reorder(void *arg, int priority)
{
    struct sleeper *sleeper = arg;
    const struct wait_queue *queue = &sleeper->queue;
    struct stay stay;

    if (!wait_queue_enter(queue, &stay)) {
        return; /* a handler sets priorities, which it may not */
    }
    if (sleeper->has_queued && sleeper->waiter->queued) {
        remove(queue, sleeper->waiter);
        sleeper->waiter->priority = priority;
        sleeper->waiter->has_priority = true;
        insert(queue, sleeper->waiter);
    }
    wait_queue_leave(queue, &stay);
}

void wait_queue_prepare(const struct wait_queue *queue, struct sleeper *sleeper,
                        uint64_t deadline_ns)
{
    sleeper->queue = *queue;
    sleeper->has_queued = false;
    if (wait_queue_is_shared(queue)) {
        sleeper->waiter = NULL; /* until it must wait */
    } else {
        sleeper->waiter = &sleeper->own;
        wakeup_init(&sleeper->own.wakeup, false);
    }
    sleeper->deadline_ns = deadline_ns;
    thread_wait_begin(thread_self(), sleeper, reorder);
}

void wait_queue_finish(struct sleeper *sleeper)
{
    thread_wait_end(thread_self());
    if (!wait_queue_is_shared(&sleeper->queue)) {
        wakeup_end(&sleeper->own.wakeup);
    } else if (sleeper->waiter != NULL) {
        wait_place_leave(sleeper->waiter);
    }
}

static void queue_up(struct sleeper *sleeper, const struct wait_request *request)
{
    const struct wait_queue *queue = &sleeper->queue;
    struct waiter *waiter = sleeper->waiter;

    if (wait_queue_is_shared(queue)) {
        if (waiter->queued) {
            remove(queue, waiter); /* a dead thread had the place */
        }
        waiter->process_id = os_process_id();
        waiter->arrival = os_now_ns();
    }
    waiter->thread = thread_self();
    waiter->has_priority = false;
    if (wait_queue_is_shared(queue)) {
        ask_for_priority(waiter); /* others know nothing of this process's threads */
    }
    __atomic_store_n(&waiter->served, 0, __ATOMIC_RELAXED);
    waiter->request = *request;
    waiter->waits = true;
    sleeper->has_queued = true;
    insert(queue, waiter);
}

static uint64_t end_of_nap(const struct sleeper *sleeper)
{
    uint64_t nap = wait_queue_is_shared(&sleeper->queue) ? os_now_ns() + NAP_NS : UINT64_MAX;

    return nap < sleeper->deadline_ns ? nap : sleeper->deadline_ns;
}

/* After a nap without a post: whether that is the end. Then the lock is held, unless served. */
static bool is_over(struct sleeper *sleeper, struct stay *stay)
{
    wait_queue_enter(&sleeper->queue, stay); /* not in a handler: it does not refuse */
    if (is_served(sleeper->waiter)) {
        wait_queue_leave(&sleeper->queue, stay);
        return true;
    }
    if (os_now_ns() >= sleeper->deadline_ns) {
        leave_queue(&sleeper->queue, sleeper->waiter);
        return true;
    }
    wait_queue_leave(&sleeper->queue, stay);
    return false;
}

/* Invariant 3. A shared place does not go away, and its post may never come. */
static void await_post(struct sleeper *sleeper)
{
    if (!wait_queue_is_shared(&sleeper->queue)) {
        wakeup_wait(&sleeper->waiter->wakeup, UINT64_MAX);
    }
}

/* Race detectors that do not know atomics, or waiting by the monotonic clock, learn from the lock
 * that the block was handed over. */
static bool finds_itself_served(const struct sleeper *sleeper)
{
    struct stay stay;

    if (!checkers_want_locks()) {
        return is_served(sleeper->waiter);
    }
    wait_queue_enter(&sleeper->queue, &stay);
    bool served = is_served(sleeper->waiter);
    wait_queue_leave(&sleeper->queue, &stay);
    return served;
}

struct sleep {
    struct sleeper *sleeper;
    struct stay *stay;
};

static void sleep_until_served(void *arg)
{
    struct sleep *sleep = arg;
    struct sleeper *sleeper = sleep->sleeper;

    for (;;) {
        bool posted = wakeup_wait(&sleeper->waiter->wakeup, end_of_nap(sleeper));

        if (finds_itself_served(sleeper)) {
            if (!posted) {
                await_post(sleeper);
            }
            return;
        }
        if (!posted && is_over(sleeper, sleep->stay)) {
            if (is_served(sleeper->waiter)) {
                await_post(sleeper);
            }
            return;
        }
    }
}

static void *result_of(const struct sleeper *sleeper)
{
    return wait_queue_at(&sleeper->queue, sleeper->waiter->result);
}

/* The thread was cancelled while it slept. */
static void give_up(void *arg)
{
    struct sleep *sleep = arg;
    struct sleeper *sleeper = sleep->sleeper;
    const struct wait_queue *queue = &sleeper->queue;
    struct stay stay;

    wait_queue_enter(queue, &stay);
    bool served = is_served(sleeper->waiter);
    if (served) {
        sleeper->waiter->waits = false;
        __atomic_store_n(&sleeper->waiter->served, 0, __ATOMIC_RELEASE); /* it has it no more */
        queue->rules->give(queue, &stay, result_of(sleeper));
    } else {
        leave_queue(queue, sleeper->waiter);
    }
    wait_queue_leave(queue, &stay);
    if (served) {
        await_post(sleeper);
    }
    wait_queue_finish(sleeper);
}

/* If who handed a shared block over has died since, things are put in order now, while the waiter
 * still shows that it has the block. */
static void confirm_hand_over(const struct wait_queue *queue)
{
    if (wait_queue_is_shared(queue)) {
        struct stay stay;

        wait_queue_enter(queue, &stay);
        wait_queue_leave(queue, &stay);
    }
}

bool wait_queue_sleep(struct sleeper *sleeper, const struct wait_request *request,
                      struct stay *stay, void **result)
{
    struct sleep arg = {sleeper, stay};

    if (sleeper->waiter == NULL) {
        drop_dead(&sleeper->queue);
        sleeper->waiter = wait_place_take(&sleeper->queue);
    }
    if (sleeper->waiter == NULL) {
        if (sleeper->queue.waiters->first == 0) {
            sleeper->queue.rules->idle(&sleeper->queue);
        }
        return false;
    }
    queue_up(sleeper, request);
    wait_queue_leave(&sleeper->queue, stay);
    if (request->block == 0) {
        sync_cancellable(sleep_until_served, give_up, &arg);
    } else {
        sync_uncancellable(sleep_until_served,
                           &arg); /* else nobody would know where the block is */
    }
    if (!is_served(sleeper->waiter)) {
        return false;
    }
    confirm_hand_over(&sleeper->queue);
    *result = result_of(sleeper);
    return true;
}
