/* SPDX-License-Identifier: Apache-2.0 */
/* Row 23: a block that is given back goes to the thread of the highest priority that waits, and
 * among equals to the one that has waited longest.
 *
 * The others wait on, and time out with -EAGAIN. Whether and when the system runs a thread plays no
 * part in it: what counts is the declared priority. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "../support/race_detector.h"
#include "../support/slab_queue.h"

#define BLOCK_BYTES 64u
#define THREADS     3u

K_MEM_SLAB_DEFINE_STATIC(slab, BLOCK_BYTES, 1, 8);

struct waiter {
    struct k_thread thread;
    k_timeout_t timeout;
    int result;
    void *mem;
};

static struct waiter waiters[THREADS];

static void wait_for_block(void *p1, void *p2, void *p3)
{
    struct waiter *waiter = p1;

    waiter->result = k_mem_slab_alloc(&slab, &waiter->mem, waiter->timeout);
}

static void begin(size_t number, int priority, k_timeout_t timeout)
{
    struct waiter *waiter = &waiters[number];

    *waiter = (struct waiter){.timeout = timeout, .mem = waiters};
    assert_non_null(k_thread_create(&waiter->thread, NULL, 4096, wait_for_block, waiter, NULL, NULL,
                                    priority, 0, K_NO_WAIT));
}

/* Begins to wait as the number'th; returns when it does. */
static void queue_up(size_t number, int priority)
{
    begin(number, priority, K_FOREVER);
    await_slab_waiters(&slab, number + 1);
}

static void end(size_t number, int result)
{
    assert_int_equal(k_thread_join(&waiters[number].thread, K_FOREVER), 0);
    assert_int_equal(waiters[number].result, result);
}

static void *take(void)
{
    void *mem = NULL;

    assert_int_equal(k_mem_slab_alloc(&slab, &mem, K_NO_WAIT), 0);
    return mem;
}

/* Neither the first that came, nor the last, nor the least urgent. */
static void the_longest_waiter_of_the_highest_priority_is_served(void **state)
{
    void *mem = take();

    queue_up(0, K_PRIO_PREEMPT(5));
    queue_up(1, K_PRIO_PREEMPT(2));
    queue_up(2, K_PRIO_PREEMPT(2));
    k_mem_slab_free(&slab, mem);
    end(1, 0);
    assert_ptr_equal(waiters[1].mem, mem);
    assert_int_equal(slab_waiters(&slab), 2); /* who wait on */
    assert_int_equal(k_mem_slab_num_used_get(&slab), 1);
    k_mem_slab_free(&slab, mem);
    end(2, 0);
    k_mem_slab_free(&slab, mem);
    end(0, 0);
    k_mem_slab_free(&slab, mem);
}

static void who_is_not_served_times_out(void **state)
{
    void *mem = take();

    begin(0, K_PRIO_PREEMPT(5), K_MSEC(50));
    begin(1, K_PRIO_PREEMPT(2), K_FOREVER);
    begin(2, K_PRIO_PREEMPT(3), K_MSEC(50));
    end(0, -EAGAIN);
    end(2, -EAGAIN);
    assert_ptr_equal(waiters[0].mem, waiters); /* left alone */
    assert_ptr_equal(waiters[2].mem, waiters);
    k_mem_slab_free(&slab, mem);
    end(1, 0);
    assert_ptr_equal(waiters[1].mem, mem);
    k_mem_slab_free(&slab, mem);
}

/* One after the other, as each gives the block on. */
static void all_are_served_in_order(void **state)
{
    void *mem = take();

    queue_up(0, K_PRIO_PREEMPT(7));
    queue_up(1, K_PRIO_COOP(3));
    queue_up(2, K_PRIO_PREEMPT(0));
    k_mem_slab_free(&slab, mem);
    end(1, 0);
    assert_int_equal(slab_waiters(&slab), 2);
    k_mem_slab_free(&slab, mem);
    end(2, 0);
    assert_int_equal(slab_waiters(&slab), 1);
    k_mem_slab_free(&slab, mem);
    end(0, 0);
    k_mem_slab_free(&slab, mem);
    assert_int_equal(k_mem_slab_num_used_get(&slab), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_waiter_of_the_highest_priority_is_served),
        cmocka_unit_test(who_is_not_served_times_out),
        cmocka_unit_test(all_are_served_in_order),
    };

    race_detector_announce();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
