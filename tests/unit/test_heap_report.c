/* SPDX-License-Identifier: Apache-2.0 */
/* quarry_heap_report_get: sums that agree with what the heap's own calls say and do. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/config.h>
#include <quarry/heap.h>
#include <quarry/heap_snapshot.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/random.h"

#define BUFFER_BYTES 4096u
#define CHUNKS       (BUFFER_BYTES / 8u)
#define BLOCKS       24u
#define ROUNDS       1000u

static _Alignas(8) uint8_t buffer[BUFFER_BYTES];
static struct sys_heap heap;
static struct quarry_heap_report report;

static int fresh_heap(void **state)
{
    (void)state;
    memset(buffer, 0x5a, BUFFER_BYTES);
    sys_heap_init(&heap, buffer, BUFFER_BYTES);
    return 0;
}

static int fresh_fine_heap(void **state)
{
    (void)state;
    memset(buffer, 0x5a, BUFFER_BYTES);
    quarry_heap_init(&heap, buffer, BUFFER_BYTES, QUARRY_HEAP_FINE_BUCKETS);
    return 0;
}

/* A heap holds no address of itself: whether a copy of it can allocate says whether it can. */
static bool would_allocate(size_t bytes)
{
    static _Alignas(8) uint8_t copy[BUFFER_BYTES];
    struct sys_heap twin = heap;

    memcpy(copy, buffer, BUFFER_BYTES);
    twin.heap = (struct z_heap *)(void *)copy;
    return sys_heap_alloc(&twin, bytes) != NULL;
}

/* Gets the report and checks what is true of every one. */
static void get_report(void)
{
    struct quarry_heap_chunk chunks[CHUNKS];
    size_t count = quarry_heap_snapshot(&heap, chunks, CHUNKS);
    size_t bytes_of[QUARRY_HEAP_CHUNK_DAMAGED] = {0};
    size_t scattered;

    assert_int_equal(quarry_heap_report_get(&heap, &report), 0);
    for (size_t i = 0; i < count; i++) {
        bytes_of[chunks[i].kind] += chunks[i].size_bytes;
    }
    /* The end marker takes 8 bytes, or the first 4 of the last 8. */
    assert_in_range(report.heap_bytes, BUFFER_BYTES - 4, BUFFER_BYTES);
    assert_int_equal(report.used_bytes + report.free_bytes + report.undersized_bytes +
                         report.overhead_bytes,
                     report.heap_bytes);
    assert_int_equal(count, 2 + report.used_blocks + report.free_chunks + report.undersized_chunks);
    assert_int_equal(report.undersized_bytes, bytes_of[QUARRY_HEAP_CHUNK_UNDERSIZED]);
    assert_true(report.largest_free_bytes <= report.free_bytes);
    assert_true(report.largest_allocatable_bytes <= report.largest_free_bytes);
    assert_true(report.lowest_largest_allocatable_bytes <= report.largest_allocatable_bytes);
    scattered = report.free_bytes - report.largest_free_bytes;
    assert_true(report.fragmentation_permille * report.free_bytes <= scattered * 1000);
    assert_true((report.fragmentation_permille + 1) * report.free_bytes > scattered * 1000 ||
                report.free_bytes == 0);
    assert_false(would_allocate(report.largest_allocatable_bytes + 1));
    assert_true(report.largest_allocatable_bytes == 0 ||
                would_allocate(report.largest_allocatable_bytes));
}

static void what_is_no_heap_is_refused(void **state)
{
    struct sys_heap none = {.heap = NULL};
    struct quarry_heap_report before;

    (void)state;
    memset(&report, 0xee, sizeof report);
    memcpy(&before, &report, sizeof before);
    assert_int_equal(quarry_heap_report_get(NULL, &report), -EINVAL);
    assert_int_equal(quarry_heap_report_get(&none, &report), -EINVAL);
    assert_int_equal(quarry_heap_report_get(&heap, NULL), -EINVAL);
    assert_memory_equal(&report, &before, sizeof report);
}

static void a_fresh_heap_is_free_in_one_piece(void **state)
{
    (void)state;
    get_report();
    assert_int_equal(report.used_blocks, 0);
    assert_int_equal(report.used_bytes, 0);
    assert_int_equal(report.free_chunks, 1);
    assert_int_equal(report.largest_free_bytes, report.free_bytes);
    assert_int_equal(report.largest_allocatable_bytes, report.free_bytes);
    assert_int_equal(report.fragmentation_permille, 0);
}

static void a_full_heap_has_nothing_free(void **state)
{
    (void)state;
    get_report();
    assert_non_null(sys_heap_alloc(&heap, report.largest_allocatable_bytes));
    size_t overhead_bytes = report.overhead_bytes;
    size_t all_bytes = report.free_bytes;
    get_report();
    assert_int_equal(report.used_blocks, 1);
    assert_int_equal(report.used_bytes, all_bytes);
    assert_int_equal(report.free_chunks, 0);
    assert_int_equal(report.free_bytes, 0);
    assert_int_equal(report.largest_free_bytes, 0);
    assert_int_equal(report.largest_allocatable_bytes, 0);
    assert_int_equal(report.fragmentation_permille, 0);
    assert_int_equal(report.overhead_bytes, overhead_bytes);
}

