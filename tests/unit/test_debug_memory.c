/* SPDX-License-Identifier: Apache-2.0 */
/* Tracing and tracking when the system has no memory for their tables. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <quarry/heap.h>
#include <zephyr/sys/heaptrace.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/fake_os.h"

static _Alignas(8) uint8_t buffer[4096];
static struct sys_heap heap;

static int fresh_heap(void **state)
{
    fake_os_reset();
    sys_heap_init(&heap, buffer, sizeof(buffer));
    return 0;
}

static bool count(const struct heaptrace_record *record, void *user_data)
{
    *(size_t *)user_data += 1;
    return true;
}

static void tracing_begins_when_there_is_memory(void **state)
{
    size_t visited = 0;

    fake_os_fail_all(FAKE_OS_AT_FORK); /* is done without: see test_event_lock.c */
    fake_os_fail_all(FAKE_OS_MAP);
    assert_int_equal(heaptrace_init(), -ENOMEM);
    sys_heap_alloc(&heap, 10);
    heaptrace_alloc(buffer, 1, 1);
    heaptrace_free(buffer, 1, 1);
    heaptrace_foreach_record(count, &visited);
    assert_int_equal(visited, 0);
    assert_int_equal(heaptrace_outstanding_blocks(), 0);
    fake_os_fail_none();
    assert_int_equal(heaptrace_init(), 0);
    sys_heap_alloc(&heap, 10);
    assert_int_equal(heaptrace_outstanding_blocks(), 1);
}

static void tracking_begins_when_there_is_memory(void **state)
{
    void *before = sys_heap_alloc(&heap, 10);

    if (QUARRY_HEAP_STATS_LOGGING) {
        skip(); /* the table is there since before main */
    }
    fake_os_fail_all(FAKE_OS_MAP);
    assert_int_equal(quarry_heap_track(&heap), -ENOMEM);
    sys_heap_free(&heap, before);
    assert_null(sys_heap_get_caller(&heap, sys_heap_alloc(&heap, 10)));
    fake_os_fail_none();
    assert_int_equal(quarry_heap_track(&heap), 0);
    assert_non_null(sys_heap_get_caller(&heap, sys_heap_alloc(&heap, 10)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tracing_begins_when_there_is_memory, fresh_heap),
        cmocka_unit_test_setup(tracking_begins_when_there_is_memory, fresh_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
