/* SPDX-License-Identifier: Apache-2.0 */
/* Shared slabs and heaps between processes that see them at different addresses: blocks that one
 * takes and another one gives back, waiting, the order of priorities, and who has what. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "../support/shared_objects.h"

#define BYTES      100u
#define LONG_MS    20000
#define SHORT_MS   20
#define CANCELS    (2 * SHARED_WAITERS + 1)
#define ALARM_US   50000
#define NO_PROCESS 0x7ffffffe

/* What a note is about. */
enum { WHERE, NEXT_PLACE, FIRST_PLACE };

static uint64_t add_to_note(size_t i)
{
    return __atomic_fetch_add(&shared_notes[i], 1, __ATOMIC_SEQ_CST);
}

static bool is_in_order(void)
{
    return quarry_shared_slab_validate(shared_slab) && quarry_shared_heap_validate(&shared_heap);
}

static uint64_t offset_of(const void *mem)
{
    return (uint64_t)((const char *)mem - shared_memory);
}

/* --- Blocks that change hands --- */

static bool read_and_free_in_slab(void *arg)
{
    char *mem = quarry_shared_slab_block(shared_slab, (uint32_t)shared_notes[WHERE]);
    bool is_right = strcmp(mem, "from the parent") == 0 && mem != *(char **)arg;

    k_mem_slab_free(shared_slab, mem);
    return is_right;
}

static void a_block_of_the_slab_is_given_back_elsewhere(void **state)
{
    char *mem = shared_slab_take();

    strcpy(mem, "from the parent");
    shared_notes[WHERE] = quarry_shared_slab_number(shared_slab, mem);
    shared_process_end(shared_process(read_and_free_in_slab, &mem));
    assert_int_equal(k_mem_slab_num_used_get(shared_slab), 0);
    assert_true(is_in_order());
}

static bool write_in_slab(void *arg)
{
    char *mem = shared_slab_take();

    shared_notes[WHERE] = quarry_shared_slab_number(shared_slab, mem);
    strcpy(mem, "from the child");
    return true;
}

static void a_block_outlives_its_process(void **state)
{
    pid_t child = shared_process(write_in_slab, NULL);

    shared_process_end(child);
    char *mem = quarry_shared_slab_block(shared_slab, (uint32_t)shared_notes[WHERE]);
    assert_string_equal(mem, "from the child");
    assert_int_equal(k_mem_slab_num_used_get(shared_slab), 1);
    k_mem_slab_free(shared_slab, mem);
    assert_int_equal(quarry_shared_slab_reclaim(shared_slab, child), 0);
    assert_true(is_in_order());
}

static bool resize_in_heap(void *arg)
{
    char *mem = shared_memory + shared_notes[WHERE];

    if (strcmp(mem, "from the parent") != 0 || mem == *(char **)arg) {
        return false;
    }
    mem = k_heap_realloc(&shared_heap, mem, 4 * BYTES, K_NO_WAIT);
    shared_notes[WHERE] = offset_of(mem);
    return mem != NULL && strcmp(mem, "from the parent") == 0;
}

static void a_block_of_the_heap_belongs_to_who_resized_it_last(void **state)
{
    char *mem = shared_heap_take(BYTES);

    strcpy(mem, "from the parent");
    shared_notes[WHERE] = offset_of(mem);
    pid_t child = shared_process(resize_in_heap, &mem);
    shared_process_end(child);
    assert_string_equal(shared_memory + shared_notes[WHERE], "from the parent");
    assert_int_equal(quarry_shared_heap_reclaim(&shared_heap, getpid()), 0);
    assert_int_equal(quarry_shared_heap_reclaim(&shared_heap, child), 1);
    assert_true(is_in_order());
}

/* --- Waiting --- */

/* A process that waits: how urgent it is, and which place in the order of service it should have.
 */
struct client {
    int priority;
    uint64_t place;
};

/* Kinds of objects, for tests that are the same for both. */
struct kind {
    bool (*wait)(
        void *client); /* takes a block, or waits; notes that it was served; gives it back */
    void (*take_all)(void);
    size_t (*waiters)(void);
    void (*give_all)(void); /* what take_all took */
};

static void note_service(const struct client *client)
{
    shared_notes[FIRST_PLACE + add_to_note(NEXT_PLACE)] = client->place;
}

static bool wait_for_slab(void *arg)
{
    const struct client *client = arg;
    void *mem;

    k_thread_priority_set(k_current_get(), client->priority);
    if (k_mem_slab_alloc(shared_slab, &mem, K_FOREVER) != 0) {
        return false;
    }
    note_service(client);
    k_mem_slab_free(shared_slab, mem);
    return true;
}

static void give_one_to_slab(void)
{
    k_mem_slab_free(shared_slab, quarry_shared_slab_block(shared_slab, 0));
}

static bool wait_for_heap(void *arg)
{
    const struct client *client = arg;

    k_thread_priority_set(k_current_get(), client->priority);
    void *mem = k_heap_alloc(&shared_heap, SHARED_HEAP_BYTES / 2, K_FOREVER);
    if (mem == NULL) {
        return false;
    }
    note_service(client);
    k_heap_free(&shared_heap, mem);
    return true;
}