/* Allocates all that is free at the end of the heap. */
static void fill(void)
{
    get_report();
    assert_non_null(sys_heap_alloc(&heap, report.largest_allocatable_bytes));
}

static void two_equal_holes_are_half_fragmented(void **state)
{
    void *a = sys_heap_alloc(&heap, 100);
    assert_non_null(sys_heap_alloc(&heap, 1));
    void *b = sys_heap_alloc(&heap, 100);
    assert_non_null(sys_heap_alloc(&heap, 1));

    (void)state;
    fill();
    size_t hole_bytes = sys_heap_usable_size(&heap, a);
    sys_heap_free(&heap, a);
    sys_heap_free(&heap, b);
    get_report();
    assert_int_equal(report.free_chunks, 2);
    assert_int_equal(report.free_bytes, 2 * hole_bytes);
    assert_int_equal(report.largest_free_bytes, hole_bytes);
    assert_int_equal(report.fragmentation_permille, 500);
}

/* The largest chunk comes last in its ring, behind as many as a search tries. */
static void what_a_search_does_not_reach_is_not_allocatable(void **state)
{
    void *holes[QUARRY_HEAP_ALLOC_LOOPS + 1];
    const size_t count = QUARRY_HEAP_ALLOC_LOOPS;

    (void)state;
    if (count > 8) {
        skip();
    }
    for (size_t i = 0; i <= count; i++) {
        holes[i] = sys_heap_alloc(&heap, i < count ? 40 : 52);
        assert_non_null(sys_heap_alloc(&heap, 1));
    }
    fill();
    size_t small_bytes = sys_heap_usable_size(&heap, holes[0]);
    size_t large_bytes = sys_heap_usable_size(&heap, holes[count]);
    for (size_t i = 0; i <= count; i++) {
        sys_heap_free(&heap, holes[i]);
    }
    get_report();
    assert_int_equal(report.free_chunks, count + 1);
    assert_int_equal(report.largest_free_bytes, large_bytes);
    assert_int_equal(report.largest_allocatable_bytes, small_bytes);
}

static void a_random_load_is_summed(void **state)
{
    struct random random = random_from(11);
    void *blocks[BLOCKS] = {NULL};

    (void)state;
    for (size_t round = 0; round < scaled_rounds(ROUNDS); round++) {
        size_t slot = (size_t)random_below(&random, BLOCKS);
        size_t live = 0;
        size_t live_bytes = 0;

        sys_heap_free(&heap, blocks[slot]);
        blocks[slot] = sys_heap_alloc(&heap, random_log_uniform(&random, 300));
        for (size_t i = 0; i < BLOCKS; i++) {
            live += blocks[i] != NULL;
            live_bytes += blocks[i] != NULL ? sys_heap_usable_size(&heap, blocks[i]) : 0;
        }
        get_report();
        assert_int_equal(report.used_blocks, live);
        assert_int_equal(report.used_bytes, live_bytes);
    }
}

/* Sound chunks whose lists are broken: what can be allocated cannot be told. */
static void a_broken_list_is_refused(void **state)
{
    void *hole = sys_heap_alloc(&heap, 40);

    (void)state;
    assert_non_null(sys_heap_alloc(&heap, 1));
    sys_heap_free(&heap, hole);
    memset(hole, 0xff, 4);
    assert_in_range(quarry_heap_snapshot(&heap, NULL, 0), 3, CHUNKS);
    assert_int_equal(quarry_heap_report_get(&heap, &report), -EINVAL);
}

static void any_wrong_bit_is_survived(void **state)
{
    (void)state;
    void *hole = sys_heap_alloc(&heap, 40);
    assert_non_null(sys_heap_alloc(&heap, 1));
    sys_heap_free(&heap, hole);
    for (size_t bit = 0; bit < BUFFER_BYTES * 8; bit++) {
        buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int result = quarry_heap_report_get(&heap, &report);
        assert_true(result == 0 || result == -EINVAL);
        assert_int_equal(result == 0, sys_heap_validate(&heap));
        buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    get_report();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_no_heap_is_refused, fresh_heap),
        cmocka_unit_test_setup(a_fresh_heap_is_free_in_one_piece, fresh_heap),
        cmocka_unit_test_setup(a_full_heap_has_nothing_free, fresh_heap),
        cmocka_unit_test_setup(two_equal_holes_are_half_fragmented, fresh_heap),
        cmocka_unit_test_setup(what_a_search_does_not_reach_is_not_allocatable, fresh_heap),
        cmocka_unit_test_setup(a_random_load_is_summed, fresh_heap),
        cmocka_unit_test_setup(a_fresh_heap_is_free_in_one_piece, fresh_fine_heap),
        cmocka_unit_test_setup(a_full_heap_has_nothing_free, fresh_fine_heap),
        cmocka_unit_test_setup(two_equal_holes_are_half_fragmented, fresh_fine_heap),
        cmocka_unit_test_setup(a_random_load_is_summed, fresh_fine_heap),
        cmocka_unit_test_setup(a_broken_list_is_refused, fresh_fine_heap),
        cmocka_unit_test_setup(any_wrong_bit_is_survived, fresh_fine_heap),
        cmocka_unit_test_setup(a_broken_list_is_refused, fresh_heap),
        cmocka_unit_test_setup(any_wrong_bit_is_survived, fresh_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
