/* SPDX-License-Identifier: Apache-2.0 */
/* Deaths of processes that share a slab and a heap: who is told, who puts things in order, and what
 * becomes of waiters and of the places that the dead had in the queue. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "core/heap_ledger.h"
#include "core/slab.h"
#include "kernel/shared_heap.h"
#include "kernel/shared_slab.h"
#include "kernel/wait_places.h"
#include "../support/shared_objects.h"

#define SHORT_MS    100
#define PATIENCE_MS 30000
#define BYTES       100u

enum { SERVED, MAY_GO };

static bool is_in_order(void)
{
    return quarry_shared_slab_validate(shared_slab) && quarry_shared_heap_validate(&shared_heap);
}

static uint64_t note(size_t i)
{
    return __atomic_load_n(&shared_notes[i], __ATOMIC_SEQ_CST);
}

static void add_to_note(size_t i)
{
    __atomic_add_fetch(&shared_notes[i], 1, __ATOMIC_SEQ_CST);
}

static void await_note(size_t i, uint64_t value)
{
    int64_t limit_ms = k_uptime_get() + PATIENCE_MS;

    while (note(i) != value) {
        assert_true(k_uptime_get() < limit_ms);
        k_usleep(100);
    }
}

/* Takes a block, waiting for ever, and leaves it in use. */
static bool wait_for_slab(void *arg)
{
    void *mem;

    if (k_mem_slab_alloc(shared_slab, &mem, K_FOREVER) != 0) {
        return false;
    }
    add_to_note(SERVED);
    return true;
}

static bool wait_for_heap(void *arg)
{
    if (k_heap_alloc(&shared_heap, BYTES, K_FOREVER) == NULL) {
        return false;
    }
    add_to_note(SERVED);
    return true;
}

/* As the count'th that waits. */
static pid_t begin_waiter(size_t count)
{
    pid_t waiter = shared_process(wait_for_slab, NULL);

    shared_await(waiters_of_shared_slab, count);
    return waiter;
}

static void give_one(void)
{
    for (uint32_t i = 0; i < SHARED_BLOCKS; i++) {
        const struct shared_slab *shared = shared_slab_of(shared_slab);
        const int *owners =
            (const int *)(const void *)((const char *)shared + shared->owners_offset);

        if (owners[i] == getpid()) {
            k_mem_slab_free(shared_slab, quarry_shared_slab_block(shared_slab, i));
            return;
        }
    }
    fail_msg("no block to give back");
}

static void mend_slab(void)
{
    uint32_t seen = 0;

    assert_int_equal(quarry_shared_slab_check(shared_slab, &seen), -EOWNERDEAD);
}

/* All blocks that are in use belong to one of these, and come back. */
static void expect_all_back(const pid_t *processes, size_t count)
{
    assert_true(is_in_order());
    for (size_t i = 0; i < count; i++) {
        quarry_shared_slab_reclaim(shared_slab, processes[i]);
    }
    quarry_shared_slab_reclaim(shared_slab, getpid());
    assert_int_equal(k_mem_slab_num_used_get(shared_slab), 0);
    assert_true(is_in_order());
}

/* --- Who is told --- */

/* A survivor that asks twice after each death. */
static bool hear_of_two_deaths(void *arg)
{
    uint32_t slab_seen = 0;
    uint32_t heap_seen = 0;

    for (uint64_t death = 1; death <= 2; death++) {
        while (note(MAY_GO) != death) {
            k_usleep(100);
        }
        if (quarry_shared_slab_check(shared_slab, &slab_seen) != -EOWNERDEAD ||
            quarry_shared_slab_check(shared_slab, &slab_seen) != 0 ||
            quarry_shared_heap_check(&shared_heap, &heap_seen) != -EOWNERDEAD ||
            quarry_shared_heap_check(&shared_heap, &heap_seen) != 0) {
            return false;
        }
        add_to_note(SERVED);
    }
    return true;
}

static void every_survivor_is_told_once_of_each_death(void **state)
{
    pid_t survivors[2];

    for (size_t i = 0; i < 2; i++) {
        survivors[i] = shared_process(hear_of_two_deaths, NULL);
    }
    for (uint64_t death = 1; death <= 2; death++) {
        shared_slab_die_inside(NULL);
        shared_heap_die_inside(NULL);
        add_to_note(MAY_GO);
        await_note(SERVED, 2 * death);
    }
    shared_process_end(survivors[0]);
    shared_process_end(survivors[1]);
}

