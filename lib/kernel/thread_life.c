/* SPDX-License-Identifier: Apache-2.0 */
/* The lives of threads that k_thread_create makes, and the names of all.
 *
 *            delay is over,
 *            or k_thread_start                  entry returns, pthread_exit, cancellation
 *    DELAYED ---------> RELEASED ----> RUNNING ------------------------------------------> ENDED
 *       |                  |           entry runs                                            ^
 *       +------------------+---------> DROPPED ----------------------------------------------+
 *                  k_thread_abort
 *
 * The thread of the system is there from the beginning, so that k_thread_create knows whether there
 * is room for it. It waits for its start as others wait for its end: as a watcher, which lies on
 * the stack of whoever waits.
 *
 *   1. `state` changes under the lock `lives`; whoever releases, drops or ends a thread tells those
 *      that watch for it.
 *   2. A watcher is on a list of its thread, or was told. It is told once, with one post, all under
 *      `lives`; it takes `lives` before it goes on. So nobody posts to a stack that is gone.
 *   3. To become ENDED is the last that happens to a thread's memory. Who is told of it does not
 *      look at that memory again: another one who was told may have freed it.
 *   4. While a thread is RUNNING, its handle is good: it becomes ENDED before it ends.
 *   5. Threads are made to be joined, so that what frees their stacks has happened when
 *      k_thread_join returns. But they may never be joined, and their memory may be garbage when it
 *      is used again. So the handle of the last one that ended is kept here (`unjoined`), and the
 *      next to end joins it, if its joiner has not. There is never more than one that nobody joins.
 *
 * Fork. The child has one thread; that one has no watchers any more, for their stacks may be given
 * to new threads.
 *
 * Not promised: that a thread ends soon after it was aborted; that all of several joiners wait for
 * the destructors of its thread-local variables; anything in a process that lets threads be
 * cancelled asynchronously. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/bits.h"
#include "kernel/lock.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
#include "os/os.h"
#include "os/sync.h"

/* What a thread gets beyond the stack that was asked for, as <zephyr/kernel/thread.h> promises: the
 * C library puts thread-local variables there, and its printf alone needs more than firmware gives
 * to a thread. Most of it is never touched, and costs address space only. */
#define STACK_EXTRA_BYTES ((size_t)512 * 1024)

/* One that waits for the start or the end of a thread. Guarded by `lives`. */
struct z_thread_watcher {
    struct z_thread_watcher *next;
    struct z_thread_watcher **watchers; /* the list that it is on; NULL: it was told */
    uint64_t deadline_ns;               /* on the clock of os_now_ns; constant */
    struct wakeup wakeup;               /* whoever tells posts to it; the watcher waits */
};

/* A thread that has ended, and whose handle nobody has joined. */
struct ended {
    const struct k_thread *thread; /* not to be looked into; NULL: there is none */
    pthread_t handle;
};

static struct lock lives = {.rank = LOCK_RANK_THREAD};
static struct ended unjoined; /* guarded by `lives` */

static void make_good_after_fork(void)
{
    lock_inherit(&lives);
    unjoined.thread = NULL;
    thread_self()->end_watchers = NULL;
    lock_release(&lives);
}

__attribute__((constructor)) static void watch_forks(void)
{
    os_at_fork(NULL, NULL, make_good_after_fork); /* if refused: children must create no threads */
}

/* --- To watch a thread --- */

/* With `lives` held. */
static void tell(struct z_thread_watcher **watchers)
{
    while (*watchers != NULL) {
        struct z_thread_watcher *watcher = *watchers;

        *watchers = watcher->next;
        watcher->watchers = NULL;
        wakeup_post(&watcher->wakeup);
    }
}

/* With `lives` held: so nobody posts at the same time. */
static void stop_watching(struct z_thread_watcher *watcher)
{
    struct z_thread_watcher **link = watcher->watchers;

    while (link != NULL && *link != watcher) {
        link = &(*link)->next;
    }
    if (link != NULL) {
        *link = watcher->next;
    }
    wakeup_end(&watcher->wakeup);
}

