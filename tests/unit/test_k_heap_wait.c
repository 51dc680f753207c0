/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that wait for memory of a k_heap: who is served, when and with what. Each test begins
 * with a heap whose memory is all taken, in pieces of PIECE bytes that lie side by side. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "../support/heap_client.h"
#include "../support/race_detector.h"

#define HEAP_BYTES   2048u
#define PIECE        112u
#define PIECES_MAX   (HEAP_BYTES / PIECE)
#define CLIENTS      5u
#define SHORT_WAIT   K_MSEC(20)
#define HANG_SECONDS 300u

static struct k_heap heap;
static _Alignas(512) char buffer[HEAP_BYTES];
static void *pieces[PIECES_MAX]; /* in the order of their addresses; NULL: not taken */
static size_t piece_count;
static struct heap_client clients[CLIENTS];

static int begin(void **state)
{
    piece_count = 0;
    while ((pieces[piece_count] = k_heap_alloc(&heap, PIECE, K_NO_WAIT)) != NULL) {
        piece_count++;
    }
    return piece_count >= 8 ? 0 : -1;
}

static void give(size_t number)
{
    void *piece = pieces[number];

    pieces[number] = NULL;
    k_heap_free(&heap, piece);
}

static int end(void **state)
{
    for (size_t i = 0; i < piece_count; i++) {
        give(i);
    }
    return heap_is_empty(&heap) ? 0 : -1;
}

/* A client that waits for ever, as the count'th. */
static void queue_up(size_t number, size_t bytes, int priority, size_t count)
{
    clients[number] = (struct heap_client){
        .heap = &heap, .bytes = bytes, .timeout = K_FOREVER, .priority = priority};
    heap_client_queue_up(&clients[number], count);
}

/* The client was served; `others` still wait. Returns its block. */
static void *take_from(size_t number, size_t others)
{
    assert_false(heap_client_end(&clients[number]));
    assert_non_null(clients[number].mem);
    assert_int_equal(heap_waiters(&heap), others);
    return clients[number].mem;
}

/* --- To be served --- */

static void a_waiter_gets_what_is_freed(void **state)
{
    void *piece = pieces[3];

    queue_up(0, PIECE, 0, 1);
    give(3);
    void *mem = take_from(0, 0);
    assert_ptr_equal(mem, piece);
    k_heap_free(&heap, mem);
}

static void an_aligned_block_is_waited_for(void **state)
{
    clients[0] = (struct heap_client){
        .heap = &heap, .align = 256, .bytes = 8, .timeout = K_FOREVER, .priority = 0};
    heap_client_queue_up(&clients[0], 1);
    for (size_t i = 0; i < piece_count; i++) {
        give(i);
    }
    void *mem = take_from(0, 0);
    assert_int_equal((uintptr_t)mem % 256, 0);
    k_heap_free(&heap, mem);
}

static void *clear_blocks(void *arg)
{
    (void)arg;
    return k_heap_calloc(&heap, 2, PIECE / 2, K_FOREVER);
}

static void calloc_waits_and_clears(void **state)
{
    pthread_t thread;
    void *mem = NULL;

    memset(pieces[2], 0xff, PIECE);
    assert_int_equal(pthread_create(&thread, NULL, clear_blocks, NULL), 0);
    await_heap_waiters(&heap, 1);
    give(2);
    pthread_join(thread, &mem);
    assert_non_null(mem);
    for (size_t i = 0; i < PIECE; i++) {
        assert_int_equal(((unsigned char *)mem)[i], 0);
    }
    k_heap_free(&heap, mem);
}

/* K_FOREVER is no number of ticks. */
static void who_waits_for_ever_does_so(void **state)
{
    queue_up(0, PIECE, 0, 1);
    k_msleep(100);
    assert_int_equal(heap_waiters(&heap), 1);
    assert_false(heap_client_is_done(&clients[0]));
    give(0);
    k_heap_free(&heap, take_from(0, 0));
}

static void who_waits_long_is_served_before(void **state)
{
    clients[0] = (struct heap_client){
        .heap = &heap, .bytes = PIECE, .timeout = K_TICKS(INT64_MAX), .priority = 0};
    heap_client_queue_up(&clients[0], 1);
    give(0);
    k_heap_free(&heap, take_from(0, 0));
}

static void too_little_memory_does_not_help(void **state)
{
    clients[0] = (struct heap_client){
        .heap = &heap, .bytes = 2 * PIECE, .timeout = SHORT_WAIT, .priority = 0};
    heap_client_begin(&clients[0]);
    give(1);
    give(3);
    assert_false(heap_client_end(&clients[0]));
    assert_null(clients[0].mem);
    assert_true(clients[0].waited_ticks >= SHORT_WAIT.ticks);
    assert_int_equal(heap_waiters(&heap), 0);
}

/* --- Order --- */

/* Clients 0 to 4 are to be served in the order 2, 4, 0, 1, 3, one with each piece. */
static void waiters_are_served_by_priority_and_then_by_arrival(void **state)
{
    const int priorities[CLIENTS] = {5, 5, INT_MIN + 1, INT_MAX, 4};
    const size_t order[CLIENTS] = {2, 4, 0, 1, 3};

    for (size_t i = 0; i < CLIENTS; i++) {
        queue_up(i, PIECE, priorities[i], i + 1);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        void *piece = pieces[i];

        give(i);
        assert_ptr_equal(take_from(order[i], CLIENTS - 1 - i), piece);
        for (size_t j = i + 1; j < CLIENTS; j++) {
            assert_false(heap_client_is_done(&clients[order[j]]));
        }
        pieces[i] = piece; /* for `end` */
    }
}

