/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: identities, logical priorities, and what waiters hear of these. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/thread.h>
#include <zephyr/kernel/thread.h>
#include <zephyr/sys/heaptrace.h>
#include <zephyr/sys/sys_heap.h>
#include "kernel/thread.h"
#include "os/os.h"
#include "os/sync.h"
#include "../support/trace_search.h"

#define USUAL_PRIORITY 20
#define ROUNDS         200

static struct k_thread thread;

static k_tid_t create(struct k_thread *new_thread, k_thread_entry_t entry, void *arg)
{
    return k_thread_create(new_thread, NULL, 0, entry, arg, NULL, NULL, 0, 0, K_NO_WAIT);
}

/* --- Priorities --- */

/* As most threads are scheduled, whoever runs the tests. */
static int usual_scheduling(void **state)
{
    struct sched_param parameters = {.sched_priority = 0};

    return sched_setscheduler(0, SCHED_OTHER, &parameters);
}

static int own_nice(void)
{
    return getpriority(PRIO_PROCESS, 0);
}

static void a_thread_is_as_urgent_as_it_is_nice(void **state)
{
    assert_int_equal(k_thread_priority_get(k_current_get()), USUAL_PRIORITY + own_nice());
}

/* A thread that tells of itself, and stays until it is told to go. */
struct report {
    sem_t ready;
    sem_t go;
    k_tid_t tid;
    int expected;
    int found;
    bool skipped;
};

static struct report report;

static void begin_report(void)
{
    report = (struct report){.tid = NULL};
    sem_init(&report.ready, 0, 0);
    sem_init(&report.go, 0, 0);
}

static void tell(int expected, bool skipped)
{
    report.tid = k_current_get();
    report.expected = expected;
    report.found = k_thread_priority_get(report.tid);
    report.skipped = skipped;
    sem_post(&report.ready);
    sem_wait(&report.go);
}

static void *be_nicer(void *arg)
{
    int before = own_nice();
    int wanted = before < 19 ? before + 1 : before;
    bool changed = k_thread_priority_get(k_current_get()) == USUAL_PRIORITY + before &&
                   setpriority(PRIO_PROCESS, 0, wanted) == 0;

    tell(USUAL_PRIORITY + wanted, !changed);
    return NULL;
}

static void *be_less_nice(void *arg)
{
    bool changed = setpriority(PRIO_PROCESS, 0, -5) == 0;

    tell(USUAL_PRIORITY - 5, !changed);
    return NULL;
}

static void *be_realtime(void *policy)
{
    struct sched_param parameters = {.sched_priority = 7};
    bool changed = sched_setscheduler(0, *(int *)policy, &parameters) == 0;

    tell(-7, !changed);
    return NULL;
}

/* What another thread finds of itself is what we find of it. */
static void expect_report(void *(*start)(void *), void *arg)
{
    pthread_t other;

    begin_report();
    assert_int_equal(pthread_create(&other, NULL, start, arg), 0);
    sem_wait(&report.ready);
    int seen_from_here = k_thread_priority_get(report.tid);
    sem_post(&report.go);
    pthread_join(other, NULL);
    sem_destroy(&report.ready);
    sem_destroy(&report.go);
    if (report.skipped) {
        skip();
    }
    assert_int_equal(report.found, report.expected);
    assert_int_equal(seen_from_here, report.expected);
}

static void a_change_of_the_nice_value_counts_at_once(void **state)
{
    expect_report(be_nicer, NULL);
}

static void a_negative_nice_value_is_a_higher_priority(void **state)
{
    expect_report(be_less_nice, NULL);
}

static void a_fifo_priority_goes_before_nice_values(void **state)
{
    int policy = SCHED_FIFO;

    expect_report(be_realtime, &policy);
}

static void a_round_robin_priority_does_so_too(void **state)
{
    int policy = SCHED_RR | SCHED_RESET_ON_FORK;

    expect_report(be_realtime, &policy);
}

static void what_is_set_counts_until_it_is_taken_back(void **state)
{
    k_tid_t self = k_current_get();

    k_thread_priority_set(self, K_PRIO_COOP(2));
    assert_int_equal(k_thread_priority_get(self), -14);
    k_thread_priority_set(self, INT_MAX);
    assert_int_equal(k_thread_priority_get(self), INT_MAX);
    k_thread_priority_set(self, INT_MIN);
    assert_int_equal(k_thread_priority_get(self), USUAL_PRIORITY + own_nice());
}

