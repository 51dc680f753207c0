/* SPDX-License-Identifier: Apache-2.0 */
/* Row 1: a heap of 2 KiB that random allocations and frees keep about half full.
 *
 * No block overlaps another, each has exactly the bytes that its request and its header make up,
 * and the heap is consistent after every step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/heap_load.h"
#include "../support/random.h"

#define HEAP_BYTES 2048u
#define STEPS      (3 * HEAP_BYTES)

static _Alignas(8) char memory[HEAP_BYTES];

static void half_of_the_heap_is_in_use(void **state)
{
    uint32_t steps = (uint32_t)scaled_rounds(STEPS);
    struct z_heap_stress_result result =
        heap_load(memory, HEAP_BYTES, heap_load_header_bytes(HEAP_BYTES), steps, 50);

    assert_true(result.successful_allocs > result.total_allocs / 4);
    assert_in_range(heap_load_percent(&result, HEAP_BYTES), 25, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_of_the_heap_is_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
