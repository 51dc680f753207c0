/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that signal handlers give back while others wait for them: at once, and while the slab's
 * lock is held by the interrupted thread or by another one. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel/mem_slab.h>
#include "kernel/shared_slab.h"
#include "kernel/wait_queue.h"
#include "../support/race_detector.h"
#include "../support/slab_client.h"
#include "../support/slab_queue.h"

#define BLOCK_BYTES 32u
#define BLOCKS      2u
#define WATCHDOG_S  100u

static struct k_mem_slab slab;
static _Alignas(16) char buffer[BLOCK_BYTES * BLOCKS];
static void *held; /* what the handler gives back */

static void give_in_handler(int number)
{
    (void)number;
    k_mem_slab_free(&slab, held);
}

static void give_by_handler(void *mem)
{
    held = mem;
    raise(SIGUSR1);
}

static void begin_with(uint32_t num_blocks)
{
    assert_int_equal(k_mem_slab_init(&slab, buffer, BLOCK_BYTES, num_blocks), 0);
    signal(SIGUSR1, give_in_handler);
    alarm(WATCHDOG_S);
}

static void end(uint32_t num_used)
{
    alarm(0);
    signal(SIGUSR1, SIG_DFL);
    assert_true(slab_is_at_rest(&slab, num_used));
}

static void *take(void)
{
    void *mem = NULL;

    assert_int_equal(k_mem_slab_alloc(&slab, &mem, K_NO_WAIT), 0);
    return mem;
}

static void begin_client(struct slab_client *client, size_t number)
{
    *client =
        (struct slab_client){.slab = &slab, .timeout = K_FOREVER, .priority = K_PRIO_PREEMPT(1)};
    client_queue_up(client, number);
}

static void end_client(struct slab_client *client, const void *mem)
{
    client_end(client);
    assert_int_equal(client->result, 0);
    assert_ptr_equal(client->mem, mem);
}

static void a_handler_may_give_what_another_thread_waits_for(void **state)
{
    static struct slab_client client;

    begin_with(1);
    void *mem = take();
    begin_client(&client, 1);
    give_by_handler(mem);
    end_client(&client, mem);
    end(1);
}

static void what_is_given_inside_of_a_stay_is_handed_over_at_its_end(void **state)
{
    static struct slab_client clients[2];
    struct wait_queue queue = k_mem_slab_queue(&slab);
    struct stay stay;

    begin_with(2);
    void *first = take();
    void *second = take();
    begin_client(&clients[0], 1);
    begin_client(&clients[1], 2);
    assert_true(wait_queue_enter(&queue, &stay));
    give_by_handler(first);
    give_by_handler(second);
    assert_true(slab.wait_q.first != 0);
    assert_non_null(slab.wait_q.deferred);
    wait_queue_leave(&queue, &stay);
    client_end(&clients[0]);
    client_end(&clients[1]);
    assert_true(clients[0].mem == first || clients[0].mem == second);
    assert_true(clients[1].mem == (clients[0].mem == first ? second : first));
    end(2);
}

struct holder {
    pthread_t thread;
    sem_t holds;
    sem_t may_leave;
};

static void *hold_lock(void *arg)
{
    struct holder *holder = arg;
    struct wait_queue queue = k_mem_slab_queue(&slab);
    struct stay stay;

    wait_queue_enter(&queue, &stay);
    sem_post(&holder->holds);
    sem_wait(&holder->may_leave);
    wait_queue_leave(&queue, &stay);
    return NULL;
}

static void begin_to_hold(struct holder *holder)
{
    sem_init(&holder->holds, 0, 0);
    sem_init(&holder->may_leave, 0, 0);
    assert_int_equal(pthread_create(&holder->thread, NULL, hold_lock, holder), 0);
    sem_wait(&holder->holds);
}

static void end_to_hold(struct holder *holder)
{
    sem_post(&holder->may_leave);
    pthread_join(holder->thread, NULL);
    sem_destroy(&holder->holds);
    sem_destroy(&holder->may_leave);
}

/* The handler has interrupted a thread inside of another slab, so it does not wait for the lock. */
static void what_is_given_while_another_holds_the_lock_is_handed_over_by_that_one(void **state)
{
    static struct slab_client client;
    static struct holder holder;
    static struct k_mem_slab other;
    static _Alignas(16) char other_buffer[BLOCK_BYTES];
    struct wait_queue other_queue = k_mem_slab_queue(&other);
    struct stay stay;

    begin_with(1);
    k_mem_slab_init(&other, other_buffer, BLOCK_BYTES, 1);
    void *mem = take();
    begin_client(&client, 1);
    begin_to_hold(&holder);
    assert_true(wait_queue_enter(&other_queue, &stay));
    give_by_handler(mem);
    assert_non_null(__atomic_load_n(&slab.wait_q.deferred, __ATOMIC_ACQUIRE));
    wait_queue_leave(&other_queue, &stay);
    end_to_hold(&holder);
    end_client(&client, mem);
    end(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_may_give_what_another_thread_waits_for),
        cmocka_unit_test(what_is_given_inside_of_a_stay_is_handed_over_at_its_end),
        cmocka_unit_test(what_is_given_while_another_holds_the_lock_is_handed_over_by_that_one),
    };

    race_detector_announce();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