static void sizes_do_not_matter_for_the_order(void **state)
{
    queue_up(0, 2 * PIECE, 5, 1);
    queue_up(1, PIECE, 5, 2);
    queue_up(2, PIECE / 2, 4, 3);
    give(0);
    void *smallest = take_from(2, 2);
    give(4);
    void *small = take_from(1, 1);
    give(5);
    assert_false(heap_client_is_done(&clients[0]));
    give(6);
    void *large = take_from(0, 0);
    k_heap_free(&heap, smallest);
    k_heap_free(&heap, small);
    k_heap_free(&heap, large);
}

/* Who was passed over goes before whoever came later, once there is enough. */
static void a_large_request_keeps_its_place(void **state)
{
    queue_up(0, 2 * PIECE, 5, 1);
    queue_up(1, PIECE, 5, 2);
    give(0);
    void *small = take_from(1, 1);
    queue_up(2, 2 * PIECE, 5, 2);
    queue_up(3, 2 * PIECE, 6, 3);
    k_heap_free(&heap, small);
    give(1); /* next to the one before: enough for one of the three */
    assert_ptr_equal(take_from(0, 2), small);
    assert_false(heap_client_is_done(&clients[2]));
    k_heap_free(&heap, clients[0].mem);
    assert_ptr_equal(take_from(2, 1), small);
    k_heap_free(&heap, clients[2].mem);
    assert_ptr_equal(take_from(3, 0), small);
    k_heap_free(&heap, clients[3].mem);
}

static void one_free_serves_as_many_as_it_can(void **state)
{
    for (size_t i = 0; i < 3; i++) {
        give(i);
    }
    void *big = k_heap_alloc(&heap, 3 * PIECE, K_NO_WAIT);
    assert_non_null(big);
    for (size_t i = 0; i < 4; i++) {
        queue_up(i, PIECE, 3, i + 1);
    }
    k_heap_free(&heap, big);
    for (size_t i = 0; i < 3; i++) {
        assert_false(heap_client_end(&clients[i]));
        assert_non_null(clients[i].mem);
    }
    assert_int_equal(heap_waiters(&heap), 1);
    assert_false(heap_client_is_done(&clients[3]));
    for (size_t i = 0; i < 3; i++) {
        k_heap_free(&heap, clients[i].mem);
    }
    k_heap_free(&heap, take_from(3, 0));
}

static void who_comes_later_takes_what_nobody_can_use(void **state)
{
    queue_up(0, 2 * PIECE, K_HIGHEST_THREAD_PRIO, 1);
    give(0);
    void *mem = k_heap_alloc(&heap, PIECE, K_NO_WAIT);
    assert_non_null(mem);
    k_heap_free(&heap, mem);
    give(1);
    k_heap_free(&heap, take_from(0, 0));
}

static void a_changed_priority_changes_the_place(void **state)
{
    queue_up(0, PIECE, 5, 1);
    queue_up(1, PIECE, 6, 2);
    queue_up(2, PIECE, 7, 3);
    k_thread_priority_set(clients[2].self, 4);
    k_thread_priority_set(clients[0].self, 6); /* behind those that have it already */
    give(0);
    void *first = take_from(2, 2);
    give(1);
    void *second = take_from(1, 1);
    give(2);
    k_heap_free(&heap, take_from(0, 0));
    k_heap_free(&heap, first);
    k_heap_free(&heap, second);
}

static void nobody_is_woken_for_nothing(void **state)
{
    unsigned long sleeps[3];

    queue_up(0, 3 * PIECE, 1, 1);
    queue_up(1, 2 * PIECE, 2, 2);
    queue_up(2, PIECE, 3, 3);
    for (size_t i = 0; i < 3; i++) {
        sleeps[i] = heap_client_sleeps(&clients[i]);
    }
    give(0);
    k_heap_free(&heap, take_from(2, 2)); /* ... and again nobody can use it */
    give(2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(heap_client_sleeps(&clients[i]), sleeps[i]);
    }
    give(1);
    k_heap_free(&heap, take_from(0, 1));
    k_heap_free(&heap, take_from(1, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_waiter_gets_what_is_freed),
        TEST(an_aligned_block_is_waited_for),
        TEST(calloc_waits_and_clears),
        TEST(who_waits_for_ever_does_so),
        TEST(who_waits_long_is_served_before),
        TEST(too_little_memory_does_not_help),
        TEST(waiters_are_served_by_priority_and_then_by_arrival),
        TEST(sizes_do_not_matter_for_the_order),
        TEST(a_large_request_keeps_its_place),
        TEST(one_free_serves_as_many_as_it_can),
        TEST(who_comes_later_takes_what_nobody_can_use),
        TEST(a_changed_priority_changes_the_place),
        TEST(nobody_is_woken_for_nothing),
    };

    race_detector_announce();
    k_heap_init(&heap, buffer, sizeof(buffer));
    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
