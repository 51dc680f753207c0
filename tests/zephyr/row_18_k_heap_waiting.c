/* SPDX-License-Identifier: Apache-2.0 */
/* Row 18: threads that wait for memory of a k_heap.
 *
 * One gets it as soon as enough is freed. One for whom too little is freed waits on, until its
 * timeout is over and not a moment less. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "../support/race_detector.h"

#define HEAP_BYTES 2048u
#define LARGE      1024u
#define SMALL      256u
#define DELAY_MS   20
#define WAIT_MS    60

K_HEAP_DEFINE(heap, HEAP_BYTES);
static struct k_thread thread;

/* What a thread asks for, and gets. */
struct request {
    size_t bytes;
    k_timeout_t timeout;
    void *mem;
    int64_t waited_ticks;
};

static void ask(void *p1, void *p2, void *p3)
{
    struct request *request = p1;
    int64_t start = k_uptime_ticks();

    request->mem = k_heap_alloc(&heap, request->bytes, request->timeout);
    request->waited_ticks = k_uptime_ticks() - start;
}

static void begin(struct request *request)
{
    assert_non_null(k_thread_create(&thread, NULL, 4096, ask, request, NULL, NULL,
                                    K_PRIO_PREEMPT(5), 0, K_NO_WAIT));
}

static void end(void)
{
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
}

static void *take(size_t bytes)
{
    void *mem = k_heap_alloc(&heap, bytes, K_NO_WAIT);

    assert_non_null(mem);
    return mem;
}

static void it_gets_what_is_freed(k_timeout_t timeout)
{
    struct request request = {LARGE, timeout, NULL, 0};
    void *held = take(LARGE);

    begin(&request);
    k_msleep(DELAY_MS);
    assert_int_equal(k_thread_join(&thread, K_NO_WAIT), -EBUSY); /* there is no room for it yet */
    k_heap_free(&heap, held);
    end();
    assert_non_null(request.mem);
    k_heap_free(&heap, request.mem);
}

static void a_waiter_gets_what_is_freed(void **state)
{
    it_gets_what_is_freed(K_SECONDS(600));
    it_gets_what_is_freed(K_FOREVER);
}

static void a_waiter_for_whom_too_little_is_freed_times_out(void **state)
{
    struct request request = {LARGE, K_MSEC(WAIT_MS), NULL, 0};
    void *held = take(LARGE);
    void *little = take(SMALL);

    begin(&request);
    k_msleep(DELAY_MS);
    k_heap_free(&heap, little);
    end();
    assert_null(request.mem);
    assert_true(request.waited_ticks >= (int64_t)k_ms_to_ticks_ceil64(WAIT_MS));
    k_heap_free(&heap, held);
}

/* Memory that was freed meanwhile is had without a look at the clock. */
static void who_comes_after_the_free_does_not_wait(void **state)
{
    struct request request = {LARGE, K_FOREVER, NULL, 0};

    k_heap_free(&heap, take(LARGE));
    begin(&request);
    end();
    assert_non_null(request.mem);
    k_heap_free(&heap, request.mem);
}

static void grow(void *p1, void *p2, void *p3)
{
    struct request *request = p1;

    request->mem = k_heap_realloc(&heap, request->mem, request->bytes, request->timeout);
}

static void a_realloc_waits_too(void **state)
{
    struct request request = {LARGE, K_FOREVER, take(SMALL), 0};
    void *held = take(LARGE);

    *(int *)request.mem = 4711;
    assert_non_null(k_thread_create(&thread, NULL, 4096, grow, &request, NULL, NULL,
                                    K_PRIO_PREEMPT(5), 0, K_NO_WAIT));
    k_msleep(DELAY_MS);
    k_heap_free(&heap, held);
    end();
    assert_non_null(request.mem);
    assert_int_equal(*(int *)request.mem, 4711);
    k_heap_free(&heap, request.mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_waiter_gets_what_is_freed),
        cmocka_unit_test(a_waiter_for_whom_too_little_is_freed_times_out),
        cmocka_unit_test(who_comes_after_the_free_does_not_wait),
        cmocka_unit_test(a_realloc_waits_too),
    };

    race_detector_announce();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
