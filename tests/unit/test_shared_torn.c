/* SPDX-License-Identifier: Apache-2.0 */
/* Deaths inside of calls on shared slabs and heaps, tested on the compiled code: a victim is
 * stepped through a call, instruction by instruction, and killed.
 *
 *     test_shared_torn [STRIDE]
 *
 * Whatever it was doing, the survivors must find everything in order (torn_play.h). First a call is
 * stepped through without a death, to learn after which instructions the shared memory is another
 * one: there, after its stores, later victims die. With a stride they die after every STRIDE'th
 * instruction instead: 1 takes an hour. Who puts things in order is killed at that in the same way.
 * QUARRY_TEST_SCALE divides the number of deaths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "kernel/shared_heap.h"
#include "../support/random.h"
#include "../support/stepping.h"
#include "../support/torn_play.h"

#define SMALL_BYTES 40u
#define LARGE_BYTES 300u
#define MOST_POINTS 16384u

static size_t stride; /* 0: die after stores, and not in all pairs of deaths */

/* --- Scenes --- */

static char *slab_take_now(void)
{
    void *mem;

    return k_mem_slab_alloc(torn_slab, &mem, K_NO_WAIT) == 0 ? mem : NULL;
}

static char *heap_take_now(size_t bytes)
{
    return k_heap_alloc(&torn_heap, bytes, K_NO_WAIT);
}

static char *mine;  /* a block of the process */
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
    k_mem_slab_free(torn_slab, mine);
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
    k_mem_slab_free(torn_slab, mine);
}

static void time_out_at_slab(void)
{
    void *mem;

    k_mem_slab_alloc(torn_slab, &mem, K_USEC(200));
}

static void wait_for_slab(void)
{
    void *mem;

    if (k_mem_slab_alloc(torn_slab, &mem, K_FOREVER) != 0) {
        _exit(1);
    }
    memset(mem, 0x77, TORN_BLOCK_BYTES);
}

static void reclaim_slab(void)
{
    quarry_shared_slab_reclaim(torn_slab, torn_dead);
}

static bool slab_has_waiter(void)
{
    return __atomic_load_n(&torn_slab->wait_q.first, __ATOMIC_ACQUIRE) != 0;
}

static bool heap_has_waiter(void)
{
    return __atomic_load_n(&torn_heap.shared->waiters.first, __ATOMIC_ACQUIRE) != 0;
}

