/* SPDX-License-Identifier: Apache-2.0 */
/* sys_heap_validate against damage in several places that are each plausible by themselves: what a
 * wild write or a defect of the library might leave. Changes of single fields are the business of
 * test_sys_heap_validate_mutation.c.
 *
 * Fields are found by the documented layout: the header chunk has the end marker's unit in its byte
 * 8, a bit per non-empty bucket in byte 12, and list heads of 4 bytes from HEAP_STRUCT_BYTES on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <core/chunk.h>
#include <core/sys_heap_walk.h>
#include <zephyr/sys/sys_heap.h>
#include <cmocka.h>
#include "../support/heap_format.h"
#include "../support/heap_picture.h"

#define SPACE         58u /* units of the fresh heap's free chunk, which bucket 5 holds */
#define ITS_BUCKET    5u
#define END_AT        8u
#define MASK_AT       12u
#define HEADS_AT      HEAP_STRUCT_BYTES
#define FIRST         ((uint32_t)heap_first_chunk(SPACE) / HEAP_UNIT) /* unit of the first chunk */
#define LIST_OF_THREE heap_zephyr_bucket(3)

/* Exactly as large as the heap, so that sanitizers see a step outside; and all written once, as a
 * wrong id may lead anywhere in it. */
static uint8_t *buffer;
static struct sys_heap heap;

static uint32_t word(size_t at)
{
    uint32_t value;
    memcpy(&value, buffer + at, sizeof value);
    return value;
}

static void set_word(size_t at, uint32_t value)
{
    memcpy(buffer + at, &value, sizeof value);
}

static int make_buffer(void **state)
{
    buffer = calloc(1, heap_bytes_for(SPACE));
    return buffer == NULL ? -1 : 0;
}

static int drop_buffer(void **state)
{
    free(buffer);
    return 0;
}

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, buffer, heap_bytes_for(SPACE));
    return 0;
}

static void *alloc_units(size_t units)
{
    void *block = sys_heap_alloc(&heap, heap_block_bytes(units));
    memset(block, 0, heap_block_bytes(units));
    return block;
}

/* ---- handiwork ---- */

#if QUARRY_HEAP_RUNTIME_STATS
static void count_as_free(uint32_t unit)
{
    size_t bytes = heap_block_bytes(heap_field(buffer, unit, HEAP_SIZE_AND_USED) >> 1);
    heap.heap->allocated_bytes -= bytes;
    heap.heap->free_bytes += bytes;
}
#else
static void count_as_free(uint32_t unit)
{
}
#endif

/* Puts a chunk into the empty list of a bucket. */
static void list_alone(uint32_t unit, unsigned int bucket)
{
    heap_set_field(buffer, unit, HEAP_FREE_PREV, unit);
    heap_set_field(buffer, unit, HEAP_FREE_NEXT, unit);
    set_word(HEADS_AT + 4 * bucket, unit);
    set_word(MASK_AT, word(MASK_AT) | 1u << bucket);
}

static void empty_bucket(unsigned int bucket)
{
    set_word(HEADS_AT + 4 * bucket, 0);
    set_word(MASK_AT, word(MASK_AT) & ~(1u << bucket));
}

static void clear_used(uint32_t unit)
{
    uint32_t size_and_used = heap_field(buffer, unit, HEAP_SIZE_AND_USED);
    heap_set_field(buffer, unit, HEAP_SIZE_AND_USED, size_and_used & ~1u);
    count_as_free(unit);
}

/* The tests below rely on this: done right, handiwork makes a good heap. */
static void chunk_freed_by_hand_is_good(void **state)
{
    alloc_units(3);
    alloc_units(3);
    alloc_units(3);
    clear_used(FIRST + 3);
    list_alone(FIRST + 3, LIST_OF_THREE);
    expect_heap(&heap, "U3 F3 U3 F49");
    assert_true(sys_heap_validate(&heap));
    assert_non_null(alloc_units(3));
    expect_heap(&heap, "U3 U3 U3 F49");
}

