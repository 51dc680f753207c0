/* SPDX-License-Identifier: Apache-2.0 */
/* Deaths inside of calls on shared slabs and heaps, tested on the compiled code: a victim is stepped
 * through a call, instruction by instruction, and killed.
 *
 *     test_shared_torn [STRIDE]
 *
 *   the parent      has blocks of its own, and looks after everything in the end
 *   the victim      makes the call of a scene, and dies after n instructions
 *   waiters         sleep for a block meanwhile, and are stopped while the victim lives
 *   a giver         gives a block back once the victim waits
 *   somebody dead   has left blocks, which the victim gives back
 *
 * After each death: the check says whether the victim had the lock, slab and heap are in order, and
 * once the blocks of the dead were given back, every waiter has one block, and else there are those
 * of the parent, with what the parent wrote.
 *
 * First a call is stepped through without a death, to learn after which instructions the shared
 * memory is another one: there, after its stores, later victims die. With a stride they
 * die after every STRIDE'th instruction instead: 1 takes an hour.
 *
 * Who puts things in order is killed at that in the same way. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/shared.h>
#include <zephyr/kernel.h>
#include "core/heap.h"
#include "kernel/shared_heap.h"
#include "kernel/shared_slab.h"
#include "../support/random.h"

#define BLOCKS        4u
#define BLOCK_BYTES   32u
#define HEAP_BYTES    800u
#define MAX_WAITERS   4u
#define HALF_BYTES    16384u /* of the shared memory: the slab's, and the heap's */
#define SMALL_BYTES   40u
#define LARGE_BYTES   300u
#define MOST_POINTS   16384u
#define HANG_SECONDS  20u
#define FUTEX_TID     0x3fffffff /* of the word of a robust lock: the thread that has it */
#define NO_PROCESS    0x7fffffff /* has no blocks */

static size_t stride; /* 0: die after stores, and not in all pairs of deaths */

/* --- What all see --- */

/* In shared memory. */
struct stage {
    _Alignas(64) char slab[HALF_BYTES];
    _Alignas(64) char heap[HALF_BYTES];
    uint32_t stop; /* atomic: the giver is not needed any more */
};

static struct stage *stage;
static struct k_mem_slab *slab;
static struct k_heap heap;
static pid_t dead; /* who has left blocks */

/* What the parent has. */
static char *slab_block;
static char *heap_blocks[2];

static void fail_process(void)
{
    _exit(1);
}

static char *slab_take_now(void)
{
    void *mem;

    return k_mem_slab_alloc(slab, &mem, K_NO_WAIT) == 0 ? mem : NULL;
}

static char *heap_take_now(size_t bytes)
{
    return k_heap_alloc(&heap, bytes, K_NO_WAIT);
}

/* --- Scenes --- */

struct scene {
    const char *name;
    void (*arrange)(void); /* the victim, before it is stepped through ... */
    void (*call)(void);    /* ... this */
    void (*wait)(void);    /* a waiter; NULL: there are none */
    size_t waiters;
    void (*give)(void); /* the giver; NULL: there is none */
};

static char *mine;  /* the victim's block */
static char *other; /* another one of it */

static void do_nothing(void)
{
}

/* The slab */

static void slab_use_one(void)
{
    mine = slab_take_now();
}

static void slab_use_and_free_one(void)
{
    slab_use_one();
    other = slab_take_now();
    k_mem_slab_free(slab, mine);
}

static void slab_use_all(void)
{
    mine = slab_take_now();
    while (slab_take_now() != NULL) {
    }
}

static void alloc_of_slab(void)
{
    slab_take_now();
}

static void free_of_slab(void)
{
    k_mem_slab_free(slab, mine);
}

static void time_out_at_slab(void)
{
    void *mem;

    k_mem_slab_alloc(slab, &mem, K_USEC(200));
}

static void wait_for_slab(void)
{
    void *mem;

    if (k_mem_slab_alloc(slab, &mem, K_FOREVER) != 0) {
        fail_process();
    }
    memset(mem, 0x77, BLOCK_BYTES);
}

static void reclaim_slab(void)
{
    quarry_shared_slab_reclaim(slab, dead);
}

static bool slab_has_waiter(void)
{
    return __atomic_load_n(&slab->wait_q.first, __ATOMIC_ACQUIRE) != 0;
}

