/* SPDX-License-Identifier: Apache-2.0 */
/* Row 19: an interrupt takes memory of a k_heap with K_NO_WAIT, and gives it back.
 *
 * Here a signal handler is what an interrupt is on a device; and irq_offload plays one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/irq_offload.h>
#include <zephyr/kernel.h>

#define HEAP_BYTES 1024u
#define BYTES      128u

K_HEAP_DEFINE(heap, HEAP_BYTES);

static void *volatile given; /* to the interrupt, to be freed */
static void *volatile taken; /* by it */
static volatile size_t wanted;

static void interrupt(int number)
{
    if (given != NULL) {
        k_heap_free(&heap, given);
        given = NULL;
    }
    taken = k_heap_alloc(&heap, wanted, K_NO_WAIT);
}

static int install(void **state)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = interrupt;
    return sigaction(SIGUSR1, &action, NULL);
}

static void *interrupt_with(void *mem, size_t bytes)
{
    given = mem;
    wanted = bytes;
    raise(SIGUSR1);
    return taken;
}

static void an_interrupt_allocates(void **state)
{
    void *mem = interrupt_with(NULL, BYTES);

    assert_non_null(mem);
    memset(mem, 1, BYTES);
    k_heap_free(&heap, mem);
}

static void an_interrupt_frees_what_a_thread_allocated(void **state)
{
    void *mem = k_heap_alloc(&heap, BYTES, K_NO_WAIT);

    assert_ptr_equal(interrupt_with(mem, BYTES), mem);
    k_heap_free(&heap, mem);
}

static void an_interrupt_is_refused_and_does_not_wait(void **state)
{
    assert_null(interrupt_with(NULL, HEAP_BYTES + 1));
    void *all = k_heap_alloc(&heap, HEAP_BYTES - 256, K_NO_WAIT);
    assert_non_null(all);
    assert_null(interrupt_with(NULL, 256));
    k_heap_free(&heap, all);
    assert_true(sys_heap_validate(&heap.heap));
}

static bool was_interrupt;

static void offloaded(const void *parameter)
{
    was_interrupt = k_is_in_isr();
    taken = k_heap_alloc(&heap, *(const size_t *)parameter, K_NO_WAIT);
}

static void an_offloaded_routine_allocates(void **state)
{
    const size_t little = BYTES;
    const size_t too_much = HEAP_BYTES + 1;

    irq_offload(offloaded, &little);
    assert_true(was_interrupt);
    assert_false(k_is_in_isr());
    assert_non_null(taken);
    k_heap_free(&heap, taken);
    irq_offload(offloaded, &too_much);
    assert_null(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interrupt_allocates),
        cmocka_unit_test(an_interrupt_frees_what_a_thread_allocated),
        cmocka_unit_test(an_interrupt_is_refused_and_does_not_wait),
        cmocka_unit_test(an_offloaded_routine_allocates),
    };

    return cmocka_run_group_tests(tests, install, NULL);
}
