/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that wait in a k_heap, and blocks that change their sizes: what a resized block leaves
 * behind goes to those who wait, and other sizes can be waited for. Last attempts, too. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "../support/death.h"
#include "../support/heap_client.h"
#include "../support/race_detector.h"
#include "../support/sanitizers.h"

#define HEAP_BYTES   4096u
#define UNIT         64u
#define BLOCKS_MAX   (HEAP_BYTES / 8u)
#define HANG_SECONDS 300u

/* A block of that many units; more of them take more than as many chunks of one. */
#define UNITS(n) ((n)*UNIT - 16u)

static struct k_heap heap;
static _Alignas(512) char buffer[HEAP_BYTES];
static void *fillers[BLOCKS_MAX];
static size_t filler_count;
static struct heap_client clients[3];

static int begin(void **state)
{
    filler_count = 0;
    return 0;
}

static int heap_is_whole(void **state)
{
    return heap_is_empty(&heap) ? 0 : -1;
}

static void *take(size_t bytes)
{
    void *block = k_heap_alloc(&heap, bytes, K_NO_WAIT);

    assert_non_null(block);
    return block;
}

/* Takes all that is left. */
static void take_the_rest(void)
{
    for (size_t bytes = HEAP_BYTES; bytes > 0; bytes -= bytes > 8 ? 8 : bytes) {
        void *block = k_heap_alloc(&heap, bytes, K_NO_WAIT);

        if (block != NULL) {
            fillers[filler_count++] = block;
        }
    }
}

static void give_the_rest(void)
{
    while (filler_count > 0) {
        k_heap_free(&heap, fillers[--filler_count]);
    }
}

static void queue_up(size_t number, void *block, size_t bytes, size_t count)
{
    clients[number] = (struct heap_client){.heap = &heap,
                                           .block = block,
                                           .bytes = bytes,
                                           .timeout = K_FOREVER,
                                           .priority = (int)number};
    heap_client_queue_up(&clients[number], count);
}

static void *take_from(size_t number)
{
    assert_false(heap_client_end(&clients[number]));
    assert_non_null(clients[number].mem);
    return clients[number].mem;
}

/* --- What resized blocks leave behind --- */

static void who_waits_gets_what_a_shrinking_block_leaves(void **state)
{
    void *block = take(UNITS(4));

    take_the_rest();
    queue_up(0, NULL, UNITS(2), 1);
    assert_ptr_equal(k_heap_realloc(&heap, block, UNITS(3), K_NO_WAIT), block); /* too little */
    assert_int_equal(heap_waiters(&heap), 1);
    assert_ptr_equal(k_heap_realloc(&heap, block, UNITS(1), K_NO_WAIT), block);
    k_heap_free(&heap, take_from(0));
    k_heap_free(&heap, block);
    give_the_rest();
}

static void who_waits_gets_what_a_moving_block_leaves(void **state)
{
    void *gap = take(UNITS(2));
    void *block = take(UNITS(3));
    void *wall = take(UNITS(1));
    void *place = take(UNITS(4));

    take_the_rest();
    queue_up(0, NULL, UNITS(5) - UNIT / 2, 1);
    k_heap_free(&heap, gap);
    k_heap_free(&heap, place);
    assert_int_equal(heap_waiters(&heap), 1);
    assert_ptr_equal(k_heap_realloc(&heap, block, UNITS(4), K_NO_WAIT), place);
    assert_ptr_equal(take_from(0), gap); /* and where the block was */
    k_heap_free(&heap, gap);
    k_heap_free(&heap, wall);
    k_heap_free(&heap, place);
    give_the_rest();
}

static void who_waits_gets_what_is_freed_by_no_bytes(void **state)
{
    void *block = take(UNITS(2));

    take_the_rest();
    queue_up(0, NULL, UNITS(2), 1);
    assert_null(k_heap_realloc(&heap, block, 0, K_FOREVER));
    assert_ptr_equal(take_from(0), block);
    k_heap_free(&heap, block);
    give_the_rest();
}

/* --- To wait for another size --- */

