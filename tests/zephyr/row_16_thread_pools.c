/* SPDX-License-Identifier: Apache-2.0 */
/* What Zephyr's tests demand of the pools that threads allocate from: without one there is nothing,
 * from the system's there is, and never more than is in it; threads inherit their creator's. */
#define CONFIG_HEAP_MEM_POOL_SIZE 256

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/kernel.h>

#define POOL_BYTES  CONFIG_HEAP_MEM_POOL_SIZE
#define STACK_BYTES 1024

K_HEAP_DEFINE(own_pool, 512);

static K_THREAD_STACK_DEFINE(stack, STACK_BYTES);
static struct k_thread thread;

static void without_a_pool_there_is_nothing(void **state)
{
    k_thread_heap_assign(k_current_get(), NULL);
    assert_null(z_thread_malloc(4));
    assert_null(z_thread_aligned_alloc(8, 4));
}

static void the_systems_pool_gives_what_it_has(void **state)
{
    k_thread_system_pool_assign(k_current_get());
    void *block = z_thread_malloc(4);
    assert_non_null(block);
    k_free(block);
    assert_null(z_thread_malloc(POOL_BYTES * 2));
    block = z_thread_malloc(POOL_BYTES - sizeof(void *));
    assert_non_null(block);
    assert_null(k_malloc(4)); /* it is the pool of k_malloc */
    k_free(block);
    k_thread_heap_assign(k_current_get(), NULL);
    assert_null(z_thread_malloc(4));
}

static void a_heap_of_ones_own_is_a_pool(void **state)
{
    k_thread_heap_assign(k_current_get(), &own_pool);
    void *block = z_thread_malloc(64);
    assert_in_range((uintptr_t)block, (uintptr_t)kheap_own_pool,
                    (uintptr_t)kheap_own_pool + sizeof(kheap_own_pool));
    void *aligned = z_thread_aligned_alloc(32, 64);
    assert_non_null(aligned);
    assert_int_equal((uintptr_t)aligned % 32, 0);
    assert_null(z_thread_malloc(sizeof(kheap_own_pool)));
    k_thread_heap_assign(k_current_get(), NULL);
    k_free(aligned); /* a block knows where it came from */
    k_free(block);
    void *again = k_heap_alloc(&own_pool, 256, K_NO_WAIT);
    assert_non_null(again);
    k_heap_free(&own_pool, again);
}

static void allocate(void *mem, void *p2, void *p3)
{
    *(void **)mem = z_thread_malloc(64);
}

static void *allocated_by_child(void)
{
    void *mem = NULL;

    k_thread_create(&thread, stack, STACK_BYTES, allocate, &mem, NULL, NULL, K_PRIO_PREEMPT(0), 0,
                    K_NO_WAIT);
    k_thread_join(&thread, K_FOREVER);
    return mem;
}

static void children_inherit_the_pool(void **state)
{
    k_thread_heap_assign(k_current_get(), NULL);
    assert_null(allocated_by_child());
    k_thread_heap_assign(k_current_get(), &own_pool);
    void *block = allocated_by_child();
    assert_in_range((uintptr_t)block, (uintptr_t)kheap_own_pool,
                    (uintptr_t)kheap_own_pool + sizeof(kheap_own_pool));
    k_free(block);
    k_thread_heap_assign(k_current_get(), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_pool_there_is_nothing),
        cmocka_unit_test(the_systems_pool_gives_what_it_has),
        cmocka_unit_test(a_heap_of_ones_own_is_a_pool),
        cmocka_unit_test(children_inherit_the_pool),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