static void *tell_priority(void *arg)
{
    *(int *)arg = k_thread_priority_get(k_current_get());
    return arg;
}

static int priority_of_child(void)
{
    pthread_t child;
    int priority = INT_MAX;
    void *result = NULL;

    assert_int_equal(quarry_thread_create(&child, NULL, tell_priority, &priority), 0);
    pthread_join(child, &result);
    assert_ptr_equal(result, &priority);
    return priority;
}

static void a_priority_is_inherited(void **state)
{
    assert_int_equal(priority_of_child(), USUAL_PRIORITY + own_nice());
    k_thread_priority_set(k_current_get(), K_PRIO_PREEMPT(6));
    assert_int_equal(priority_of_child(), 6);
    k_thread_priority_set(k_current_get(), INT_MIN);
}

static void a_posix_thread_may_be_refused(void **state)
{
    pthread_attr_t attributes;
    pthread_t child;
    struct sched_param parameters = {.sched_priority = 1};

    pthread_attr_init(&attributes);
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
    pthread_attr_setschedparam(&attributes, &parameters);
    int priority = INT_MAX;
    int error = quarry_thread_create(&child, &attributes, tell_priority, &priority);
    pthread_attr_destroy(&attributes);
    if (error == 0) { /* with rights; none is set, so the scheduling counts */
        pthread_join(child, NULL);
        assert_int_equal(priority, -1);
    } else {
        assert_int_equal(error, EPERM);
    }
}

static void zephyrs_priorities_are_these(void **state)
{
    assert_int_equal(K_PRIO_COOP(0), -16);
    assert_int_equal(K_PRIO_PREEMPT(1), 1);
    assert_int_equal(K_HIGHEST_THREAD_PRIO, -16);
    assert_int_equal(K_HIGHEST_APPLICATION_THREAD_PRIO, -16);
    assert_int_equal(K_LOWEST_THREAD_PRIO, 15);
    assert_int_equal(K_IDLE_PRIO, 15);
    assert_int_equal(K_LOWEST_APPLICATION_THREAD_PRIO, 14);
}

/* --- To wait --- */

/* What a queue does, in small. */
struct seat {
    struct lock lock;
    int priority;
    int moves;
};

static void move(void *waiter, int priority)
{
    struct seat *seat = (struct seat *)waiter;

    lock_acquire(&seat->lock);
    seat->priority = priority;
    seat->moves++;
    lock_release(&seat->lock);
}

static void a_waiter_hears_of_a_new_priority(void **state)
{
    struct seat seat = {.lock = {.rank = LOCK_RANK_KERNEL}};
    k_tid_t self = k_current_get();

    thread_wait_begin(self, &seat, move);
    k_thread_priority_set(self, 4);
    assert_int_equal(seat.moves, 1);
    assert_int_equal(seat.priority, 4);
    k_thread_priority_set(self, INT_MIN);
    assert_int_equal(seat.priority, USUAL_PRIORITY + own_nice());
    thread_wait_end(self);
    k_thread_priority_set(self, 5);
    assert_int_equal(seat.moves, 2);
    k_thread_priority_set(self, INT_MIN);
}

static void change_priorities(void *waiter, void *p2, void *p3)
{
    for (int i = 0; i < ROUNDS; i++) {
        k_thread_priority_set(waiter, i);
    }
}

/* Whenever it begins to wait, a waiter ends up with the latest priority. */
static void no_change_is_missed(void **state)
{
    struct seat seat = {.lock = {.rank = LOCK_RANK_KERNEL}};
    k_tid_t self = k_current_get();

    k_thread_priority_set(self, -1);
    create(&thread, change_priorities, self);
    for (bool changing = true; changing;) {
        changing = k_thread_join(&thread, K_NO_WAIT) == -EBUSY;
        thread_wait_begin(self, &seat, move);
        lock_acquire(&seat.lock);
        seat.priority = thread_priority(self);
        lock_release(&seat.lock);
        sched_yield();
        thread_wait_end(self);
    }
    assert_int_equal(seat.priority, ROUNDS - 1);
    k_thread_priority_set(self, INT_MIN);
}