static void a_block_grows_in_place_while_its_thread_waits(void **state)
{
    void *block = take(UNITS(2));
    void *place = take(UNITS(4));

    heap_block_fill(block, UNITS(2), 1);
    take_the_rest();
    queue_up(0, block, UNITS(3), 1);
    assert_true(heap_block_is_filled(block, UNITS(2), 1));
    k_heap_free(&heap, place); /* next to the block, which grows into it */
    assert_ptr_equal(take_from(0), block);
    assert_true(heap_block_is_filled(block, UNITS(2), 1));
    k_heap_free(&heap, block);
    give_the_rest();
}

static void a_block_that_waits_to_grow_keeps_its_contents(void **state)
{
    void *block = take(UNITS(2));
    void *between = take(UNITS(1));
    void *place = take(UNITS(5));

    heap_block_fill(block, UNITS(2), 1);
    take_the_rest();
    queue_up(0, block, UNITS(4), 1);
    queue_up(1, NULL, UNITS(2), 2); /* gets what the block leaves */
    k_heap_free(&heap, place);
    void *moved = take_from(0);
    assert_ptr_equal(moved, place);
    assert_true(heap_block_is_filled(moved, UNITS(2), 1));
    assert_ptr_equal(take_from(1), block);
    k_heap_free(&heap, moved);
    k_heap_free(&heap, block);
    k_heap_free(&heap, between);
    give_the_rest();
}

static void a_block_whose_wait_was_in_vain_is_as_it_was(void **state)
{
    void *block = take(UNITS(2));

    heap_block_fill(block, UNITS(2), 1);
    take_the_rest();
    int64_t began = k_uptime_ticks();
    assert_null(k_heap_realloc(&heap, block, UNITS(3), K_MSEC(20)));
    assert_true(k_uptime_ticks() - began >= K_MSEC(20).ticks);
    assert_true(heap_block_is_filled(block, UNITS(2), 1));
    assert_true(heap_is_at_rest(&heap));
    k_heap_free(&heap, block);
    give_the_rest();
}

/*    | gap 2 | block 3 | wall | place 4 | ...     client 0 wants 4 and a half, client 1 wants 4 for
 * the block, client 2 wants 3. When the place is freed, the block moves there, and leaves 5. */
static void what_a_moved_block_leaves_goes_to_the_first_who_waits(void **state)
{
    void *gap = take(UNITS(2));
    void *block = take(UNITS(3));
    void *wall = take(UNITS(1));
    void *place = take(UNITS(4));

    take_the_rest();
    k_heap_free(&heap, gap);
    queue_up(0, NULL, UNITS(5) - UNIT / 2, 1);
    queue_up(1, block, UNITS(4), 2);
    queue_up(2, NULL, UNITS(3), 3);
    k_heap_free(&heap, place);
    void *moved = take_from(1);
    while (!heap_client_is_done(&clients[0]) && !heap_client_is_done(&clients[2])) {
        k_yield();
    }
    bool first_was_served = heap_client_is_done(&clients[0]);
    k_heap_free(&heap, moved); /* with which there is enough for all */
    k_heap_free(&heap, wall);
    k_heap_free(&heap, take_from(0));
    k_heap_free(&heap, take_from(2));
    give_the_rest();
    assert_ptr_equal(moved, place);
    assert_true(first_was_served);
}

/* An empty heap has no room for it at an arbitrary place; but where it is, it can grow. */
static void a_block_that_lies_well_is_waited_for(void **state)
{
    void *block = k_heap_aligned_alloc(&heap, 512, UNIT, K_NO_WAIT);
    size_t most = HEAP_BYTES;

    while (k_heap_aligned_realloc(&heap, block, 512, most, K_NO_WAIT) == NULL) {
        most--;
    }
    assert_ptr_equal(k_heap_aligned_realloc(&heap, block, 512, UNIT, K_NO_WAIT), block);
    void *neighbour;
    while ((char *)(neighbour = take(UNIT)) < (char *)block) {
        fillers[filler_count++] = neighbour; /* what lies before the block */
    }
    clients[0] = (struct heap_client){
        .heap = &heap, .block = block, .align = 512, .bytes = most, .timeout = K_FOREVER};
    heap_client_begin(&clients[0]);
    while (heap_waiters(&heap) == 0 && !heap_client_is_done(&clients[0])) {
        k_yield();
    }
    bool gave_up = heap_client_is_done(&clients[0]);
    k_heap_free(&heap, neighbour);
    heap_client_end(&clients[0]);
    k_heap_free(&heap, block);
    give_the_rest();
    assert_false(gave_up);
    assert_ptr_equal(clients[0].mem, block);
}