static void sleep_as_watcher(void *arg)
{
    struct z_thread_watcher *watcher = (struct z_thread_watcher *)arg;

    wakeup_wait(&watcher->wakeup, watcher->deadline_ns);
}

static void cancelled_watcher(void *arg)
{
    lock_acquire(&lives);
    stop_watching((struct z_thread_watcher *)arg);
    lock_release(&lives);
}

/* Waits, without `lives`, which is held before and afterwards, to be told. False iff the deadline
 * has passed first. */
static bool watch(struct z_thread_watcher **watchers, uint64_t deadline_ns)
{
    struct z_thread_watcher watcher = {
        .next = *watchers, .watchers = watchers, .deadline_ns = deadline_ns};

    wakeup_init(&watcher.wakeup, false);
    *watchers = &watcher;
    lock_release(&lives);
    sync_cancellable(sleep_as_watcher, cancelled_watcher, &watcher);
    lock_acquire(&lives);
    stop_watching(&watcher);
    return watcher.watchers == NULL;
}

/* With `lives` held before and afterwards. False iff the deadline has passed first. */
static bool wait_for_end(struct k_thread *thread, uint64_t deadline_ns)
{
    return thread->state == THREAD_ENDED || watch(&thread->end_watchers, deadline_ns);
}

/* --- A thread's life, on the thread itself --- */

/* With `lives` held. */
static struct ended take_unjoined(void)
{
    struct ended ended = unjoined;

    unjoined.thread = NULL;
    return ended;
}

/* Without `lives`. */
static void join_ended(const struct ended *ended)
{
    if (ended->thread != NULL) {
        os_thread_join(ended->handle);
    }
}

/* Waits for the thread's start. False iff it was aborted before. */
static bool may_run(struct k_thread *thread)
{
    lock_acquire(&lives);
    if (thread->state == THREAD_DELAYED) {
        watch(&thread->start_watchers, thread->start_ns);
    }
    bool dropped = thread->state == THREAD_DROPPED;
    if (!dropped) {
        thread->handle = os_thread_handle();
        thread_set_number(thread, os_thread_number());
        thread->state = THREAD_RUNNING;
    }
    lock_release(&lives);
    return !dropped;
}

static void show_name(const struct k_thread *thread)
{
    lock_acquire(&lives);
    if (thread->name[0] != '\0') {
        os_thread_set_name(thread->handle, thread->name);
    }
    lock_release(&lives);
}

static void run(void *arg)
{
    struct k_thread *thread = (struct k_thread *)arg;

    if (may_run(thread)) {
        show_name(thread);
        thread->entry(thread->arguments[0], thread->arguments[1], thread->arguments[2]);
    }
}

/* What the thread does from here on, in destructors, it does under another identity. */
static void finish(void *arg)
{
    struct k_thread *thread = (struct k_thread *)arg;

    os_thread_refuse_cancel();
    thread_become(NULL);
    lock_acquire(&lives);
    struct ended before = take_unjoined();
    unjoined = (struct ended){thread, os_thread_handle()};
    thread_set_number(thread, THREAD_NO_NUMBER);
    thread->state = THREAD_ENDED;
    tell(&thread->end_watchers);
    lock_release(&lives);
    join_ended(&before);
}

static void *live(void *arg)
{
    thread_become((struct k_thread *)arg);
    sync_cancellable(run, finish, arg);
    finish(arg);
    return NULL;
}

/* --- A thread's life, in the hands of others --- */

/* What is written here is seen by the new thread, and by those that are told of it afterwards. */
static void prepare(struct k_thread *thread, k_thread_entry_t entry, int priority,
                    k_timeout_t delay)
{
    memset(thread, 0, sizeof(*thread));
    lock_of(&thread->lock)->rank = LOCK_RANK_THREAD;
    thread->priority = priority;
    thread->number = THREAD_NO_NUMBER;
    thread->entry = entry;
    thread->start_ns = timeout_deadline_ns(delay);
    thread->resource_pool = thread_pool(thread_self());
    thread->state = thread->start_ns == 0 ? THREAD_RELEASED : THREAD_DELAYED;
}