/* --- Identity --- */

static void *tell_self(void *arg)
{
    *(k_tid_t *)arg = k_current_get();
    return os_thread_id() == k_current_get() ? arg : NULL;
}

static void every_thread_has_an_identity(void **state)
{
    k_tid_t other = NULL;
    void *result = NULL;
    pthread_t posix_thread;

    assert_non_null(k_current_get());
    assert_ptr_equal(k_current_get(), k_current_get());
    assert_ptr_equal(k_current_get(), os_thread_id());
    assert_int_equal(pthread_create(&posix_thread, NULL, tell_self, &other), 0);
    pthread_join(posix_thread, &result);
    assert_non_null(other);
    assert_ptr_equal(result, &other);
    assert_ptr_not_equal(other, k_current_get());
}

static struct sys_heap heap;

static void allocate(void *p1, void *p2, void *p3)
{
    *(void **)p1 = sys_heap_alloc(&heap, 10);
}

static void heaptrace_knows_threads_by_their_identity(void **state)
{
    static _Alignas(8) char buffer[4096];
    void *of_thread = NULL;

    assert_int_equal(heaptrace_init(), 0);
    sys_heap_init(&heap, buffer, sizeof(buffer));
    heaptrace_set_filter_tid(&thread);
    create(&thread, allocate, &of_thread);
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
    assert_ptr_equal(search_for(of_thread).found.tid, &thread);
    void *ours = sys_heap_alloc(&heap, 10);
    assert_false(is_recorded(ours));
    heaptrace_set_filter_tid(k_current_get());
    ours = sys_heap_alloc(&heap, 10);
    assert_ptr_equal(search_for(ours).found.tid, k_current_get());
    heaptrace_clear_filter();
    heaptrace_reset();
}

/* --- Fork --- */

static void find_self(void *p1, void *p2, void *p3)
{
    *(k_tid_t *)p1 = k_current_get();
}

static bool child_can_create_a_thread(void)
{
    k_tid_t found = NULL;
    struct k_thread local;

    return create(&local, find_self, &found) == &local && k_thread_join(&local, K_FOREVER) == 0 &&
           found == &local;
}

static int child_of_fork(k_tid_t parent)
{
    int priority = USUAL_PRIORITY + own_nice();

    if (k_current_get() != parent || k_thread_priority_get(parent) != priority) {
        return 1;
    }
    k_thread_priority_set(parent, 9);
    if (k_thread_priority_get(parent) != 9) {
        return 2;
    }
    /* Some sanitizers do not create threads there. */
    return QUARRY_SANITIZED || child_can_create_a_thread() ? 0 : 3;
}

static void wait_for_go(void *p1, void *p2, void *p3)
{
    tell(0, true);
}

static void the_child_of_a_fork_has_one_thread(void **state)
{
    k_tid_t self = k_current_get();
    int status = 1;

    begin_report();
    create(&thread, wait_for_go, NULL);
    sem_wait(&report.ready);
    pid_t child = fork();
    if (child == 0) {
        _exit(child_of_fork(self));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    sem_post(&report.go);
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
    sem_destroy(&report.ready);
    sem_destroy(&report.go);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_is_as_urgent_as_it_is_nice),
        cmocka_unit_test(a_change_of_the_nice_value_counts_at_once),
        cmocka_unit_test(a_negative_nice_value_is_a_higher_priority),
        cmocka_unit_test(a_fifo_priority_goes_before_nice_values),
        cmocka_unit_test(a_round_robin_priority_does_so_too),
        cmocka_unit_test(what_is_set_counts_until_it_is_taken_back),
        cmocka_unit_test(a_priority_is_inherited),
        cmocka_unit_test(a_posix_thread_may_be_refused),
        cmocka_unit_test(zephyrs_priorities_are_these),
        cmocka_unit_test(a_waiter_hears_of_a_new_priority),
        cmocka_unit_test(no_change_is_missed),
        cmocka_unit_test(every_thread_has_an_identity),
        cmocka_unit_test(heaptrace_knows_threads_by_their_identity),
        cmocka_unit_test(the_child_of_a_fork_has_one_thread),
    };

    return cmocka_run_group_tests(tests, usual_scheduling, NULL);
}