static bool use_and_die(void *arg)
{
    shared_slab_take();
    shared_heap_take(BYTES);
    raise(SIGKILL);
    return false;
}

static void a_death_outside_of_calls_is_not_told(void **state)
{
    uint32_t seen = 0;
    pid_t victim = shared_process(use_and_die, NULL);

    waitpid(victim, NULL, 0);
    assert_int_equal(quarry_shared_slab_check(shared_slab, &seen), 0);
    assert_int_equal(quarry_shared_heap_check(&shared_heap, &seen), 0);
    assert_int_equal(quarry_shared_slab_reclaim(shared_slab, victim), 1);
    assert_int_equal(quarry_shared_heap_reclaim(&shared_heap, victim), 1);
    assert_true(is_in_order());
}

/* --- Waiters --- */

/* In a process that dies: block 0 is on its way to a waiter. */
static void hand_over_and_die(void)
{
    shared_slab_begin_handing(shared_slab, 0);
}

/* Nobody but the waiter is left who could put things in order. */
static void a_waiter_notices_a_death_by_itself(void **state)
{
    shared_slab_take_all();
    pid_t waiter = begin_waiter(1);
    shared_slab_die_inside(hand_over_and_die);
    shared_process_end(waiter);
    assert_int_equal(note(SERVED), 1);
    assert_int_equal(quarry_shared_slab_reclaim(shared_slab, waiter), 1);
    expect_all_back(NULL, 0);
}

static void free_in_ledger(void)
{
    struct heap_ledger *ledger = (struct heap_ledger *)(void *)((char *)shared_heap.shared +
                                                                shared_heap.shared->ledger_offset);
    struct ledger_chunk chunk;

    while (ledger_next(ledger, 0, &chunk)) {
        ledger_note_free(ledger, chunk.first_unit);
    }
}

static void a_waiter_at_the_heap_notices_a_death_by_itself(void **state)
{
    shared_heap_take_all();
    pid_t waiter = shared_process(wait_for_heap, NULL);
    shared_await(waiters_of_shared_heap, 1);
    shared_heap_die_inside(free_in_ledger);
    shared_process_end(waiter);
    assert_int_equal(quarry_shared_heap_reclaim(&shared_heap, waiter), 1);
    assert_true(is_in_order());
}

static void a_dead_waiter_is_passed_over(void **state)
{
    shared_slab_take_all();
    pid_t dead = begin_waiter(1);
    pid_t living = begin_waiter(2);
    shared_process_kill(dead);
    give_one();
    shared_process_end(living);
    assert_int_equal(quarry_shared_slab_reclaim(shared_slab, dead), 0);
    assert_int_equal(quarry_shared_slab_reclaim(shared_slab, living), 1);
    expect_all_back(NULL, 0);
}

static void places_of_the_dead_are_used_again(void **state)
{
    shared_slab_take_all();
    for (size_t i = 0; i < 2 * SHARED_WAITERS; i++) {
        pid_t dead = begin_waiter(1);
        shared_process_kill(dead);
        quarry_shared_slab_reclaim(shared_slab, dead);
    }
    pid_t waiters[SHARED_WAITERS];
    for (size_t i = 0; i < SHARED_WAITERS; i++) {
        waiters[i] = begin_waiter(i + 1);
    }
    for (size_t i = 0; i < SHARED_WAITERS; i++) {
        give_one();
        shared_process_end(waiters[i]);
    }
    expect_all_back(waiters, SHARED_WAITERS);
}

/* --- A waiter dies, and then somebody with the lock --- */

/* The queue is made anew without the dead waiter; whoever then gets its place must not take it out
 * of a queue in which it is not. */
static void a_place_that_was_dropped_is_out_of_the_queue(void **state)
{
    pid_t waiters[4];

    shared_slab_take_all();
    for (size_t i = 0; i < 3; i++) {
        waiters[i] = begin_waiter(i + 1);
    }
    shared_process_kill(waiters[0]);
    shared_slab_die_inside(NULL);
    mend_slab();
    give_one();
    shared_process_end(waiters[1]);
    waiters[3] = shared_process(wait_for_slab, NULL);
    shared_await(waiters_of_shared_slab, 2);
    give_one();
    give_one();
    shared_process_end(waiters[2]);
    shared_process_end(waiters[3]);
    expect_all_back(waiters, 4);
}

