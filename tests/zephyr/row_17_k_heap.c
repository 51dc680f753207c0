/* SPDX-License-Identifier: Apache-2.0 */
/* Row 17: what a k_heap gives without waiting, and what it refuses.
 *
 * Half of it can be had; what is larger than all of it is refused, after the timeout; and what was
 * freed can be had again in other sizes. A heap that is defined with one byte holds one block of
 * one byte, and touches nothing beside itself. Newer versions: calloc, realloc, the array of heaps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/kernel.h>

#define HEAP_BYTES 2048u
#define HALF       1024u
#define WAIT_MS    20
#define GUARD      UINT64_C(0x5a5aa5a55a5aa5a5)
#define IN_SECTION __attribute__((section("quarry_row_17")))

K_HEAP_DEFINE(heap, HEAP_BYTES);
K_HEAP_DEFINE_NOCACHE(uncached_heap, HEAP_BYTES);

/* The tiny heap's memory, between words that nobody writes to: all there is in a section. */
static volatile uint64_t guard_before IN_SECTION = GUARD;
Z_HEAP_DEFINE_IN_SECT(tiny_heap, 1, IN_SECTION);
static volatile uint64_t guard_after IN_SECTION = GUARD;

static void *take(struct k_heap *from, size_t bytes)
{
    void *mem = k_heap_alloc(from, bytes, K_NO_WAIT);

    assert_non_null(mem);
    memset(mem, 0x5a, bytes);
    return mem;
}

static void half_of_it_can_be_had(void **state)
{
    void *mem = take(&heap, HALF);

    assert_int_equal((uintptr_t)mem % sizeof(void *), 0);
    k_heap_free(&heap, mem);
    mem = take(&uncached_heap, HALF);
    k_heap_free(&uncached_heap, mem);
}

static void more_than_all_is_refused_after_the_timeout(void **state)
{
    int64_t start = k_uptime_ticks();

    assert_null(k_heap_alloc(&heap, HEAP_BYTES + 1, K_MSEC(WAIT_MS)));
    assert_true(k_uptime_ticks() - start >= (int64_t)k_ms_to_ticks_ceil64(WAIT_MS));
    assert_null(k_heap_alloc(&heap, HEAP_BYTES + 1, K_NO_WAIT));
    assert_null(k_heap_aligned_alloc(&heap, 64, HEAP_BYTES, K_NO_WAIT));
    assert_null(k_heap_alloc(&heap, SIZE_MAX, K_NO_WAIT));
}

static void what_is_freed_can_be_had_in_other_sizes(void **state)
{
    void *first = take(&heap, HALF);

    assert_null(k_heap_alloc(&heap, HALF, K_NO_WAIT)); /* the bookkeeping is in there, too */
    k_heap_free(&heap, first);
    void *larger = take(&heap, HALF + 512);
    assert_ptr_equal(larger, first);
    k_heap_free(&heap, larger);
    k_heap_free(&heap, NULL);
}

static void alignment(void **state)
{
    for (size_t align = 8; align <= 256; align *= 2) {
        void *mem = k_heap_aligned_alloc(&heap, align, 100, K_NO_WAIT);

        assert_non_null(mem);
        assert_int_equal((uintptr_t)mem % align, 0);
        k_heap_free(&heap, mem);
    }
}

static void one_byte_is_a_heap_for_one_byte(void **state)
{
    void *mem = take(&tiny_heap, 1);

    assert_null(k_heap_alloc(&tiny_heap, 1, K_NO_WAIT));
    k_heap_free(&tiny_heap, mem);
    k_heap_free(&tiny_heap, take(&tiny_heap, 1));
    assert_true(sys_heap_validate(&tiny_heap.heap));
    assert_true(guard_before == GUARD && guard_after == GUARD);
}

static void calloc_zeroes_and_knows_overflow(void **state)
{
    static const char zeros[10 * 30];

    k_heap_free(&heap, take(&heap, HALF)); /* so that the memory is not fresh */
    void *mem = k_heap_calloc(&heap, 10, 30, K_NO_WAIT);
    assert_non_null(mem);
    assert_memory_equal(mem, zeros, sizeof(zeros));
    k_heap_free(&heap, mem);
    assert_null(k_heap_calloc(&heap, SIZE_MAX / 2, 3, K_FOREVER));
}

static void realloc_keeps_contents(void **state)
{
    char *mem = k_heap_realloc(&heap, NULL, 100, K_NO_WAIT);

    assert_non_null(mem);
    strcpy(mem, "contents");
    assert_ptr_equal(k_heap_realloc(&heap, mem, 500, K_NO_WAIT), mem);
    void *obstacle = take(&heap, 8);
    char *moved = k_heap_realloc(&heap, mem, 700, K_NO_WAIT);
    assert_ptr_not_equal(moved, mem);
    assert_string_equal(moved, "contents");
    assert_null(k_heap_realloc(&heap, moved, HEAP_BYTES, K_NO_WAIT));
    assert_string_equal(moved, "contents");
    assert_null(k_heap_realloc(&heap, moved, 0, K_FOREVER)); /* frees it, and waits for nothing */
    k_heap_free(&heap, obstacle);
    k_heap_free(&heap, take(&heap, HALF + 512));
}

static void defined_heaps_can_be_listed(void **state)
{
    struct k_heap *first = NULL;
    int count = k_heap_array_get(&first);
    int ours = 0;

    for (int i = 0; i < count; i++) {
        ours += &first[i] == &heap || &first[i] == &uncached_heap || &first[i] == &tiny_heap;
    }
    assert_int_equal(ours, 3);
}

static void statistics_are_those_of_its_sys_heap(void **state)
{
    struct sys_memory_stats stats;
    void *mem = take(&heap, 100);

    assert_ptr_equal(&heap, &heap.heap); /* so that a listener knows the k_heap by the same id */
    assert_int_equal(sys_heap_runtime_stats_get(&heap.heap, &stats), 0);
    assert_int_equal(stats.allocated_bytes, sys_heap_usable_size(&heap.heap, mem));
    k_heap_free(&heap, mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_of_it_can_be_had),
        cmocka_unit_test(more_than_all_is_refused_after_the_timeout),
        cmocka_unit_test(what_is_freed_can_be_had_in_other_sizes),
        cmocka_unit_test(alignment),
        cmocka_unit_test(one_byte_is_a_heap_for_one_byte),
        cmocka_unit_test(calloc_zeroes_and_knows_overflow),
        cmocka_unit_test(realloc_keeps_contents),
        cmocka_unit_test(defined_heaps_can_be_listed),
        cmocka_unit_test(statistics_are_those_of_its_sys_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