static void give_to_slab(void)
{
    slab_use_one();
    if (torn_await_cue(slab_has_waiter)) {
        k_mem_slab_free(torn_slab, mine);
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
    k_heap_free(&torn_heap, before);
    k_heap_free(&torn_heap, other);
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
    k_heap_aligned_alloc(&torn_heap, 128, SMALL_BYTES, K_NO_WAIT);
}

static void free_of_heap(void)
{
    k_heap_free(&torn_heap, mine);
}

static void grow_in_heap(void)
{
    k_heap_realloc(&torn_heap, mine, SMALL_BYTES + 8, K_NO_WAIT);
}

static void move_in_heap(void)
{
    k_heap_realloc(&torn_heap, mine, 2 * SMALL_BYTES, K_NO_WAIT);
}

static void shrink_in_heap(void)
{
    k_heap_realloc(&torn_heap, mine, 1, K_NO_WAIT);
}

static void time_out_at_heap(void)
{
    k_heap_alloc(&torn_heap, LARGE_BYTES, K_USEC(200));
}

static void wait_for_heap(void)
{
    char *mem = k_heap_alloc(&torn_heap, SMALL_BYTES, K_FOREVER);

    if (mem == NULL) {
        _exit(1);
    }
    memset(mem, 0x77, SMALL_BYTES);
}

static void reclaim_heap(void)
{
    quarry_shared_heap_reclaim(&torn_heap, torn_dead);
}

static void give_to_heap(void)
{
    mine = heap_take_now(LARGE_BYTES);
    if (torn_await_cue(heap_has_waiter)) {
        k_heap_free(&torn_heap, mine);
    }
}

static void check(void)
{
    uint32_t seen = 0;

    quarry_shared_slab_check(torn_slab, &seen);
    quarry_shared_heap_check(&torn_heap, &seen);
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

/* --- Where to die --- */

struct points {
    size_t steps[MOST_POINTS];
    size_t count;
};

/* Steps a victim to its end, and notes after which steps something has changed; or every so many
 * steps, unless that is 0. */
static void find_points(pid_t victim, size_t every, struct points *points)
{
    static struct torn_stage last;
    size_t steps = 0;

    points->count = 0;
    last = *torn_stage;
    while (torn_step(victim)) {
        steps++;
        bool is_point =
            every == 0 ? memcmp(&last, torn_stage, sizeof(last)) != 0 : steps % every == 0;
        if (is_point) {
            assert_true(points->count < MOST_POINTS);
            points->steps[points->count++] = steps;
            last = *torn_stage;
        }
    }
}

static void find_points_of(const struct torn_scene *scene, size_t every, struct points *points)
{
    struct torn_play play;

    torn_open(&play, scene);
    find_points(play.victim, every, points);
    torn_close(&play);
    assert_true(points->count != 0);
}

/* False iff the victim ends earlier. */
static bool step_to(pid_t victim, size_t steps)
{
    while (steps > 0 && torn_step(victim)) {
        steps--;
    }
    return steps == 0;
}

static void die_after(const struct torn_scene *scene, size_t steps)
{
    struct torn_play play;

    torn_open(&play, scene);
    if (step_to(play.victim, steps)) {
        torn_kill(&play);
    }
    torn_close(&play);
}

static void skip_under_valgrind(void)
{
    if (stepping_is_under_valgrind()) {
        skip();
    }
}

/* --- Tests --- */

#define MANY_POINTS 30u /* of so many every second one will do, unless a stride is given */

static void victims_die_anywhere(void **state)
{
    static struct points points;
    const struct torn_scene *scene = *state;

    skip_under_valgrind();
    find_points_of(scene, stride, &points);
    size_t each = (stride == 0 && points.count > MANY_POINTS ? 2 : 1) * test_scale();
    for (size_t i = 0; i < points.count; i += each) {
        die_after(scene, points.steps[i]);
    }
}

static const struct torn_scene mending = {.name = "mending", .arrange = do_nothing, .call = check};

/* The first victim dies, with a lock; a second one comes. False if the first one had no lock. */
static bool begin_to_mend(struct torn_play *play, const struct torn_scene *scene, size_t steps)
{
    torn_open(play, scene);
    if (step_to(play->victim, steps)) {
        torn_kill(play);
    }
    if (play->slab_died || play->heap_died) {
        return true;
    }
    torn_close(play);
    return false;
}

static void die_while_mending(const struct torn_scene *scene, size_t steps, size_t steps_of_mending)
{
    struct torn_play play;

    if (begin_to_mend(&play, scene, steps)) {
        struct torn_play second = {.victim = torn_victim(&mending)};

        if (step_to(second.victim, steps_of_mending)) {
            torn_kill(&second);
            play.slab_died |= second.slab_died;
            play.heap_died |= second.heap_died;
        }
        torn_close(&play);
    }
}

static void find_points_of_mending(const struct torn_scene *scene, size_t steps,
                                   struct points *points)
{
    struct torn_play play;

    points->count = 0;
    if (begin_to_mend(&play, scene, steps)) {
        find_points(torn_victim(&mending), 0, points);
        torn_close(&play);
    }
}

/* Of all pairs of deaths, one in so many. */
#define SOME_FIRST  5u
#define SOME_SECOND 13u

static void menders_die_too(void **state)
{
    static struct points points;
    static struct points points_of_mending;
    const struct torn_scene *scene = *state;
    size_t some_first = (stride == 0 ? SOME_FIRST : 1) * test_scale();
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

static const struct torn_scene scenes[] = {
    {"slab: a new block is taken", slab_use_one, alloc_of_slab, NULL, 0, NULL, NULL},
    {"slab: a used block is taken", slab_use_and_free_one, alloc_of_slab, NULL, 0, NULL, NULL},
    {"slab: a block is given back", slab_use_one, free_of_slab, NULL, 0, NULL, NULL},
    {"slab: a block is handed over", slab_use_all, free_of_slab, wait_for_slab, 1, NULL, NULL},
    {"slab: a waiter's time is over", slab_use_all, time_out_at_slab, NULL, 0, NULL, NULL},
    {"slab: a waiter is served", slab_use_all, wait_for_slab, NULL, 0, give_to_slab, NULL},
    {"slab: blocks are reclaimed", slab_use_one, reclaim_slab, NULL, 0, NULL, leave_blocks},
    {"slab: blocks are reclaimed and handed over", do_nothing, reclaim_slab, wait_for_slab, 2, NULL,
     leave_all_blocks},
    {"heap: a block is taken", heap_use_and_free_between, alloc_of_heap, NULL, 0, NULL, NULL},
    {"heap: an aligned block is taken", heap_use_one, alloc_aligned_of_heap, NULL, 0, NULL, NULL},
    {"heap: a block is given back", heap_use_and_free_between, free_of_heap, NULL, 0, NULL, NULL},
    {"heap: a block grows", heap_use_one, grow_in_heap, NULL, 0, NULL, NULL},
    {"heap: a block moves", heap_use_two, move_in_heap, NULL, 0, NULL, NULL},
    {"heap: a block shrinks", heap_use_two, shrink_in_heap, NULL, 0, NULL, NULL},
    {"heap: a block is handed over", heap_use_all, free_of_heap, wait_for_heap, 1, NULL, NULL},
    {"heap: two blocks are handed over", heap_use_all, free_of_heap, wait_for_heap, 2, NULL, NULL},
    {"heap: a waiter's time is over", heap_use_all, time_out_at_heap, NULL, 0, NULL, NULL},
    {"heap: a waiter is served", heap_use_all, wait_for_heap, NULL, 0, give_to_heap, NULL},
    {"heap: blocks are reclaimed", heap_use_one, reclaim_heap, NULL, 0, NULL, leave_blocks},
    {"heap: blocks are reclaimed and handed over", do_nothing, reclaim_heap, wait_for_heap, 2, NULL,
     leave_all_blocks},
};

/* Of these the mending is interrupted, too. */
static const struct torn_scene mended_scenes[] = {
    {"mending: a new block of the slab was taken", slab_use_one, alloc_of_slab, NULL, 0, NULL,
     NULL},
    {"mending: a block of the slab was given back", slab_use_one, free_of_slab, NULL, 0, NULL,
     NULL},
    {"mending: a block of the slab was handed over", slab_use_all, free_of_slab, wait_for_slab, 1,
     NULL, NULL},
    {"mending: a block of the heap was given back", heap_use_and_free_between, free_of_heap, NULL,
     0, NULL, NULL},
    {"mending: two blocks of the heap were handed over", heap_use_all, free_of_heap, wait_for_heap,
     2, NULL, NULL},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void *prestate(const struct torn_scene *scene)
{
    return (void *)(uintptr_t)scene;
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[COUNT_OF(scenes) + COUNT_OF(mended_scenes)];
    struct CMUnitTest *test = tests;

    stride = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
    if (!torn_begin()) {
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