k_tid_t k_thread_create(struct k_thread *new_thread, k_thread_stack_t *stack, size_t stack_size,
                        k_thread_entry_t entry, void *p1, void *p2, void *p3, int prio,
                        uint32_t options, k_timeout_t delay)
{
    size_t stack_bytes;

    (void)stack;
    (void)options;
    prepare(new_thread, entry, prio, delay);
    new_thread->arguments[0] = p1;
    new_thread->arguments[1] = p2;
    new_thread->arguments[2] = p3;
    if (!size_add(stack_size, STACK_EXTRA_BYTES, &stack_bytes) ||
        !os_thread_start(stack_bytes, live, new_thread)) {
        new_thread->state = THREAD_ENDED;
        return NULL;
    }
    return new_thread;
}

/* With `lives` held. */
static void release(struct k_thread *thread, enum thread_state state)
{
    thread->state = (int)state;
    tell(&thread->start_watchers);
}

void k_thread_start(k_tid_t thread)
{
    lock_acquire(&lives);
    if (thread->state == THREAD_DELAYED) {
        release(thread, THREAD_RELEASED);
    }
    lock_release(&lives);
}

/* What forbids to wait for a thread's end that has not come, or 0. With `lives` held. */
static int refuse_join(const struct k_thread *thread, const struct k_thread *joiner,
                       uint64_t deadline_ns)
{
    if (deadline_ns == 0) {
        return -EBUSY;
    }
    if (thread == joiner || thread->joins == joiner) {
        return -EDEADLK;
    }
    return thread->state == THREAD_FOREIGN ? -EINVAL : 0;
}

/* With `lives` held before and afterwards. */
static int join(struct k_thread *thread, struct k_thread *joiner, uint64_t deadline_ns)
{
    if (thread->state == THREAD_ENDED) {
        return 0;
    }
    int refusal = refuse_join(thread, joiner, deadline_ns);
    if (refusal != 0) {
        return refusal;
    }
    joiner->joins = thread; /* if the joiner is cancelled, it will join nobody else */
    bool ended = wait_for_end(thread, deadline_ns);
    joiner->joins = NULL;
    return ended ? 0 : -EAGAIN;
}

/* Leaves `lives`. The memory of the thread, which has ended, may be another's already. */
static void leave_ended(const struct k_thread *thread)
{
    struct ended ended = {0};

    if (unjoined.thread == thread) {
        ended = take_unjoined();
    }
    lock_release(&lives);
    join_ended(&ended);
}

int k_thread_join(struct k_thread *thread, k_timeout_t timeout)
{
    uint64_t deadline_ns = timeout_deadline_ns(timeout);

    lock_acquire(&lives);
    int result = join(thread, thread_self(), deadline_ns);
    if (result == 0) {
        leave_ended(thread);
    } else {
        lock_release(&lives);
    }
    return result;
}

/* With `lives` held. False iff the end of the thread is another's business. */
static bool ask_to_end(struct k_thread *thread)
{
    if (thread->state == THREAD_DELAYED || thread->state == THREAD_RELEASED) {
        release(thread, THREAD_DROPPED);
    } else if (thread->state == THREAD_RUNNING || thread->state == THREAD_FOREIGN) {
        os_thread_cancel(thread->handle); /* invariant 4 */
    }
    return thread->state != THREAD_FOREIGN;
}

void k_thread_abort(k_tid_t thread)
{
    if (thread == thread_self()) {
        os_thread_exit();
    }
    lock_acquire(&lives);
    if (ask_to_end(thread)) {
        wait_for_end(thread, TIMEOUT_NEVER);
        leave_ended(thread);
    } else {
        lock_release(&lives);
    }
}

/* --- Names --- */

int k_thread_name_set(k_tid_t thread, const char *str)
{
    struct k_thread *named = thread != NULL ? thread : thread_self();

    lock_acquire(&lives);
    memset(named->name, 0, sizeof(named->name));
    strncpy(named->name, str, sizeof(named->name) - 1);
    if (named->state == THREAD_RUNNING || named->state == THREAD_FOREIGN) {
        os_thread_set_name(named->handle, named->name);
    }
    lock_release(&lives);
    return 0;
}

const char *k_thread_name_get(k_tid_t thread)
{
    return thread->name;
}
