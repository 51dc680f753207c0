/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas around fork: the three functions by themselves, and real forks while other threads are
 * inside of arenas. Children only work with memory and leave. */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/malloc.h>
#include "process/address_map.h"
#include "process/arena.h"
#include "process/options.h"
#include "process/region.h"
#include "../support/death.h"
#include "../support/fake_os.h"
#include "../support/sanitizers.h"

#define MIB         ((size_t)1 << 20)
#define GROWS_BYTES (6 * MIB) /* a block of this size needs os_commit after arena_trim(0) */
#define ARENAS      2u

static struct region *region_of(const void *block)
{
    return address_map_find(block).region;
}

static void free_block(void *block)
{
    arena_free(region_of(block), block);
}

static size_t live_bytes(void)
{
    struct quarry_malloc_stats stats = {0};

    quarry_malloc_stats_get(&stats);
    return stats.live_bytes;
}

static int trimmed_arenas(void **state)
{
    fake_os_reset();
    options_set_arenas(ARENAS);
    arena_trim(0);
    return 0;
}

static int nothing_live(void **state)
{
    fake_os_reset();
    assert_int_equal(live_bytes(), 0);
    return 0;
}

/* Whether every arena can be used by this thread: makes, fills and frees blocks of all sizes. */
static bool all_work(void)
{
    for (unsigned int i = 0; i < 2 * ARENAS; i++) {
        unsigned char *small = arena_alloc(REGION_ALIGN, 10);
        unsigned char *grows = arena_alloc(REGION_ALIGN, GROWS_BYTES);

        if (small == NULL || grows == NULL) {
            return false;
        }
        memset(small, 1, 10);
        memset(grows, 2, GROWS_BYTES);
        free_block(small);
        free_block(grows);
    }
    arena_trim(0);
    return true;
}

static void *work_in_thread(void *arg)
{
    *(bool *)arg = all_work();
    return NULL;
}

static bool others_work(void)
{
    bool worked = false;
    pthread_t thread;

    pthread_create(&thread, NULL, work_in_thread, &worked);
    pthread_join(thread, NULL);
    return worked;
}

static void expect_trio_lets_its_thread_work(void (*after_fork)(void))
{
    void *before = arena_alloc(REGION_ALIGN, 100);

    arena_before_fork();
    void *between = arena_alloc(REGION_ALIGN, GROWS_BYTES);
    assert_non_null(between);
    memset(between, 1, GROWS_BYTES);
    free_block(before);
    assert_true(all_work());
    after_fork();
    free_block(between);
    assert_true(all_work());
    assert_true(others_work());
}

static void forking_thread_works_until_the_parent_goes_on(void **state)
{
    expect_trio_lets_its_thread_work(arena_after_fork_in_parent);
}

static void forking_thread_works_until_the_child_goes_on(void **state)
{
    expect_trio_lets_its_thread_work(arena_after_fork_in_child);
}

/* Ends a child process. Exit codes are not looked at: sanitizers and Valgrind have their own
 * opinion of a child that leaves while threads of its parent are missing. */
static _Noreturn void leave_child(bool good)
{
    if (!good) {
        abort();
    }
    _exit(0);
}

static bool child_was_good(pid_t child)
{
    int status = 0;

    return waitpid(child, &status, 0) == child && WIFEXITED(status);
}

/* Forks as a program does; whether the child agrees. */
static bool fork_and_run(bool (*child)(void *), void *arg)
{
    arena_before_fork();
    pid_t pid = fork();
    if (pid == 0) {
        alarm(60); /* instead of hanging for ever */
        arena_after_fork_in_child();
        leave_child(child(arg));
    }
    arena_after_fork_in_parent();
    return child_was_good(pid);
}

static bool child_works(void *arg)
{
    if (arg != NULL) {
        free_block(arg);
    }
    return all_work() && live_bytes() == 0;
}

static void child_of_a_quiet_process_works(void **state)
{
    void *block = arena_alloc(REGION_ALIGN, 100);

    assert_true(fork_and_run(child_works, block));
    free_block(block);
    assert_true(all_work());
}

/* A thread that stays inside of a system call until another thread is about to fork. */
struct busy {
    sem_t inside;
    sem_t go_on;
    void *block;
};

