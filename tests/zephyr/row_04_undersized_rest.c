/* SPDX-License-Identifier: Apache-2.0 */
/* Row 4: what is left beside a block can be too small to be a block.
 *
 * Such a rest is on no list and counts as no free byte, does no harm, and comes back as soon as the
 * block beside it is freed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>

#define UNIT       8u
#define HEAP_BYTES 512u
#define BYTES      100u

static _Alignas(8) char memory[HEAP_BYTES];
static struct sys_heap heap;

static size_t free_bytes(void)
{
    struct sys_memory_stats stats = {0, 0, 0};

    assert_int_equal(sys_heap_runtime_stats_get(&heap, &stats), 0);
    return stats.free_bytes;
}

static void make_heap(size_t bytes)
{
    sys_heap_init(&heap, memory, bytes);
    assert_non_null(heap.heap);
    assert_true(sys_heap_validate(&heap));
}

/* One block of BYTES bytes in a heap that has `more` bytes more than it needs. */
static void a_block_and_a_rest_of(size_t more)
{
    make_heap(Z_HEAP_MIN_SIZE_FOR(BYTES) + more);
    size_t before = free_bytes();
    void *mem = sys_heap_alloc(&heap, BYTES);

    assert_non_null(mem);
    assert_true(sys_heap_validate(&heap));
    size_t rest = free_bytes();
    void *second = sys_heap_alloc(&heap, 1);
    assert_true(sys_heap_validate(&heap));
    assert_true((second == NULL) == (rest == 0));
    sys_heap_free(&heap, second);
    sys_heap_free(&heap, mem);
    assert_true(sys_heap_validate(&heap));
    assert_int_equal(free_bytes(), before); /* the rest is back */
}

static void rests_of_each_size(void **state)
{
    for (size_t more = 0; more <= 10 * UNIT; more++) {
        a_block_and_a_rest_of(more);
    }
}

static void a_rest_of_one_unit_is_regained_by_growing(void **state)
{
    make_heap(Z_HEAP_MIN_SIZE_FOR(BYTES) + UNIT);
    void *mem = sys_heap_alloc(&heap, BYTES);

    assert_non_null(mem);
    assert_ptr_equal(sys_heap_realloc(&heap, mem, BYTES + UNIT), mem);
    assert_true(sys_heap_validate(&heap));
    assert_null(sys_heap_realloc(&heap, mem, BYTES + 2 * UNIT));
    assert_ptr_equal(sys_heap_realloc(&heap, mem, BYTES), mem);
    assert_true(sys_heap_validate(&heap));
    sys_heap_free(&heap, mem);
    assert_true(sys_heap_validate(&heap));
}

/* Between two blocks, where a hole is filled by a block that is smaller by one unit. */
static void a_rest_between_blocks(void **state)
{
    make_heap(HEAP_BYTES);
    void *left = sys_heap_alloc(&heap, 24);
    void *hole = sys_heap_alloc(&heap, 48);
    void *right = sys_heap_alloc(&heap, 24);

    assert_non_null(right);
    sys_heap_free(&heap, hole);
    assert_ptr_equal(sys_heap_alloc(&heap, 40), hole);
    assert_true(sys_heap_validate(&heap));
    sys_heap_free(&heap, right); /* merges with the rest at its left */
    assert_true(sys_heap_validate(&heap));
    sys_heap_free(&heap, hole);
    sys_heap_free(&heap, left);
    assert_true(sys_heap_validate(&heap));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rests_of_each_size),
        cmocka_unit_test(a_rest_of_one_unit_is_regained_by_growing),
        cmocka_unit_test(a_rest_between_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
