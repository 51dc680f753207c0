/* SPDX-License-Identifier: Apache-2.0 */
/* A k_heap that gets its memory when it is first used, as the system heap does: from a source that
 * may have none yet, in a child that was forked in the middle, and in a handler. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "kernel/k_heap.h"
#include "../support/death.h"
#include "../support/heap_client.h"
#include "../support/heap_picture.h"
#include "../support/insider.h"
#include "../support/sanitizers.h"

#define HEAP_BYTES   2048u
#define HANG_SECONDS 300u

static _Alignas(64) char buffer[HEAP_BYTES];
static void *source_mem;
static size_t asked;
static void (*inside)(void);

static void *get(size_t *bytes)
{
    asked++;
    if (inside != NULL) {
        inside();
    }
    *bytes = HEAP_BYTES;
    return source_mem;
}

static struct k_heap_source source = {get};
static struct k_heap heap;

static int begin(void **state)
{
    heap = (struct k_heap){.heap = {.init_mem = &source}, .wait_q = Z_WAIT_Q_INIT};
    source_mem = buffer;
    asked = 0;
    inside = NULL;
    return 0;
}

static void memory_is_asked_for_once(void **state)
{
    assert_null(heap.heap.heap);
    k_heap_free(&heap, NULL);
    assert_int_equal(asked, 0);
    void *block = k_heap_alloc(&heap, HEAP_BYTES / 2, K_FOREVER);
    assert_in_range((uintptr_t)block, (uintptr_t)buffer, (uintptr_t)buffer + HEAP_BYTES / 2);
    assert_null(k_heap_alloc(&heap, HEAP_BYTES / 2, K_NO_WAIT));
    k_heap_free(&heap, block);
    expect_heap(&heap.heap, "F*");
    assert_int_equal(asked, 1);
}

static void a_call_to_make_it_ready_is_a_use(void **state)
{
    k_heap_ready(&heap);
    assert_int_equal(asked, 1);
    expect_heap(&heap.heap, "F*");
    k_heap_ready(&heap);
    assert_int_equal(asked, 1);
}

static void a_source_without_memory_is_asked_again(void **state)
{
    source_mem = NULL;
    assert_null(k_heap_alloc(&heap, 1, K_NO_WAIT));
    assert_null(k_heap_alloc(&heap, 1, K_FOREVER)); /* at once */
    assert_null(k_heap_alloc(&heap, 1, K_MSEC(1)));
    assert_null(heap.heap.heap);
    assert_true(asked >= 3);
    source_mem = buffer;
    assert_non_null(k_heap_alloc(&heap, 1, K_NO_WAIT));
}

static void *got;

static void allocate_inside(void)
{
    got = k_heap_alloc(&heap, 1, K_NO_WAIT);
}

static void a_handler_in_the_first_use_gets_nothing(void **state)
{
    got = buffer;
    inside = allocate_inside;
    assert_non_null(k_heap_alloc(&heap, 1, K_NO_WAIT));
    assert_null(got);
    assert_int_equal(asked, 1);
}

/* --- Fork --- */

static void *allocate(void *arg)
{
    (void)arg;
    return k_heap_alloc(&heap, 1, K_NO_WAIT);
}

/* Child. */
static void use_after_fork(void *arg)
{
    (void)arg;
    inside = NULL;
    source_mem = NULL;
    if (k_heap_alloc(&heap, 1, K_NO_WAIT) != NULL || heap.heap.heap != NULL) {
        _exit(3);
    }
    source_mem = buffer;
    void *block = k_heap_alloc(&heap, HEAP_BYTES / 2, K_NO_WAIT);
    if (block == NULL || !sys_heap_validate(&heap.heap) || heap.heap.init_mem != NULL) {
        _exit(1);
    }
    k_heap_free(&heap, block);
    if (!heap_is_empty(&heap)) {
        _exit(2);
    }
}

/* The other thread has the lock, and has not come back with memory yet. */
static void a_child_makes_it_anew(void **state)
{
    if (UNDER_TSAN) {
        skip(); /* it believes that a lock is still held which was made anew */
    }
    inside = insider_stay;
    insider_begin(allocate, NULL);
    struct death death = death_of(use_after_fork, NULL);
    assert_string_equal(death.message, "");
    assert_int_equal(death.signal, 0);
    assert_int_equal(death.exit_code, 0);
    assert_non_null(insider_end());
    expect_heap(&heap.heap, "U[1] F*");
}

/* The same if the heap was begun, but not finished. */
static void half_a_heap_is_made_anew(void **state)
{
    if (UNDER_TSAN) {
        skip();
    }
    inside = insider_stay;
    insider_begin(allocate, NULL);
    heap.heap.heap = (struct z_heap *)(void *)buffer; /* what sys_heap_init begins with */
    struct death death = death_of(use_after_fork, NULL);
    assert_string_equal(death.message, "");
    assert_int_equal(death.exit_code, 0);
    heap.heap.heap = NULL;
    assert_non_null(insider_end());
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(memory_is_asked_for_once),
        TEST(a_call_to_make_it_ready_is_a_use),
        TEST(a_source_without_memory_is_asked_again),
        TEST(a_handler_in_the_first_use_gets_nothing),
        TEST(a_child_makes_it_anew),
        TEST(half_a_heap_is_made_anew),
    };

    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
