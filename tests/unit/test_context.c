/* SPDX-License-Identifier: Apache-2.0 */
/* What stands for interrupts; giving up; assertions that are on. */
#define CONFIG_ASSERT           1
#define CONFIG_ASSERT_ON_ERRORS 1
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/fault.h>
#include <zephyr/irq_offload.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/check.h>
#include "../support/death.h"

/* --- Interrupts --- */

K_MEM_SLAB_DEFINE_STATIC(slab, 16, 1, 8);

static unsigned int depth_seen;

static void look(const void *parameter)
{
    const unsigned int *more = parameter;
    unsigned int left = *more - 1;

    depth_seen += k_is_in_isr();
    if (left > 0) {
        irq_offload(look, &left);
    }
    depth_seen += k_is_in_isr();
}

static void a_routine_is_in_an_interrupt(void **state)
{
    unsigned int levels = 3;

    assert_false(k_is_in_isr());
    depth_seen = 0;
    irq_offload(look, &levels);
    assert_int_equal(depth_seen, 2 * levels);
    assert_false(k_is_in_isr());
}

static void look_from_elsewhere(void *seen, void *p2, void *p3)
{
    *(bool *)seen = k_is_in_isr();
}

static void start_thread(const void *parameter)
{
    static struct k_thread thread;
    bool seen = true;

    k_thread_create(&thread, NULL, 0, look_from_elsewhere, &seen, NULL, NULL, 0, 0, K_NO_WAIT);
    k_thread_join(&thread, K_FOREVER);
    assert_false(seen);
}

static void other_threads_are_not(void **state)
{
    irq_offload(start_thread, NULL);
}

static void use_slab(const void *parameter)
{
    void *first;
    void *second = &slab;

    assert_int_equal(k_mem_slab_alloc(&slab, &first, K_NO_WAIT), 0);
    assert_int_equal(k_mem_slab_alloc(&slab, &second, K_NO_WAIT), -ENOMEM);
    assert_null(second);
    k_mem_slab_free(&slab, first);
}

static void memory_can_be_used_there(void **state)
{
    irq_offload(use_slab, NULL);
    assert_int_equal(k_mem_slab_num_used_get(&slab), 0);
}

/* --- Giving up --- */

static void panic(void *arg)
{
    k_panic();
}

static void oops(void *arg)
{
    k_oops();
}

static void giving_up_is_reported(void **state)
{
    expect_death(panic, NULL, "quarry: kernel panic: k_panic was called, address 0x");
    expect_death(oops, NULL, "quarry: kernel oops: k_oops was called, address 0x");
}

/* --- Assertions --- */

static void assert_in_vain(void *arg)
{
    int count = 7;

    __ASSERT(count < 5, "count is %d of %s", count, "five");
}

static void assert_without_words(void *arg)
{
    __ASSERT_NO_MSG(arg != NULL);
}

static void assert_with_preparation(void *arg)
{
    int executed = 0;

    __ASSERT_EVAL((void)0, executed = 1, executed == 0, "executed: %d", executed);
}

static void check_what_is_wrong(void *arg)
{
    CHECKIF(arg == NULL)
    {
    }
}

static void assert_with_much_to_say(void *arg)
{
    char much[2048];

    memset(much, 'x', sizeof(much) - 1);
    much[sizeof(much) - 1] = '\0';
    __ASSERT(arg != NULL, "%s", much);
}

static void a_failing_assertion_is_reported(void **state)
{
    expect_death(assert_in_vain, NULL, "quarry: ASSERTION FAIL [count < 5] @ ");
    expect_death(assert_in_vain, NULL, "test_context.c:");
    expect_death(assert_in_vain, NULL, ": count is 7 of five\n");
    expect_death(assert_without_words, NULL, "ASSERTION FAIL [arg != NULL] @ ");
    expect_death(assert_with_preparation, NULL, ": executed: 1\n");
    expect_death(check_what_is_wrong, NULL, "ASSERTION FAIL [!(arg == ");
    expect_death(assert_with_much_to_say, NULL, ": xxxxx");
}

static void one_that_holds_does_nothing(void **state)
{
    int evaluated = 0;

    __ASSERT(++evaluated == 1, "never said");
    __ASSERT_NO_MSG(++evaluated == 2);
    CHECKIF(++evaluated != 3)
    {
        fail();
    }
    assert_int_equal(evaluated, 3);
    assert_int_equal(__ASSERT_ON, 1);
}

static jmp_buf way_out;
static char reported[256];

static void leave(const struct quarry_fault *fault)
{
    strncpy(reported, fault->what, sizeof(reported) - 1);
    longjmp(way_out, 1);
}

static void a_test_can_go_on(void **state)
{
    quarry_fault_handler before = quarry_set_fault_handler(leave);

    if (setjmp(way_out) == 0) {
        assert_in_vain(NULL);
    }
    quarry_set_fault_handler(before);
    assert_non_null(strstr(reported, "count is 7 of five"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_routine_is_in_an_interrupt),
        cmocka_unit_test(other_threads_are_not),
        cmocka_unit_test(memory_can_be_used_there),
        cmocka_unit_test(giving_up_is_reported),
        cmocka_unit_test(a_failing_assertion_is_reported),
        cmocka_unit_test(one_that_holds_does_nothing),
        cmocka_unit_test(a_test_can_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