static void give_all_to_heap(void)
{
    quarry_shared_heap_reclaim(&shared_heap, getpid());
}

static const struct kind of_slab = {wait_for_slab, shared_slab_take_all, waiters_of_shared_slab,
                                    give_one_to_slab};
static const struct kind of_heap = {wait_for_heap, shared_heap_take_all, waiters_of_shared_heap,
                                    give_all_to_heap};

static void serve_in_order(const struct kind *kind, struct client *clients)
{
    pid_t children[SHARED_WAITERS];

    shared_objects_make(NULL);
    kind->take_all();
    for (size_t i = 0; i < SHARED_WAITERS; i++) {
        children[i] = shared_process(kind->wait, &clients[i]);
        shared_await(kind->waiters, i + 1);
    }
    assert_int_equal(shared_notes[NEXT_PLACE], 0);
    kind->give_all();
    for (size_t i = 0; i < SHARED_WAITERS; i++) {
        shared_process_end(children[i]);
    }
    for (size_t i = 0; i < SHARED_WAITERS; i++) {
        assert_int_equal(shared_notes[FIRST_PLACE + i], i);
    }
    assert_int_equal(kind->waiters(), 0);
    assert_true(is_in_order());
}

static void processes_are_served_by_priority(void **state)
{
    struct client clients[SHARED_WAITERS] = {{3, 2}, {-1, 0}, {2, 1}};

    serve_in_order(*state, clients);
}

static void equals_are_served_in_the_order_of_arrival(void **state)
{
    struct client clients[SHARED_WAITERS] = {{5, 0}, {5, 1}, {5, 2}};

    serve_in_order(*state, clients);
}

static bool wait_in_vain(void *arg)
{
    void *unchanged = arg;

    return k_mem_slab_alloc(shared_slab, &unchanged, K_MSEC(SHORT_MS)) == -EAGAIN &&
           unchanged == arg && k_heap_alloc(&shared_heap, BYTES, K_MSEC(SHORT_MS)) == NULL;
}

static void a_timeout_is_told_and_leaves_nothing(void **state)
{
    shared_slab_take_all();
    shared_heap_take_all();
    shared_process_end(shared_process(wait_in_vain, NULL));
    assert_int_equal(waiters_of_shared_slab() + waiters_of_shared_heap(), 0);
    assert_int_equal(k_mem_slab_num_used_get(shared_slab), SHARED_BLOCKS);
    assert_true(is_in_order());
}

static void without_a_place_nobody_waits(void **state)
{
    struct client client = {1, 0};
    pid_t children[2][SHARED_WAITERS];
    void *mem = NULL;

    shared_slab_take_all();
    shared_heap_take_all();
    for (size_t i = 0; i < SHARED_WAITERS; i++) {
        children[0][i] = shared_process(wait_for_slab, &client);
        children[1][i] = shared_process(wait_for_heap, &client);
    }
    shared_await(waiters_of_shared_slab, SHARED_WAITERS);
    shared_await(waiters_of_shared_heap, SHARED_WAITERS);
    assert_int_equal(k_mem_slab_alloc(shared_slab, &mem, K_FOREVER), -ENOMEM);
    assert_int_equal(k_mem_slab_alloc(shared_slab, &mem, K_MSEC(LONG_MS)), -ENOMEM);
    assert_int_equal(k_mem_slab_alloc(shared_slab, &mem, K_NO_WAIT), -ENOMEM);
    assert_null(k_heap_alloc(&shared_heap, BYTES, K_FOREVER));
    assert_null(k_heap_alloc(&shared_heap, BYTES, K_MSEC(LONG_MS)));
    give_one_to_slab();
    give_all_to_heap();
    for (size_t i = 0; i < SHARED_WAITERS; i++) {
        shared_process_end(children[0][i]);
        shared_process_end(children[1][i]);
    }
    assert_int_equal(k_mem_slab_alloc(shared_slab, &mem, K_FOREVER), 0);
    assert_true(is_in_order());
}

/* --- A waiting thread that is cancelled, or interrupted --- */

static void *wait_as_thread(void *arg)
{
    void *mem;

    k_mem_slab_alloc(shared_slab, &mem, K_FOREVER);
    return arg;
}

static void a_cancelled_waiter_leaves_its_place(void **state)
{
    shared_slab_take_all();
    for (size_t i = 0; i < CANCELS; i++) {
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, wait_as_thread, NULL), 0);
        shared_await(waiters_of_shared_slab, 1);
        pthread_cancel(thread);
        pthread_join(thread, NULL);
        assert_int_equal(waiters_of_shared_slab(), 0);
    }
    assert_true(is_in_order());
}

static void give_in_handler(int number)
{
    (void)number;
    give_one_to_slab();
}

static void a_handler_may_serve_the_thread_that_it_interrupts(void **state)
{
    const struct itimerval once = {.it_value = {.tv_usec = ALARM_US}};
    void *mem = NULL;

    shared_slab_take_all();
    signal(SIGALRM, give_in_handler);
    setitimer(ITIMER_REAL, &once, NULL);
    assert_int_equal(k_mem_slab_alloc(shared_slab, &mem, K_FOREVER), 0);
    signal(SIGALRM, SIG_DFL);
    assert_ptr_equal(mem, quarry_shared_slab_block(shared_slab, 0));
    assert_true(is_in_order());
}

