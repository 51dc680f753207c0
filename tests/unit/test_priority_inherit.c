/* SPDX-License-Identifier: Apache-2.0 */
/* Priority inheritance: objects work as before, and a thread that holds an object's lock runs with
 * the priority of a more urgent one that waits for that lock. The latter needs the right to use
 * SCHED_FIFO. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/priority.h>
#include <quarry/shared.h>
#include <zephyr/kernel.h>
#include "kernel/shared_heap.h"
#include "kernel/shared_slab.h"
#include "kernel/wait_queue.h"
#include "../support/heap_client.h"
#include "../support/slab_client.h"
#include "../support/slab_queue.h"

#define HEAP_BYTES   1024u
#define SHARED_BYTES 65536u
#define BLOCK_BYTES  64u
#define BLOCKS       2u
#define URGENT       7    /* of SCHED_FIFO */
#define BOOST_TRIES  500u /* of 10 ms each */
#define FEW_TRIES    10u
#define HANG_SECONDS 300u

static struct k_heap heap;
static _Alignas(64) char buffer[HEAP_BYTES];
static struct k_mem_slab slab;
static _Alignas(64) char slab_buffer[BLOCK_BYTES * BLOCKS];
static _Alignas(64) char shared_memory[SHARED_BYTES];

static int begin(void **state)
{
    k_heap_init(&heap, buffer, sizeof(buffer));
    return k_mem_slab_init(&slab, slab_buffer, BLOCK_BYTES, BLOCKS);
}

static int begin_inheriting(void **state)
{
    return begin(state) == 0 && quarry_heap_inherit_priority(&heap) == 0 &&
                   quarry_mem_slab_inherit_priority(&slab) == 0
               ? 0
               : -1;
}

static int objects_are_whole(void **state)
{
    return heap_is_empty(&heap) && slab_is_at_rest(&slab, 0) ? 0 : -1;
}

/* --- Codes --- */

K_HEAP_DEFINE(static_heap, 512);
K_MEM_SLAB_DEFINE_STATIC(static_slab, 64, 2, 8);

static void objects_of_all_kinds_of_definition_inherit(void **state)
{
    assert_int_equal(quarry_heap_inherit_priority(&heap), 0);
    assert_int_equal(quarry_mem_slab_inherit_priority(&slab), 0);
    assert_int_equal(quarry_heap_inherit_priority(&static_heap), 0);
    assert_int_equal(quarry_mem_slab_inherit_priority(&static_slab), 0);
    void *block = k_heap_alloc(&static_heap, 40, K_FOREVER);
    void *slab_block = NULL;
    assert_non_null(block);
    assert_int_equal(k_mem_slab_alloc(&static_slab, &slab_block, K_FOREVER), 0);
    k_heap_free(&static_heap, block);
    k_mem_slab_free(&static_slab, slab_block);
    assert_true(heap_is_empty(&static_heap));
    assert_true(slab_is_at_rest(&static_slab, 0));
}

static void shared_objects_do_not(void **state)
{
    struct k_mem_slab *shared_slab =
        quarry_shared_slab_create(shared_memory, SHARED_BYTES, BLOCK_BYTES, BLOCKS, 2);
    assert_non_null(shared_slab);
    assert_int_equal(quarry_mem_slab_inherit_priority(shared_slab), -EINVAL);
    struct k_heap shared_heap;
    assert_int_equal(
        quarry_shared_heap_create(&shared_heap, shared_memory, SHARED_BYTES, HEAP_BYTES, 2), 0);
    assert_int_equal(quarry_heap_inherit_priority(&shared_heap), -EINVAL);
}

/* --- As before --- */

static void a_heap_that_inherits_is_waited_for(void **state)
{
    struct heap_client client = {.heap = &heap, .bytes = HEAP_BYTES / 2, .timeout = K_FOREVER};
    void *block = k_heap_alloc(&heap, HEAP_BYTES * 3 / 4, K_NO_WAIT);

    assert_non_null(block);
    int64_t began = k_uptime_ticks();
    assert_null(k_heap_alloc(&heap, HEAP_BYTES / 2, K_MSEC(5)));
    assert_true(k_uptime_ticks() - began >= K_MSEC(5).ticks);
    heap_client_queue_up(&client, 1);
    k_heap_free(&heap, block);
    heap_client_end(&client);
    assert_ptr_equal(client.mem, block);
    k_heap_free(&heap, client.mem);
}

static void a_slab_that_inherits_is_waited_for(void **state)
{
    struct slab_client client = {.slab = &slab, .timeout = K_FOREVER, .priority = 3};
    void *blocks[BLOCKS];

    for (size_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(k_mem_slab_alloc(&slab, &blocks[i], K_NO_WAIT), 0);
    }
    client_queue_up(&client, 1);
    k_mem_slab_free(&slab, blocks[0]);
    client_end(&client);
    assert_int_equal(client.result, 0);
    assert_ptr_equal(client.mem, blocks[0]);
    k_mem_slab_free(&slab, client.mem);
    k_mem_slab_free(&slab, blocks[1]);
}