static bool heap_has_waiter(void)
{
    return __atomic_load_n(&heap.shared->waiters.first, __ATOMIC_ACQUIRE) != 0;
}

static bool await_waiter(bool (*has_waiter)(void))
{
    while (__atomic_load_n(&stage->stop, __ATOMIC_ACQUIRE) == 0) {
        if (has_waiter()) {
            return true;
        }
    }
    return false;
}

static void give_to_slab(void)
{
    if (await_waiter(slab_has_waiter)) {
        k_mem_slab_free(slab, mine);
    }
}

/* The heap */

static void heap_use_one(void)
{
    mine = heap_take_now(SMALL_BYTES);
}

/* | parent | mine | other | parent, or free | */
static void heap_use_two(void)
{
    mine = heap_take_now(SMALL_BYTES);
    other = heap_take_now(SMALL_BYTES);
}

static void heap_use_and_free_between(void)
{
    char *before = heap_take_now(SMALL_BYTES);

    heap_use_two();
    char *behind = heap_take_now(SMALL_BYTES);
    k_heap_free(&heap, before);
    k_heap_free(&heap, other);
    other = behind;
}

/* In few blocks, so that there is little to validate. */
static void heap_use_all(void)
{
    mine = heap_take_now(LARGE_BYTES);
    for (size_t bytes = LARGE_BYTES; bytes > 0; bytes /= 2) {
        while (heap_take_now(bytes) != NULL) {
        }
    }
}

static void alloc_of_heap(void)
{
    heap_take_now(SMALL_BYTES);
}

static void alloc_aligned_of_heap(void)
{
    k_heap_aligned_alloc(&heap, 128, SMALL_BYTES, K_NO_WAIT);
}

static void free_of_heap(void)
{
    k_heap_free(&heap, mine);
}

static void grow_in_heap(void)
{
    k_heap_realloc(&heap, mine, SMALL_BYTES + 8, K_NO_WAIT);
}

static void move_in_heap(void)
{
    k_heap_realloc(&heap, mine, 2 * SMALL_BYTES, K_NO_WAIT);
}

static void shrink_in_heap(void)
{
    k_heap_realloc(&heap, mine, 1, K_NO_WAIT);
}

static void time_out_at_heap(void)
{
    k_heap_alloc(&heap, LARGE_BYTES, K_USEC(200));
}

static void wait_for_heap(void)
{
    char *mem = k_heap_alloc(&heap, SMALL_BYTES, K_FOREVER);

    if (mem == NULL) {
        fail_process();
    }
    memset(mem, 0x77, SMALL_BYTES);
}

static void reclaim_heap(void)
{
    quarry_shared_heap_reclaim(&heap, dead);
}

static void give_to_heap(void)
{
    if (await_waiter(heap_has_waiter)) {
        k_heap_free(&heap, mine);
    }
}

/* Both */

static void check(void)
{
    uint32_t seen = 0;

    quarry_shared_slab_check(slab, &seen);
    quarry_shared_heap_check(&heap, &seen);
}

static void leave_blocks(void)
{
    slab_take_now();
    slab_take_now();
    heap_use_and_free_between();
}

static void leave_all_blocks(void)
{
    slab_use_all();
    heap_use_all();
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
    return holder_of(&slab->wait_q.lock);
}

static int heap_holder(void)
{
    return holder_of(&heap.shared->waiters.lock);
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

    for (uint32_t i = 0; i < MAX_WAITERS; i++) {
        count += queue->places[i].waits;
    }
    return count;
}