static void stay_inside(void *arg)
{
    struct busy *busy = arg;

    fake_os_watch(FAKE_OS_COMMIT, NULL, NULL);
    fake_os_watch(FAKE_OS_DECOMMIT, NULL, NULL);
    sem_post(&busy->inside);
    sem_wait(&busy->go_on);
}

static void *allocate_busily(void *arg)
{
    struct busy *busy = arg;

    busy->block = arena_alloc(REGION_ALIGN, GROWS_BYTES);
    return NULL;
}

static void *trim_busily(void *arg)
{
    (void)arg;
    arena_trim(0);
    return NULL;
}

static void start_busy(struct busy *busy, pthread_t *thread, enum fake_os_call call,
                       void *(*work)(void *))
{
    sem_init(&busy->inside, 0, 0);
    sem_init(&busy->go_on, 0, 0);
    busy->block = NULL;
    fake_os_watch(call, stay_inside, busy);
    assert_int_equal(pthread_create(thread, NULL, work, busy), 0);
    sem_wait(&busy->inside);
}

/* The busy thread's block may or may not be among what is live in the child. */
static bool child_allocates(void *arg)
{
    (void)arg;
    return all_work();
}

static void fork_waits_for_a_thread_in_an_arena(void **state)
{
    struct busy busy;
    pthread_t thread;

    start_busy(&busy, &thread, FAKE_OS_COMMIT, allocate_busily);
    sem_post(&busy.go_on); /* it may or may not be out by the time of the fork */
    assert_true(fork_and_run(child_allocates, NULL));
    pthread_join(thread, NULL);
    assert_non_null(busy.block);
    free_block(busy.block);
}

/* The thread that was giving memory back has no counterpart in the child: its region grows there.
 */
static bool child_grows(void *arg)
{
    struct region *region = arg;

    return region->trimming_thread == NULL && all_work();
}

static void child_may_use_a_tail_that_was_being_given_back(void **state)
{
    struct busy busy;
    pthread_t thread;
    void *block = arena_alloc(REGION_ALIGN, GROWS_BYTES);
    struct region *region = region_of(block);

    free_block(block);
    start_busy(&busy, &thread, FAKE_OS_DECOMMIT, trim_busily);
    assert_non_null(region->trimming_thread);
    assert_true(fork_and_run(child_grows, region));
    assert_non_null(region->trimming_thread);
    sem_post(&busy.go_on);
    pthread_join(thread, NULL);
    assert_null(region->trimming_thread);
    assert_true(all_work());
}

/* A handler that forks while its thread is inside of an arena: the interrupted call goes on in both
 * processes. */
struct forker {
    pid_t pid; /* 0 in the child */
    bool forked;
};

static void fork_in_handler(void *arg)
{
    struct forker *forker = arg;

    fake_os_watch(FAKE_OS_COMMIT, NULL, NULL);
    fake_os_watch(FAKE_OS_DECOMMIT, NULL, NULL);
    arena_before_fork();
    forker->pid = fork();
    if (forker->pid == 0) {
        arena_after_fork_in_child();
    } else {
        arena_after_fork_in_parent();
    }
    forker->forked = true;
}

static void fork_inside_of_an_arena_leaves_both_sides_working(void **state)
{
    struct forker forker = {.forked = false};

    fake_os_watch(FAKE_OS_COMMIT, fork_in_handler, &forker);
    void *block = arena_alloc(REGION_ALIGN, GROWS_BYTES);
    assert_true(forker.forked);
    if (forker.pid == 0) {
        alarm(60);
        memset(block, 1, GROWS_BYTES);
        free_block(block);
        leave_child(all_work() && live_bytes() == 0);
    }
    assert_true(child_was_good(forker.pid));
    memset(block, 1, GROWS_BYTES);
    free_block(block);
    assert_true(all_work());
}

/* A handler that forks while its thread gives memory back: the child goes on giving back what was
 * taken out of the heap, and nothing that the heap got since. */
static void fork_and_grow_in_handler(void *arg)
{
    struct forker *forker = arg;

    fork_in_handler(forker);
    if (forker->pid == 0) {
        for (unsigned int i = 0; i < ARENAS; i++) {
            memset(arena_alloc(REGION_ALIGN, GROWS_BYTES), 1, GROWS_BYTES);
        }
    }
}