static void resize_for_ever(void *block)
{
    const size_t bytes = HEAP_BYTES - 256; /* room for it, but not at a multiple of 512 */

    if (k_heap_aligned_realloc(&heap, block, 512, bytes, K_FOREVER) != NULL) {
        _exit(1);
    }
}

/* It would have to move, to where an empty heap has no room for it. */
static void a_block_that_lies_badly_is_not_waited_for_in_vain(void **state)
{
    void *block = take(UNIT);

    struct death death = death_of(resize_for_ever, block); /* which ends if it hangs */
    uintptr_t place = (uintptr_t)block % 512;
    k_heap_free(&heap, block);
    assert_int_not_equal(place, 0);
    assert_int_equal(death.signal, 0);
    assert_int_equal(death.exit_code, 0);
}

/* Who is cancelled while he waits for another size of a block gets it all the same, and then
 * ends. */
static void to_wait_for_another_size_is_no_cancellation_point(void **state)
{
    if (UNDER_ASAN || UNDER_TSAN || race_detector_is_drd()) {
        skip();
    }
    void *block = take(UNITS(2));
    void *wall = take(UNITS(1));
    void *place = take(UNITS(5));

    heap_block_fill(block, UNITS(2), 1);
    take_the_rest();
    queue_up(0, block, UNITS(4), 1);
    pthread_cancel(clients[0].thread);
    k_msleep(20);
    assert_int_equal(heap_waiters(&heap), 1);
    k_heap_free(&heap, place);
    assert_true(heap_client_end(&clients[0]));
    assert_true(heap_client_is_done(&clients[0]));
    assert_ptr_equal(clients[0].mem, place);
    assert_true(heap_block_is_filled(place, UNITS(2), 1));
    k_heap_free(&heap, place);
    k_heap_free(&heap, wall);
    give_the_rest();
}

/* --- The last attempt --- */

static void *unnoticed;

static void free_unnoticed(int number)
{
    (void)number;
    if (unnoticed != NULL) {
        sys_heap_free(&heap.heap, unnoticed);
        unnoticed = NULL;
    }
}

/* The memory is there, but nobody has given it to the waiter: his own last attempt finds it. The
 * handler runs while the only thread sleeps. */
static void memory_that_is_there_at_the_deadline_is_found(void **state)
{
    struct itimerval soon = {.it_value = {.tv_usec = 30000}};
    void *block = take(UNITS(1));

    take_the_rest();
    unnoticed = block;
    signal(SIGALRM, free_unnoticed);
    setitimer(ITIMER_REAL, &soon, NULL);
    int64_t began = k_uptime_ticks();
    void *mem = k_heap_alloc(&heap, UNITS(1), K_MSEC(200));
    assert_true(k_uptime_ticks() - began >= K_MSEC(200).ticks);
    signal(SIGALRM, SIG_DFL);
    alarm(HANG_SECONDS);
    assert_ptr_equal(mem, block);
    k_heap_free(&heap, mem);
    give_the_rest();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, heap_is_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_waits_gets_what_a_shrinking_block_leaves),
        TEST(who_waits_gets_what_a_moving_block_leaves),
        TEST(who_waits_gets_what_is_freed_by_no_bytes),
        TEST(a_block_grows_in_place_while_its_thread_waits),
        TEST(a_block_that_waits_to_grow_keeps_its_contents),
        TEST(a_block_whose_wait_was_in_vain_is_as_it_was),
        TEST(what_a_moved_block_leaves_goes_to_the_first_who_waits),
        TEST(a_block_that_lies_well_is_waited_for),
        TEST(a_block_that_lies_badly_is_not_waited_for_in_vain),
        TEST(to_wait_for_another_size_is_no_cancellation_point),
        TEST(memory_that_is_there_at_the_deadline_is_found),
    };

    race_detector_announce();
    k_heap_init(&heap, buffer, sizeof(buffer));
    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
