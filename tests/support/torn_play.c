/* SPDX-License-Identifier: Apache-2.0 */
/* The cast, and what must be true when the play is over. */
#include "torn_play.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "core/heap.h"
#include "kernel/shared_heap.h"
#include "kernel/shared_slab.h"

#define SOME_BYTES   40u
#define HANG_SECONDS 20u
#define FUTEX_TID    0x3fffffff /* of the word of a robust lock: the thread that has it */
#define NO_PROCESS   0x7fffffff /* has no blocks */

struct torn_stage *torn_stage;
struct k_mem_slab *torn_slab;
struct k_heap torn_heap;
pid_t torn_dead;

/* What the parent has. */
static char *slab_block;
static char *heap_blocks[2];

bool torn_begin(void)
{
    torn_stage =
        mmap(NULL, sizeof(*torn_stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return torn_stage != MAP_FAILED;
}

/* --- Processes --- */

/* Does what fork does; the child does not outlive its parent. */
static pid_t begin_child(void)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    return child;
}

/* Runs body in a child. */
static pid_t begin_process(void (*body)(void))
{
    pid_t child = begin_child();

    if (child == 0) {
        body();
        _exit(0);
    }
    return child;
}

static void end_process(pid_t child)
{
    int status = 0;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static bool is_over(uint64_t limit_ms)
{
    return (uint64_t)k_uptime_get() > limit_ms;
}

static uint64_t limit_from_now(void)
{
    return (uint64_t)k_uptime_get() + HANG_SECONDS * 1000u;
}

/* The same for one that sleeps until it is served. */
static void end_waiter(pid_t child)
{
    uint64_t limit_ms = limit_from_now();
    int status = 0;

    while (waitpid(child, &status, WNOHANG) == 0) {
        if (is_over(limit_ms)) {
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
            fail_msg("waiter was not served");
        }
        k_usleep(200);
    }
    assert_int_equal(status, 0);
}

static int holder_of(const struct k_spinlock *lock)
{
    return __atomic_load_n(&lock->mutex.__data.__lock, __ATOMIC_ACQUIRE) & FUTEX_TID;
}

static int slab_holder(void)
{
    return holder_of(&torn_slab->wait_q.lock);
}

static int heap_holder(void)
{
    return holder_of(&torn_heap.shared->waiters.lock);
}

/* Stops a process while it has no lock. */
static void freeze(pid_t child)
{
    int status;

    for (;;) {
        kill(child, SIGSTOP);
        assert_int_equal(waitpid(child, &status, WUNTRACED), child);
        assert_true(WIFSTOPPED(status));
        if (slab_holder() != child && heap_holder() != child) {
            return;
        }
        kill(child, SIGCONT);
    }
}

static size_t count_waiters(const struct wait_queue *queue)
{
    size_t count = 0;

    for (uint32_t i = 0; i < TORN_WAITERS; i++) {
        count += queue->places[i].waits;
    }
    return count;
}

static size_t all_waiters(void)
{
    struct wait_queue of_slab = k_mem_slab_queue(torn_slab);
    struct wait_queue of_heap = k_heap_queue(&torn_heap);

    return count_waiters(&of_slab) + count_waiters(&of_heap);
}

/* A process that waits, as the n'th one, and is stopped. */
static pid_t begin_waiter(void (*wait_for_block)(void), size_t n)
{
    pid_t child = begin_process(wait_for_block);
    uint64_t limit_ms = limit_from_now();

    while (all_waiters() != n) {
        assert_false(is_over(limit_ms));
    }
    freeze(child);
    return child;
}

/* --- A play --- */

static size_t largest; /* block that a fresh heap has */

static void begin_objects(void)
{
    void *mem;

    memset(torn_stage, 0, sizeof(*torn_stage));
    torn_slab = quarry_shared_slab_create(torn_stage->slab, TORN_HALF_BYTES, TORN_BLOCK_BYTES,
                                          TORN_BLOCKS, TORN_WAITERS);
    assert_non_null(torn_slab);
    assert_int_equal(quarry_shared_heap_create(&torn_heap, torn_stage->heap, TORN_HALF_BYTES,
                                               TORN_HEAP_BYTES, TORN_WAITERS),
                     0);
    largest = heap_largest_allocatable_bytes(&torn_heap.heap);
    assert_int_equal(k_mem_slab_alloc(torn_slab, &mem, K_NO_WAIT), 0);
    slab_block = memset(mem, 0x11, TORN_BLOCK_BYTES);
    heap_blocks[0] = k_heap_alloc(&torn_heap, SOME_BYTES, K_NO_WAIT);
    heap_blocks[1] = k_heap_alloc(&torn_heap, 1, K_NO_WAIT);
    memset(heap_blocks[0], 0x22, SOME_BYTES);
    memset(heap_blocks[1], 0x33, 1);
}

static bool holds(const char *mem, char byte, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (mem[i] != byte) {
            return false;
        }
    }
    return true;
}

static void expect_only_parents_blocks(void)
{
    assert_int_equal(k_mem_slab_num_used_get(torn_slab), 1);
    assert_true(holds(slab_block, 0x11, TORN_BLOCK_BYTES));
    assert_true(holds(heap_blocks[0], 0x22, SOME_BYTES) && holds(heap_blocks[1], 0x33, 1));
    k_mem_slab_free(torn_slab, slab_block);
    k_heap_free(&torn_heap, heap_blocks[0]);
    k_heap_free(&torn_heap, heap_blocks[1]);
    assert_int_equal(k_mem_slab_num_used_get(torn_slab), 0);
    assert_int_equal(heap_largest_allocatable_bytes(&torn_heap.heap), largest);
}

static void expect_in_order(void)
{
    assert_true(quarry_shared_slab_validate(torn_slab));
    assert_true(quarry_shared_heap_validate(&torn_heap));
}

static size_t reclaim_of(pid_t process)
{
    size_t count = quarry_shared_slab_reclaim(torn_slab, process) +
                   quarry_shared_heap_reclaim(&torn_heap, process);

    expect_in_order();
    return count;
}

pid_t torn_victim(const struct torn_scene *scene)
{
    pid_t child = begin_child();
    int status;

    if (child == 0) {
        scene->arrange();
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0) {
            raise(SIGSTOP);
        }
        scene->call();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSTOPPED(status)) {
        skip(); /* no process may be traced here */
    }
    return child;
}

