/* SPDX-License-Identifier: Apache-2.0 */
/* Row 3: a heap of a little more than 256 KiB, which has the larger of the two headers also on
 * 32-bit machines.
 *
 * The load of row 1, and a block that is most of the heap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/heap_load.h"
#include "../support/random.h"

#define HEAP_BYTES (256u * 1024u + 64u)
#define STEPS      6000u

static _Alignas(8) char memory[HEAP_BYTES];

static void skip_if_no_heap_is_that_large(void)
{
#ifdef CONFIG_SYS_HEAP_SMALL_ONLY
    skip();
#endif
}

static void the_load_of_a_small_heap(void **state)
{
    skip_if_no_heap_is_that_large();
    uint32_t steps = (uint32_t)scaled_rounds(STEPS);
    struct z_heap_stress_result result =
        heap_load(memory, HEAP_BYTES, heap_load_header_bytes(HEAP_BYTES), steps, 50);

    assert_true(result.successful_allocs > result.total_allocs / 4);
}

static void one_block_can_have_most_of_it(void **state)
{
    struct sys_heap heap;

    skip_if_no_heap_is_that_large();
    sys_heap_init(&heap, memory, HEAP_BYTES);
    void *most = sys_heap_alloc(&heap, HEAP_BYTES - 512);
    assert_non_null(most);
    assert_null(sys_heap_alloc(&heap, 512));
    sys_heap_free(&heap, most);
    assert_ptr_equal(sys_heap_alloc(&heap, 1), most); /* blocks go from low to high */
    assert_true(sys_heap_validate(&heap));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_load_of_a_small_heap),
        cmocka_unit_test(one_block_can_have_most_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