static void free_neighbours_are_noticed(void **state)
{
    alloc_units(3);
    alloc_units(3);
    clear_used(FIRST + 3);
    list_alone(FIRST + 3, LIST_OF_THREE);
    expect_heap(&heap, "U3 F3 F52");
    assert_false(sys_heap_validate(&heap));
}

static void free_chunk_outside_all_lists_is_noticed(void **state)
{
    alloc_units(3);
    alloc_units(3);
    alloc_units(3);
    clear_used(FIRST + 3);
    assert_false(sys_heap_validate(&heap));
}

/* Two chunks of one bucket, of which only one can be reached. */
static void chunk_that_its_list_has_lost_is_noticed(void **state)
{
    void *first = alloc_units(3);
    alloc_units(4);
    void *second = alloc_units(3);
    alloc_units(4);
    sys_heap_free(&heap, first);
    sys_heap_free(&heap, second);
    expect_heap(&heap, "F3 U4 F3 U4 F*");
    assert_true(sys_heap_validate(&heap));
    list_alone(FIRST, LIST_OF_THREE);
    assert_false(sys_heap_validate(&heap));
    list_alone(FIRST + 7, LIST_OF_THREE);
    heap_set_field(buffer, FIRST, HEAP_FREE_PREV, FIRST + 7);
    heap_set_field(buffer, FIRST, HEAP_FREE_NEXT, FIRST + 7);
    assert_false(sys_heap_validate(&heap));
}

static void chunk_in_the_wrong_bucket_is_noticed(void **state)
{
    assert_int_equal(word(HEADS_AT + 4 * ITS_BUCKET), FIRST);
    for (unsigned int bucket = 0; bucket < ITS_BUCKET; bucket++) {
        fresh_heap(NULL);
        empty_bucket(ITS_BUCKET);
        assert_false(sys_heap_validate(&heap));
        list_alone(FIRST, bucket);
        assert_false(sys_heap_validate(&heap));
    }
}

static void chunk_in_two_buckets_is_noticed(void **state)
{
    set_word(HEADS_AT + 4 * 3, FIRST);
    set_word(MASK_AT, word(MASK_AT) | 1u << 3);
    assert_false(sys_heap_validate(&heap));
}

/* A list whose end runs into a ring that does not contain its start. */
static void list_that_does_not_come_back_is_noticed(void **state)
{
    void *blocks[3];
    for (size_t i = 0; i < 3; i++) {
        blocks[i] = alloc_units(3);
        alloc_units(4);
    }
    for (size_t i = 0; i < 3; i++) {
        sys_heap_free(&heap, blocks[i]);
    }
    expect_heap(&heap, "F3 U4 F3 U4 F3 U4 F*");
    assert_true(sys_heap_validate(&heap));
    heap_set_field(buffer, FIRST + 14, HEAP_FREE_NEXT, FIRST + 7); /* 0 -> 7 -> 14 -> 7 */
    heap_set_field(buffer, FIRST + 7, HEAP_FREE_PREV, FIRST + 14);
    assert_false(sys_heap_validate(&heap));
}

static void list_member_that_is_used_is_noticed(void **state)
{
    alloc_units(4);
    list_alone(FIRST, heap_zephyr_bucket(4));
    assert_false(sys_heap_validate(&heap));
}

/* A ring that holds a chunk, sound in itself, but inside of a block, in place of the real one. */
static void list_member_inside_a_block_is_noticed(void **state)
{
    uint32_t inside = FIRST + 6;
    void *freed = alloc_units(3);
    alloc_units(9);
    sys_heap_free(&heap, freed);
    expect_heap(&heap, "F3 U9 F*");
    heap_set_field(buffer, inside, HEAP_LEFT_SIZE, 3);
    heap_set_field(buffer, inside, HEAP_SIZE_AND_USED, 3 << 1);
    heap_set_field(buffer, inside + 3, HEAP_LEFT_SIZE, 3);
    list_alone(inside, LIST_OF_THREE);
    assert_false(sys_heap_validate(&heap));
    list_alone(FIRST, LIST_OF_THREE);
    assert_true(sys_heap_validate(&heap));
}