static void fork_while_giving_back_leaves_both_sides_working(void **state)
{
    struct forker forker = {.forked = false};

    free_block(arena_alloc(REGION_ALIGN, GROWS_BYTES));
    fake_os_watch(FAKE_OS_DECOMMIT, fork_and_grow_in_handler, &forker);
    arena_trim(0);
    fake_os_watch(FAKE_OS_DECOMMIT, NULL, NULL);
    assert_true(forker.forked);
    if (forker.pid == 0) {
        alarm(60);
        leave_child(all_work());
    }
    assert_true(child_was_good(forker.pid));
    assert_true(all_work());
}

/* A handler that runs while its thread waits in arena_before_fork for the second of two arenas, and
 * frees a block of the first, which the thread has locked already. */
static void *block_of_first_arena;
static atomic_int second_is_taken;
static atomic_int about_to_fork;
static atomic_int handled;

static void free_in_handler(int number)
{
    (void)number;
    free_block(block_of_first_arena);
    atomic_store(&handled, 1);
}

/* Runs in a commit of the second arena, with its lock: waits until the first is locked by the
 * thread that forks, and then sends it the signal. */
static void signal_the_forker(void *arg)
{
    void *block;

    fake_os_watch(FAKE_OS_COMMIT, NULL, NULL);
    atomic_store(&second_is_taken, 1);
    while (atomic_load(&about_to_fork) == 0) {
        sched_yield();
    }
    while ((block = arena_alloc(REGION_ALIGN, 1)) != NULL) {
        free_block(block);
        sched_yield();
    }
    pthread_kill(*(pthread_t *)arg, SIGUSR1);
    while (atomic_load(&handled) == 0) {
        sched_yield();
    }
}

static pthread_barrier_t both_ready;

static void *grow_second_arena(void *arg)
{
    void *block = arena_alloc(REGION_ALIGN, 1); /* while the first is taken */

    assert_true(region_of(block)->arena > region_of(block_of_first_arena)->arena);
    pthread_barrier_wait(&both_ready);
    fake_os_watch(FAKE_OS_COMMIT, signal_the_forker, arg);
    arena_alloc(REGION_ALIGN, GROWS_BYTES);
    return NULL;
}

/* Lets the other thread move to the second arena while this one is in the first. */
static void start_second(void *arg)
{
    pthread_t thread;

    fake_os_watch(FAKE_OS_COMMIT, NULL, NULL);
    pthread_create(&thread, NULL, grow_second_arena, arg);
    pthread_barrier_wait(&both_ready);
}

static void signal_while_waiting_to_fork(void *arg)
{
    struct sigaction action = {.sa_handler = free_in_handler};
    pthread_t self = pthread_self();

    (void)arg;
    alarm(20); /* far more than it takes */
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    pthread_barrier_init(&both_ready, NULL, 2);
    options_set_arenas(1);
    block_of_first_arena = arena_alloc(REGION_ALIGN, 1);
    options_set_arenas(2);
    fake_os_watch(FAKE_OS_COMMIT, start_second, &self);
    free_block(arena_alloc(REGION_ALIGN, GROWS_BYTES));
    while (atomic_load(&second_is_taken) == 0) {
        sched_yield();
    }
    atomic_store(&about_to_fork, 1);
    arena_before_fork();
    arena_after_fork_in_parent();
    leave_child(atomic_load(&handled) == 1);
}

static void handler_may_interrupt_waiting_to_fork(void **state)
{
    if (UNDER_TSAN) {
        skip(); /* its runtime keeps signals back while a thread waits for a mutex */
    }
    struct death death = death_of(signal_while_waiting_to_fork, NULL);

    assert_int_equal(death.signal, 0); /* neither SIGALRM nor SIGABRT */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, trimmed_arenas, nothing_live)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(forking_thread_works_until_the_parent_goes_on),
        TEST(forking_thread_works_until_the_child_goes_on),
        TEST(child_of_a_quiet_process_works),
        TEST(fork_waits_for_a_thread_in_an_arena),
        TEST(child_may_use_a_tail_that_was_being_given_back),
        TEST(fork_inside_of_an_arena_leaves_both_sides_working),
        TEST(fork_while_giving_back_leaves_both_sides_working),
        TEST(handler_may_interrupt_waiting_to_fork),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