bool torn_step(pid_t victim)
{
    int status;

    return ptrace(PTRACE_SINGLESTEP, victim, NULL, NULL) == 0 &&
           waitpid(victim, &status, 0) == victim && WIFSTOPPED(status);
}

void torn_kill(struct torn_play *play)
{
    int status;

    play->slab_died = slab_holder() == play->victim;
    play->heap_died = heap_holder() == play->victim;
    kill(play->victim, SIGKILL);
    assert_int_equal(waitpid(play->victim, &status, 0), play->victim);
    assert_true(WIFSIGNALED(status));
}

static void begin_giver(struct torn_play *play)
{
    play->giver = begin_process(play->scene->give);
    assert_int_equal(waitpid(play->giver, NULL, WUNTRACED), play->giver);
}

bool torn_await_cue(bool (*has_waiter)(void))
{
    raise(SIGSTOP); /* until all are there */
    while (__atomic_load_n(&torn_stage->stop, __ATOMIC_ACQUIRE) == 0) {
        if (has_waiter()) {
            return true;
        }
    }
    return false;
}

void torn_open(struct torn_play *play, const struct torn_scene *scene)
{
    *play = (struct torn_play){.scene = scene, .victim = NO_PROCESS, .giver = NO_PROCESS};
    begin_objects();
    torn_dead = NO_PROCESS;
    if (scene->leave != NULL) {
        torn_dead = begin_process(scene->leave);
        end_process(torn_dead);
    }
    if (scene->give != NULL) {
        begin_giver(play);
    }
    play->victim = torn_victim(scene);
    for (size_t i = 0; i < scene->waiters; i++) {
        play->waiters[i] = begin_waiter(scene->wait, i + 1);
    }
    if (scene->give != NULL) {
        kill(play->giver, SIGCONT);
    }
}

static void end_giver(const struct torn_play *play)
{
    __atomic_store_n(&torn_stage->stop, 1, __ATOMIC_RELEASE);
    if (play->giver != NO_PROCESS) {
        end_process(play->giver);
    }
}

static void expect_checks(const struct torn_play *play)
{
    uint32_t slab_seen = 0;
    uint32_t heap_seen = 0;

    for (int i = 0; i < 2; i++) {
        bool first = i == 0;
        assert_int_equal(quarry_shared_slab_check(torn_slab, &slab_seen),
                         first && play->slab_died ? -EOWNERDEAD : 0);
        assert_int_equal(quarry_shared_heap_check(&torn_heap, &heap_seen),
                         first && play->heap_died ? -EOWNERDEAD : 0);
    }
}

void torn_close(const struct torn_play *play)
{
    for (size_t i = 0; i < play->scene->waiters; i++) {
        kill(play->waiters[i], SIGCONT);
    }
    expect_checks(play);
    expect_in_order();
    end_giver(play);
    reclaim_of(play->victim);
    reclaim_of(play->giver);
    reclaim_of(torn_dead);
    for (size_t i = 0; i < play->scene->waiters; i++) {
        end_waiter(play->waiters[i]);
    }
    expect_in_order();
    for (size_t i = 0; i < play->scene->waiters; i++) {
        assert_int_equal(reclaim_of(play->waiters[i]), 1);
    }
    expect_only_parents_blocks();
}