/* The same, if it is reclaimed that the dead one is gone. */
static void a_process_that_was_dropped_can_be_reclaimed(void **state)
{
    pid_t waiters[3];

    shared_slab_take_all();
    for (size_t i = 0; i < 3; i++) {
        waiters[i] = begin_waiter(i + 1);
    }
    shared_process_kill(waiters[0]);
    shared_slab_die_inside(NULL);
    mend_slab();
    give_one();
    shared_process_end(waiters[1]);
    quarry_shared_slab_reclaim(shared_slab, waiters[0]);
    give_one();
    shared_process_end(waiters[2]);
    expect_all_back(waiters, 3);
}

/* Has a place, and is not in the queue. */
static bool keep_a_place(void *arg)
{
    struct wait_queue queue = k_mem_slab_queue(shared_slab);
    struct waiter *place = wait_place_take(&queue);

    add_to_note(SERVED);
    while (note(MAY_GO) == 0) {
        k_usleep(100);
    }
    wait_place_leave(place);
    return place == queue.places;
}

static void free_block_0(void)
{
    slab_give(&shared_slab->info, quarry_shared_slab_block(shared_slab, 0), 0);
}

/* It was a dead waiter's, and the dead one was reclaimed already: nobody would give back what is
 * handed over to it. */
static void a_place_alone_is_given_nothing(void **state)
{
    shared_slab_take_all();
    pid_t dead = begin_waiter(1);
    shared_process_kill(dead);
    shared_slab_die_inside(NULL);
    mend_slab();
    quarry_shared_slab_reclaim(shared_slab, dead);
    pid_t holder = shared_process(keep_a_place, NULL);
    await_note(SERVED, 1);
    shared_slab_die_inside(NULL);
    assert_true(is_in_order());
    give_one();
    add_to_note(MAY_GO);
    shared_process_end(holder);
    expect_all_back(&holder, 1);
}

static bool wait_briefly(void *arg)
{
    void *mem;
    int result = k_mem_slab_alloc(shared_slab, &mem, K_MSEC(SHORT_MS));

    return result == 0 || result == -EAGAIN;
}

/* The block goes to the dead waiter, whose place is the caller's already, who then waits in it. */
static void a_place_may_be_served_before_it_is_used(void **state)
{
    shared_slab_take_all();
    pid_t processes[2] = {begin_waiter(1)};
    shared_process_kill(processes[0]);
    shared_slab_die_inside(hand_over_and_die);
    processes[1] = shared_process(wait_briefly, NULL);
    shared_process_end(processes[1]);
    expect_all_back(processes, 2);
}

/* The same while others wait. */
static void others_are_served_behind_such_a_place(void **state)
{
    shared_slab_take_all();
    pid_t processes[3] = {begin_waiter(1), begin_waiter(2)};
    shared_process_kill(processes[0]);
    shared_slab_die_inside(free_block_0);
    processes[2] = shared_process(wait_briefly, NULL);
    shared_process_end(processes[2]);
    quarry_shared_slab_reclaim(shared_slab, processes[0]);
    quarry_shared_slab_reclaim(shared_slab, processes[2]);
    give_one();
    shared_process_end(processes[1]);
    expect_all_back(processes, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, shared_objects_make)
    const struct CMUnitTest tests[] = {
        TEST(every_survivor_is_told_once_of_each_death),
        TEST(a_death_outside_of_calls_is_not_told),
        TEST(a_waiter_notices_a_death_by_itself),
        TEST(a_waiter_at_the_heap_notices_a_death_by_itself),
        TEST(a_dead_waiter_is_passed_over),
        TEST(places_of_the_dead_are_used_again),
        TEST(a_place_that_was_dropped_is_out_of_the_queue),
        TEST(a_process_that_was_dropped_can_be_reclaimed),
        TEST(a_place_alone_is_given_nothing),
        TEST(a_place_may_be_served_before_it_is_used),
        TEST(others_are_served_behind_such_a_place),
    };

    return cmocka_run_group_tests(tests, NULL, shared_objects_drop);
}
