/* SPDX-License-Identifier: Apache-2.0 */
/* The array of heaps. Heaps are saved for good, so each test goes on from where the last one ended.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>

#define THREADS 4u

static struct sys_heap heap;
static struct sys_heap others[THREADS];

static size_t count(struct sys_heap ***array)
{
    int saved = sys_heap_array_get(array);

    assert_true(saved >= 0);
    return (size_t)saved;
}

static void null_is_refused(void **state)
{
    assert_int_equal(sys_heap_array_save(NULL), -EINVAL);
    assert_int_equal(sys_heap_array_get(NULL), -EINVAL);
}

static void begins_empty_and_ends_with_null(void **state)
{
    struct sys_heap **array = NULL;

    assert_int_equal(count(&array), 0);
    assert_non_null(array);
    assert_null(array[0]);
}

static void keeps_the_order_and_repetitions(void **state)
{
    struct sys_heap **array;

    if (CONFIG_SYS_HEAP_ARRAY_SIZE < 3) {
        skip();
    }
    assert_int_equal(sys_heap_array_save(&heap), 0);
    assert_int_equal(sys_heap_array_save(&others[0]), 0);
    assert_int_equal(sys_heap_array_save(&heap), 0);
    assert_int_equal(count(&array), 3);
    assert_ptr_equal(array[0], &heap);
    assert_ptr_equal(array[1], &others[0]);
    assert_ptr_equal(array[2], &heap);
    assert_null(array[3]);
}

static void every_init_that_succeeds_saves(void **state)
{
    static _Alignas(8) uint8_t buffer[1024];
    struct sys_heap **array;
    size_t before = count(&array);

    if (before == CONFIG_SYS_HEAP_ARRAY_SIZE) {
        skip();
    }
    sys_heap_init(&heap, buffer, 1);
    assert_int_equal(count(&array), before);
    sys_heap_init(&heap, buffer, sizeof(buffer));
    assert_int_equal(count(&array), before + 1);
    assert_ptr_equal(array[before], &heap);
}

static void *save_until_full(void *own)
{
    uintptr_t saved = 0;

    while (sys_heap_array_save(own) == 0) {
        saved++;
    }
    return (void *)saved;
}

static void threads_fill_it_without_a_gap(void **state)
{
    struct sys_heap **array;
    pthread_t threads[THREADS];
    size_t before = count(&array);
    size_t in_array[THREADS] = {0};

    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, save_until_full, &others[i]), 0);
    }
    void *saved[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &saved[i]);
    }
    assert_int_equal(count(&array), CONFIG_SYS_HEAP_ARRAY_SIZE);
    assert_null(array[CONFIG_SYS_HEAP_ARRAY_SIZE]);
    for (size_t i = before; i < CONFIG_SYS_HEAP_ARRAY_SIZE; i++) {
        assert_in_range((uintptr_t)array[i], (uintptr_t)&others[0], (uintptr_t)&others[3]);
        in_array[array[i] - others]++;
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(in_array[i], (uintptr_t)saved[i]);
    }
    assert_int_equal(sys_heap_array_save(&heap), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_refused),
        cmocka_unit_test(begins_empty_and_ends_with_null),
        cmocka_unit_test(keeps_the_order_and_repetitions),
        cmocka_unit_test(every_init_that_succeeds_saves),
        cmocka_unit_test(threads_fill_it_without_a_gap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