/* The same in company: a ring of two that holds the real chunk as well, and so one too many. */
static void list_longer_than_the_heap_has_chunks_is_noticed(void **state)
{
    uint32_t inside = FIRST + 6;
    void *freed = alloc_units(3);
    alloc_units(SPACE - 3);
    sys_heap_free(&heap, freed);
    expect_heap(&heap, "F3 U*");
    heap_set_field(buffer, inside, HEAP_LEFT_SIZE, 3);
    heap_set_field(buffer, inside, HEAP_SIZE_AND_USED, 3 << 1);
    heap_set_field(buffer, inside, HEAP_FREE_PREV, FIRST);
    heap_set_field(buffer, inside, HEAP_FREE_NEXT, FIRST);
    heap_set_field(buffer, FIRST, HEAP_FREE_PREV, inside);
    heap_set_field(buffer, FIRST, HEAP_FREE_NEXT, inside);
    assert_false(sys_heap_validate(&heap));
    list_alone(FIRST, LIST_OF_THREE);
    assert_true(sys_heap_validate(&heap));
}

/* The end marker moved to a chunk border: what stands there has a size. */
static void end_marker_must_be_empty(void **state)
{
    alloc_units(54);
    alloc_units(4);
    expect_heap(&heap, "U54 U4");
    set_word(END_AT, FIRST + 54);
    assert_false(sys_heap_validate(&heap));
}

/* ---- reading only ---- */

static bool fail_visit(const struct heap_chunk_view *chunk, void *arg)
{
    fail();
    return false;
}

static void there_is_no_way_through_no_heap(void **state)
{
    struct sys_heap none = {.heap = NULL};
    assert_false(heap_walk(&none, fail_visit, NULL));
    assert_false(sys_heap_validate(&none));
}

static void validation_writes_nothing(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *mem = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(mem, MAP_FAILED);
    sys_heap_init(&heap, mem, page);
    void *block = sys_heap_alloc(&heap, 100);
    sys_heap_alloc(&heap, 100);
    sys_heap_free(&heap, block);
    assert_int_equal(mprotect(mem, page, PROT_READ), 0);
    assert_true(sys_heap_validate(&heap));
    assert_int_equal(munmap(mem, page), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(chunk_freed_by_hand_is_good, fresh_heap),
        cmocka_unit_test_setup(free_neighbours_are_noticed, fresh_heap),
        cmocka_unit_test_setup(free_chunk_outside_all_lists_is_noticed, fresh_heap),
        cmocka_unit_test_setup(chunk_that_its_list_has_lost_is_noticed, fresh_heap),
        cmocka_unit_test_setup(chunk_in_the_wrong_bucket_is_noticed, fresh_heap),
        cmocka_unit_test_setup(chunk_in_two_buckets_is_noticed, fresh_heap),
        cmocka_unit_test_setup(list_that_does_not_come_back_is_noticed, fresh_heap),
        cmocka_unit_test_setup(list_member_that_is_used_is_noticed, fresh_heap),
        cmocka_unit_test_setup(list_member_inside_a_block_is_noticed, fresh_heap),
        cmocka_unit_test_setup(list_longer_than_the_heap_has_chunks_is_noticed, fresh_heap),
        cmocka_unit_test_setup(end_marker_must_be_empty, fresh_heap),
        cmocka_unit_test(there_is_no_way_through_no_heap),
        cmocka_unit_test_setup(validation_writes_nothing, fresh_heap),
    };
    return cmocka_run_group_tests(tests, make_buffer, drop_buffer);
}