static size_t all_waiters(void)
{
    struct wait_queue of_slab = k_mem_slab_queue(slab);
    struct wait_queue of_heap = k_heap_queue(&heap);

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

/* Who is in it. */
struct play {
    const struct scene *scene;
    pid_t victim;
    pid_t giver; /* or NO_PROCESS */
    pid_t waiters[MAX_WAITERS];
    bool slab_died; /* the victim had that lock when it died */
    bool heap_died;
};

static size_t largest; /* block that a fresh heap has */

static void begin_objects(void)
{
    memset(stage, 0, sizeof(*stage));
    slab = quarry_shared_slab_create(stage->slab, HALF_BYTES, BLOCK_BYTES, BLOCKS, MAX_WAITERS);
    assert_non_null(slab);
    assert_int_equal(
        quarry_shared_heap_create(&heap, stage->heap, HALF_BYTES, HEAP_BYTES, MAX_WAITERS), 0);
    largest = heap_largest_allocatable_bytes(&heap.heap);
    slab_block = memset(slab_take_now(), 0x11, BLOCK_BYTES);
    heap_blocks[0] = memset(heap_take_now(SMALL_BYTES), 0x22, SMALL_BYTES);
    heap_blocks[1] = memset(heap_take_now(1), 0x33, 1);
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
    assert_int_equal(k_mem_slab_num_used_get(slab), 1);
    assert_true(holds(slab_block, 0x11, BLOCK_BYTES));
    assert_true(holds(heap_blocks[0], 0x22, SMALL_BYTES) && holds(heap_blocks[1], 0x33, 1));
    k_mem_slab_free(slab, slab_block);
    k_heap_free(&heap, heap_blocks[0]);
    k_heap_free(&heap, heap_blocks[1]);
    assert_int_equal(k_mem_slab_num_used_get(slab), 0);
    assert_int_equal(heap_largest_allocatable_bytes(&heap.heap), largest);
}

static void expect_in_order(void)
{
    assert_true(quarry_shared_slab_validate(slab));
    assert_true(quarry_shared_heap_validate(&heap));
}

static size_t reclaim_of(pid_t process)
{
    size_t count =
        quarry_shared_slab_reclaim(slab, process) + quarry_shared_heap_reclaim(&heap, process);

    expect_in_order();
    return count;
}

/* A victim that stops before its call. */
static pid_t begin_victim(const struct scene *scene)
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

/* Lets the victim take one step. False iff it has ended. */
static bool step(pid_t child)
{
    int status;

    return ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0 &&
           waitpid(child, &status, 0) == child && WIFSTOPPED(status);
}

/* Kills a victim that has not ended. */
static void kill_victim(struct play *play)
{
    int status;

    play->slab_died = slab_holder() == play->victim;
    play->heap_died = heap_holder() == play->victim;
    kill(play->victim, SIGKILL);
    assert_int_equal(waitpid(play->victim, &status, 0), play->victim);
    assert_true(WIFSIGNALED(status));
}

static void giver_process(const struct scene *scene)
{
    slab_use_one();
    if (scene->give == give_to_heap) {
        mine = heap_take_now(LARGE_BYTES);
    }
}

/* Everybody but the victim. */
static void open_play(struct play *play, const struct scene *scene)
{
    *play = (struct play){.scene = scene, .victim = NO_PROCESS, .giver = NO_PROCESS};
    begin_objects();
    dead = NO_PROCESS;
    if (scene->call == reclaim_slab || scene->call == reclaim_heap) {
        dead = begin_process(scene->waiters != 0 ? leave_all_blocks : leave_blocks);
        end_process(dead);
    }
}

static void begin_giver(struct play *play)
{
    play->giver = begin_child();
    if (play->giver == 0) {
        giver_process(play->scene);
        raise(SIGSTOP);
        play->scene->give();
        _exit(0);
    }
    assert_int_equal(waitpid(play->giver, NULL, WUNTRACED), play->giver);
}

static void enter_all(struct play *play)
{
    if (play->scene->give != NULL) {
        begin_giver(play);
    }
    play->victim = begin_victim(play->scene);
    for (size_t i = 0; i < play->scene->waiters; i++) {
        play->waiters[i] = begin_waiter(play->scene->wait, i + 1);
    }
    if (play->giver != NO_PROCESS) {
        kill(play->giver, SIGCONT);
    }
}

static void end_giver(const struct play *play)
{
    __atomic_store_n(&stage->stop, 1, __ATOMIC_RELEASE);
    if (play->giver != NO_PROCESS) {
        end_process(play->giver);
    }
}

static void expect_checks(const struct play *play)
{
    uint32_t slab_seen = 0;
    uint32_t heap_seen = 0;

    for (int i = 0; i < 2; i++) {
        bool first = i == 0;
        assert_int_equal(quarry_shared_slab_check(slab, &slab_seen),
                         first && play->slab_died ? -EOWNERDEAD : 0);
        assert_int_equal(quarry_shared_heap_check(&heap, &heap_seen),
                         first && play->heap_died ? -EOWNERDEAD : 0);
    }
}

/* All that must be true once the victim is dead. */
static void close_play(const struct play *play)
{
    for (size_t i = 0; i < play->scene->waiters; i++) {
        kill(play->waiters[i], SIGCONT);
    }
    expect_checks(play);
    expect_in_order();
    end_giver(play);
    reclaim_of(play->victim);
    reclaim_of(play->giver);
    reclaim_of(dead);
    for (size_t i = 0; i < play->scene->waiters; i++) {
        end_waiter(play->waiters[i]);
    }
    expect_in_order();
    for (size_t i = 0; i < play->scene->waiters; i++) {
        assert_int_equal(reclaim_of(play->waiters[i]), 1);
    }
    expect_only_parents_blocks();
}

/* --- Where to die --- */

struct points {
    size_t steps[MOST_POINTS];
    size_t count;
};

static void add_point(struct points *points, size_t steps)
{
    assert_true(points->count < MOST_POINTS);
    points->steps[points->count++] = steps;
}

/* Steps a victim to its end, and notes after which steps something has changed; or every so many
 * steps, unless that is 0. */
static void find_points(pid_t victim, size_t every, struct points *points)
{
    static struct stage last;
    size_t steps = 0;

    points->count = 0;
    last = *stage;
    while (step(victim)) {
        steps++;
        bool is_point = every == 0 ? memcmp(&last, stage, sizeof(last)) != 0 : steps % every == 0;
        if (is_point) {
            add_point(points, steps);
            last = *stage;
        }
    }
}

static void find_points_of(const struct scene *scene, size_t every, struct points *points)
{
    struct play play;

    open_play(&play, scene);
    enter_all(&play);
    find_points(play.victim, every, points);
    close_play(&play);
    assert_true(points->count != 0);
}

/* False iff the victim ends earlier. */
static bool step_to(pid_t victim, size_t steps)
{
    while (steps > 0 && step(victim)) {
        steps--;
    }
    return steps == 0;
}

static void die_after(const struct scene *scene, size_t steps)
{
    struct play play;

    open_play(&play, scene);
    enter_all(&play);
    if (step_to(play.victim, steps)) {
        kill_victim(&play);
    }
    close_play(&play);
}

static void skip_under_valgrind(void)
{
    if (scaled_rounds(2) != 2) {
        skip(); /* a child under Valgrind would be stepped through Valgrind */
    }
}

/* --- Tests --- */

/* Of many points every second one will do, unless a stride is given. */
#define MANY_POINTS 30u

static void victims_die_anywhere(void **state)
{
    static struct points points;
    const struct scene *scene = *state;

    skip_under_valgrind();
    find_points_of(scene, stride, &points);
    size_t each = stride == 0 && points.count > MANY_POINTS ? 2 : 1;
    for (size_t i = 0; i < points.count; i += each) {
        die_after(scene, points.steps[i]);
    }
}

static const struct scene mending = {"mending", do_nothing, check, NULL, 0, NULL};

/* The first victim dies, with a lock; a second one comes. False if the first one had no lock. */
static bool begin_to_mend(struct play *play, const struct scene *scene, size_t steps)
{
    open_play(play, scene);
    enter_all(play);
    if (step_to(play->victim, steps)) {
        kill_victim(play);
    }
    if (play->slab_died || play->heap_died) {
        return true;
    }
    close_play(play);
    return false;
}

static void die_while_mending(const struct scene *scene, size_t steps, size_t steps_of_mending)
{
    struct play play;

    if (begin_to_mend(&play, scene, steps)) {
        struct play second = {.victim = begin_victim(&mending)};

        if (step_to(second.victim, steps_of_mending)) {
            kill_victim(&second);
            play.slab_died |= second.slab_died;
            play.heap_died |= second.heap_died;
        }
        close_play(&play);
    }
}

static void find_points_of_mending(const struct scene *scene, size_t steps, struct points *points)
{
    struct play play;

    points->count = 0;
    if (begin_to_mend(&play, scene, steps)) {
        find_points(begin_victim(&mending), 0, points);
        close_play(&play);
    }
}

/* Of all pairs of deaths, one in so many. */
#define SOME_FIRST  5u
#define SOME_SECOND 13u

static void menders_die_too(void **state)
{
    static struct points points;
    static struct points points_of_mending;
    const struct scene *scene = *state;
    size_t some_first = stride == 0 ? SOME_FIRST : 1;
    size_t some_second = stride == 0 ? SOME_SECOND : 1;

    skip_under_valgrind();
    find_points_of(scene, 0, &points);
    for (size_t i = 0; i < points.count; i += some_first) {
        find_points_of_mending(scene, points.steps[i], &points_of_mending);
        for (size_t j = i % some_second; j < points_of_mending.count; j += some_second) {
            die_while_mending(scene, points.steps[i], points_of_mending.steps[j]);
        }
    }
}

static const struct scene scenes[] = {
    {"slab: a new block is taken", slab_use_one, alloc_of_slab, NULL, 0, NULL},
    {"slab: a used block is taken", slab_use_and_free_one, alloc_of_slab, NULL, 0, NULL},
    {"slab: a block is given back", slab_use_one, free_of_slab, NULL, 0, NULL},
    {"slab: a block is handed over", slab_use_all, free_of_slab, wait_for_slab, 1, NULL},
    {"slab: a waiter's time is over", slab_use_all, time_out_at_slab, NULL, 0, NULL},
    {"slab: a waiter is served", slab_use_all, wait_for_slab, NULL, 0, give_to_slab},
    {"slab: blocks are reclaimed", slab_use_one, reclaim_slab, NULL, 0, NULL},
    {"slab: blocks are reclaimed and handed over", do_nothing, reclaim_slab, wait_for_slab, 2, NULL},
    {"heap: a block is taken", heap_use_and_free_between, alloc_of_heap, NULL, 0, NULL},
    {"heap: an aligned block is taken", heap_use_one, alloc_aligned_of_heap, NULL, 0, NULL},
    {"heap: a block is given back", heap_use_and_free_between, free_of_heap, NULL, 0, NULL},
    {"heap: a block grows", heap_use_one, grow_in_heap, NULL, 0, NULL},
    {"heap: a block moves", heap_use_two, move_in_heap, NULL, 0, NULL},
    {"heap: a block shrinks", heap_use_two, shrink_in_heap, NULL, 0, NULL},
    {"heap: a block is handed over", heap_use_all, free_of_heap, wait_for_heap, 1, NULL},
    {"heap: two blocks are handed over", heap_use_all, free_of_heap, wait_for_heap, 2, NULL},
    {"heap: a waiter's time is over", heap_use_all, time_out_at_heap, NULL, 0, NULL},
    {"heap: a waiter is served", heap_use_all, wait_for_heap, NULL, 0, give_to_heap},
    {"heap: blocks are reclaimed", heap_use_one, reclaim_heap, NULL, 0, NULL},
    {"heap: blocks are reclaimed and handed over", do_nothing, reclaim_heap, wait_for_heap, 2, NULL},
};

/* Of these the mending is interrupted, too. */
static const struct scene mended_scenes[] = {
    {"mending: a new block of the slab was taken", slab_use_one, alloc_of_slab, NULL, 0, NULL},
    {"mending: a block of the slab was given back", slab_use_one, free_of_slab, NULL, 0, NULL},
    {"mending: a block of the slab was handed over", slab_use_all, free_of_slab, wait_for_slab, 1, NULL},
    {"mending: a block of the heap was given back", heap_use_and_free_between, free_of_heap, NULL, 0,
     NULL},
    {"mending: two blocks of the heap were handed over", heap_use_all, free_of_heap, wait_for_heap, 2,
     NULL},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void *prestate(const struct scene *scene)
{
    return (void *)(uintptr_t)scene;
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[COUNT_OF(scenes) + COUNT_OF(mended_scenes)];
    struct CMUnitTest *test = tests;

    stride = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
    stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stage == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    for (size_t i = 0; i < COUNT_OF(scenes); i++) {
        *test++ = (struct CMUnitTest){scenes[i].name, victims_die_anywhere, NULL, NULL,
                                      prestate(&scenes[i])};
    }
    for (size_t i = 0; i < COUNT_OF(mended_scenes); i++) {
        *test++ = (struct CMUnitTest){mended_scenes[i].name, menders_die_too, NULL, NULL,
                                      prestate(&mended_scenes[i])};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
