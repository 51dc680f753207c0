/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of a living process that are given back in one call while its threads wait, and the place
 * of a thread that died while it queued up. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "kernel/shared_slab.h"
#include "kernel/wait_places.h"
#include "../support/shared_objects.h"

#define BYTES 300u

/* --- The caller's own blocks --- */

static void *wait_for_memory(void *arg)
{
    return k_heap_alloc(&shared_heap, BYTES, K_FOREVER);
}

static bool overlaps(const char *one, const char *other)
{
    return one < other + BYTES && other < one + BYTES;
}

/* What the walk over the blocks sets free is handed to the waiter, and may lie where the walk has
 * not been yet. */
static void own_memory_goes_to_the_own_thread_that_waits(void **state)
{
    pthread_t thread;
    void *got;
    char *mem;

    assert_non_null(shared_heap_take(200));
    assert_non_null(shared_heap_take(400));
    shared_heap_take_all();
    assert_int_equal(pthread_create(&thread, NULL, wait_for_memory, NULL), 0);
    shared_await(waiters_of_shared_heap, 1);
    assert_true(quarry_shared_heap_reclaim(&shared_heap, getpid()) >= 2);
    pthread_join(thread, &got);
    assert_non_null(got);
    while ((mem = shared_heap_take(BYTES)) != NULL) {
        assert_false(overlaps(mem, got));
    }
    assert_true(quarry_shared_heap_validate(&shared_heap));
}

static void *wait_for_block(void *arg)
{
    void *mem = NULL;

    return k_mem_slab_alloc(shared_slab, &mem, K_FOREVER) == 0 ? mem : NULL;
}

static void own_blocks_go_to_the_own_thread_that_waits(void **state)
{
    pthread_t thread;
    void *got;

    shared_slab_take_all();
    assert_int_equal(pthread_create(&thread, NULL, wait_for_block, NULL), 0);
    shared_await(waiters_of_shared_slab, 1);
    size_t count = quarry_shared_slab_reclaim(shared_slab, getpid());
    pthread_join(thread, &got);
    assert_non_null(got);
    assert_true(count >= SHARED_BLOCKS);
    assert_int_equal(k_mem_slab_num_used_get(shared_slab), 1);
    for (void *mem = shared_slab_take(); mem != NULL; mem = shared_slab_take()) {
        assert_ptr_not_equal(mem, got);
    }
    assert_true(quarry_shared_slab_validate(shared_slab));
}

/* --- A place --- */

static bool wait_in_slab(void *arg)
{
    return wait_for_block(NULL) != NULL;
}

/* Queues up by half. */
static bool die_while_queueing(void *arg)
{
    struct wait_queue queue = k_mem_slab_queue(shared_slab);
    struct stay stay;

    wait_queue_enter(&queue, &stay);
    struct waiter *place = wait_place_take(&queue);
    place->process_id = getpid();
    place->thread = arg;
    place->has_priority = false;
    kill(getpid(), SIGKILL);
    return false;
}

static void the_place_of_one_who_died_there_serves_the_next(void **state)
{
    int thread;

    shared_slab_take_all();
    pid_t first = shared_process(wait_in_slab, NULL);
    shared_await(waiters_of_shared_slab, 1);
    pid_t second = shared_process(wait_in_slab, NULL);
    shared_await(waiters_of_shared_slab, 2);
    shared_process_kill(first);
    waitpid(shared_process(die_while_queueing, &thread), NULL, 0);
    pid_t third = shared_process(wait_in_slab, NULL);
    shared_await(waiters_of_shared_slab, 2);
    for (uint32_t i = 0; i < 2; i++) {
        k_mem_slab_free(shared_slab, quarry_shared_slab_block(shared_slab, i));
    }
    shared_process_end(second);
    shared_process_end(third);
    assert_true(quarry_shared_slab_validate(shared_slab));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, shared_objects_make)
    const struct CMUnitTest tests[] = {
        TEST(own_memory_goes_to_the_own_thread_that_waits),
        TEST(own_blocks_go_to_the_own_thread_that_waits),
        TEST(the_place_of_one_who_died_there_serves_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, shared_objects_drop);
}