/* --- The priority of who holds a lock --- */

/* A thread that stays inside of an object's lock until it is let out. */
struct holder {
    const struct wait_queue *queue;
    sem_t is_inside;
    sem_t may_leave;
    int tid;
    pthread_t thread;
};

static void *hold(void *arg)
{
    struct holder *holder = arg;
    struct stay stay;

    holder->tid = (int)syscall(SYS_gettid);
    wait_queue_enter(holder->queue, &stay);
    sem_post(&holder->is_inside);
    sem_wait(&holder->may_leave);
    wait_queue_leave(holder->queue, &stay);
    return NULL;
}

static void *enter_and_leave(void *arg)
{
    struct holder *holder = arg;
    struct stay stay;

    wait_queue_enter(holder->queue, &stay);
    wait_queue_leave(holder->queue, &stay);
    return NULL;
}

/* As the system has it: below 0 for real-time priorities, less for higher ones. */
static int priority_of(int tid)
{
    char path[64];
    char line[512] = "";
    int priority = 0;

    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[length] = '\0';
    const char *behind_name = strrchr(line, ')');
    assert_non_null(behind_name);
    assert_int_equal(sscanf(behind_name + 1,
                            " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %d",
                            &priority),
                     1);
    return priority;
}

/* False if the process may not have such threads. */
static bool begin_urgent(pthread_t *thread, struct holder *holder)
{
    struct sched_param parameters = {.sched_priority = URGENT};
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
    pthread_attr_setschedparam(&attributes, &parameters);
    bool begun = pthread_create(thread, &attributes, enter_and_leave, holder) == 0;
    pthread_attr_destroy(&attributes);
    return begun;
}

static bool becomes_urgent(const struct holder *holder, unsigned int tries)
{
    for (unsigned int i = 0; i < tries; i++) {
        if (priority_of(holder->tid) == -1 - URGENT) {
            return true;
        }
        k_msleep(10);
    }
    return false;
}

enum outcome { NOT_ALLOWED, NOT_BOOSTED, BOOSTED };

/* What becomes of a thread inside of the lock while an urgent one waits for it. */
static enum outcome outcome_in(const struct wait_queue *queue, unsigned int tries)
{
    struct holder holder = {.queue = queue};
    enum outcome outcome = NOT_ALLOWED;
    pthread_t urgent;

    sem_init(&holder.is_inside, 0, 0);
    sem_init(&holder.may_leave, 0, 0);
    assert_int_equal(pthread_create(&holder.thread, NULL, hold, &holder), 0);
    sem_wait(&holder.is_inside);
    int before = priority_of(holder.tid);
    if (begin_urgent(&urgent, &holder)) {
        outcome = becomes_urgent(&holder, tries) ? BOOSTED : NOT_BOOSTED;
        sem_post(&holder.may_leave);
        pthread_join(urgent, NULL);
    } else {
        sem_post(&holder.may_leave);
    }
    pthread_join(holder.thread, NULL);
    assert_true(before >= 0);
    return outcome;
}

static void expect_outcome(const struct wait_queue *queue, enum outcome expected)
{
    enum outcome outcome = outcome_in(queue, expected == BOOSTED ? BOOST_TRIES : FEW_TRIES);

    if (outcome == NOT_ALLOWED) {
        skip();
    }
    assert_int_equal(outcome, expected);
}

static void who_holds_a_heap_is_as_urgent_as_who_waits_for_it(void **state)
{
    struct wait_queue queue = k_heap_queue(&heap);

    expect_outcome(&queue, BOOSTED);
}

static void who_holds_a_slab_is_as_urgent_as_who_waits_for_it(void **state)
{
    struct wait_queue queue = k_mem_slab_queue(&slab);

    expect_outcome(&queue, BOOSTED);
}

static void without_inheritance_who_holds_a_heap_stays_as_he_is(void **state)
{
    struct wait_queue queue = k_heap_queue(&heap);

    expect_outcome(&queue, NOT_BOOSTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, objects_are_whole)
#define TEST_INHERITING(name)                                                                      \
    cmocka_unit_test_setup_teardown(name, begin_inheriting, objects_are_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(objects_of_all_kinds_of_definition_inherit),
        TEST(shared_objects_do_not),
        TEST_INHERITING(a_heap_that_inherits_is_waited_for),
        TEST_INHERITING(a_slab_that_inherits_is_waited_for),
        TEST_INHERITING(who_holds_a_heap_is_as_urgent_as_who_waits_for_it),
        TEST_INHERITING(who_holds_a_slab_is_as_urgent_as_who_waits_for_it),
        TEST(without_inheritance_who_holds_a_heap_stays_as_he_is),
    };

    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