/* --- To wait for another size --- */

static bool free_when_waited_for(void *arg)
{
    while (waiters_of_shared_heap() == 0) {
        k_usleep(100);
    }
    k_heap_free(&shared_heap, shared_memory + shared_notes[WHERE]);
    return true;
}

static void a_block_moves_when_there_is_room(void **state)
{
    char *mine = shared_heap_take(BYTES);
    char *wall = shared_heap_take(1);
    char *room = shared_heap_take(4 * BYTES);

    strcpy(mine, "mine");
    shared_heap_take_all();
    shared_notes[WHERE] = offset_of(room);
    pid_t child = shared_process(free_when_waited_for, NULL);
    char *moved = k_heap_realloc(&shared_heap, mine, 3 * BYTES, K_MSEC(LONG_MS));
    shared_process_end(child);
    assert_ptr_equal(moved, room);
    assert_string_equal(moved, "mine");
    k_heap_free(&shared_heap, wall);
    assert_true(is_in_order());
}

/* --- Who has what --- */

static bool take_some(void *arg)
{
    size_t count = *(size_t *)arg;

    for (size_t i = 0; i < count; i++) {
        if (shared_slab_take() == NULL || shared_heap_take(BYTES * i + 1) == NULL) {
            return false;
        }
    }
    return true;
}

static void blocks_are_counted_by_process(void **state)
{
    pid_t children[3];

    for (size_t i = 0; i < 3; i++) {
        children[i] = shared_process(take_some, &i);
        shared_process_end(children[i]);
    }
    assert_int_equal(k_mem_slab_num_used_get(shared_slab), 3);
    for (size_t i = 3; i-- > 0;) {
        assert_int_equal(quarry_shared_slab_reclaim(shared_slab, children[i]), i);
        assert_int_equal(quarry_shared_heap_reclaim(&shared_heap, children[i]), i);
        assert_true(is_in_order());
    }
    assert_int_equal(k_mem_slab_num_used_get(shared_slab), 0);
}

static void what_is_reclaimed_is_handed_over(void **state)
{
    struct client client = {1, 0};
    size_t all = SHARED_BLOCKS;
    pid_t owner = shared_process(take_some, &all);

    shared_process_end(owner);
    shared_heap_take_all();
    pid_t waiter = shared_process(wait_for_slab, &client);
    shared_await(waiters_of_shared_slab, 1);
    assert_int_equal(quarry_shared_slab_reclaim(shared_slab, owner), SHARED_BLOCKS);
    shared_process_end(waiter);
    assert_int_equal(k_mem_slab_num_used_get(shared_slab), 0);
    assert_true(is_in_order());
}

/* The child sees its parent's objects where its parent does. */
static void a_forked_child_has_blocks_of_its_own(void **state)
{
    char *mem = shared_slab_take();
    pid_t child = fork();

    if (child == 0) {
        void *own = shared_slab_take();
        bool good = own != NULL && own != mem && shared_heap_take(1) != NULL && is_in_order();

        _exit(good ? 0 : 1);
    }
    shared_process_end(child);
    assert_int_equal(quarry_shared_slab_reclaim(shared_slab, child), 1);
    assert_int_equal(quarry_shared_heap_reclaim(&shared_heap, child), 1);
    assert_int_equal(quarry_shared_slab_reclaim(shared_slab, NO_PROCESS), 0);
    k_mem_slab_free(shared_slab, mem);
    assert_int_equal(k_mem_slab_num_used_get(shared_slab), 0);
    assert_true(is_in_order());
}

static void *state_of(const struct kind *kind)
{
    return (void *)(uintptr_t)kind;
}

int main(void)
{
#define TEST(name)          cmocka_unit_test_setup(name, shared_objects_make)
#define TEST_OF(name, kind) cmocka_unit_test_prestate(name, state_of(kind))
    const struct CMUnitTest tests[] = {
        TEST(a_block_of_the_slab_is_given_back_elsewhere),
        TEST(a_block_outlives_its_process),
        TEST(a_block_of_the_heap_belongs_to_who_resized_it_last),
        TEST_OF(processes_are_served_by_priority, &of_slab),
        TEST_OF(processes_are_served_by_priority, &of_heap),
        TEST_OF(equals_are_served_in_the_order_of_arrival, &of_slab),
        TEST_OF(equals_are_served_in_the_order_of_arrival, &of_heap),
        TEST(a_timeout_is_told_and_leaves_nothing),
        TEST(without_a_place_nobody_waits),
        TEST(a_cancelled_waiter_leaves_its_place),
        TEST(a_handler_may_serve_the_thread_that_it_interrupts),
        TEST(a_block_moves_when_there_is_room),
        TEST(blocks_are_counted_by_process),
        TEST(what_is_reclaimed_is_handed_over),
        TEST(a_forked_child_has_blocks_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, shared_objects_drop);
}
