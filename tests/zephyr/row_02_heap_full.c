/* SPDX-License-Identifier: Apache-2.0 */
/* Row 2: a heap of 2 KiB that is asked for more than it has, so that it is in small pieces.
 *
 * Most requests fail and none does harm: blocks stay intact, and the heap is consistent after every
 * step. When all is freed the pieces are one again. */
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
#define PIECE      16u
#define MOST       (HEAP_BYTES / PIECE)

static _Alignas(8) char memory[HEAP_BYTES];

static void a_full_heap_refuses_and_stays_consistent(void **state)
{
    uint32_t steps = (uint32_t)scaled_rounds(STEPS);
    struct z_heap_stress_result result =
        heap_load(memory, HEAP_BYTES, heap_load_header_bytes(HEAP_BYTES), steps, 100);

    assert_true(result.successful_allocs > 0);
    assert_true(result.successful_allocs < result.total_allocs);
    assert_in_range(heap_load_percent(&result, HEAP_BYTES), 10, 99);
}

/* Bytes of the largest block that the heap has room for. */
static size_t largest(struct sys_heap *heap)
{
    size_t bytes = HEAP_BYTES;
    void *mem;

    while ((mem = sys_heap_alloc(heap, bytes)) == NULL) {
        bytes--;
    }
    sys_heap_free(heap, mem);
    return bytes;
}

/* Frees every block from first on, in steps of two. */
static void free_every_other(struct sys_heap *heap, void **blocks, size_t first, size_t count)
{
    for (size_t i = first; i < count; i += 2) {
        sys_heap_free(heap, blocks[i]);
        assert_true(sys_heap_validate(heap));
    }
}

static void holes_between_blocks_become_one(void **state)
{
    struct sys_heap heap;
    void *blocks[MOST];
    size_t count = 0;

    sys_heap_init(&heap, memory, HEAP_BYTES);
    size_t whole = largest(&heap);
    while ((blocks[count] = sys_heap_alloc(&heap, PIECE)) != NULL) {
        count++;
    }
    assert_true(count > 50);
    free_every_other(&heap, blocks, 0, count);
    assert_null(sys_heap_alloc(&heap, 4 * PIECE)); /* there is enough, but not in one piece */
    free_every_other(&heap, blocks, 1, count);
    assert_int_equal(largest(&heap), whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_heap_refuses_and_stays_consistent),
        cmocka_unit_test(holes_between_blocks_become_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
