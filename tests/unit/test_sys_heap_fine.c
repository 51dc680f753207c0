/* SPDX-License-Identifier: Apache-2.0 */
/* Heaps with fine buckets: the search rule, the order of lists, the borders of buckets, the size of
 * the header chunk, and growth. What does not depend on the buckets is tested with Zephyr's.
 *
 *     bucket of u units   u < 32: u; else, with 32 * 2^e <= u < 64 * 2^e:
 *                         32 * (e + 1) + floor(u / 2^e) - 32
 *     search for u        the first chunk of u's bucket if it suffices; else the first chunk of the
 *                         lowest non-empty bucket above; else none
 *     lists               last in, first out */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <core/heap.h>
#include <quarry/heap.h>
#include "../support/heap_format.h"
#include "../support/heap_picture.h"
#include "../support/random.h"

#define SPACE       600u /* units of the fresh heap's free chunk */
#define FENCE       HEAP_MIN_UNITS
#define MASKS_BYTES 112u

static _Alignas(1024) uint8_t buffer[16384];
static struct sys_heap heap;

static size_t bucket_of(size_t units)
{
    size_t parts = 1;
    size_t bucket = 0;
    while (units >= 64 * parts) {
        parts *= 2;
        bucket += 32;
    }
    return bucket + units / parts;
}

static size_t header_units(size_t end)
{
    size_t bytes = HEAP_STRUCT_BYTES + MASKS_BYTES + 4 * (bucket_of(end) + 1);
    return (bytes + 7) / 8 + HEAP_TRAILER / 8;
}

static size_t end_for(size_t space)
{
    size_t end = space;
    while (end < header_units(end) + space) {
        end++;
    }
    return end;
}

static void make_heap(size_t space)
{
    quarry_heap_init(&heap, buffer, end_for(space) * 8 + HEAP_FOOTER, QUARRY_HEAP_FINE_BUCKETS);
}

static int fresh_heap(void **state)
{
    make_heap(SPACE);
    return 0;
}

static void *alloc_units(size_t units)
{
    return sys_heap_alloc(&heap, heap_block_bytes(units));
}

/* Free chunks of those sizes in that order of addresses, each in front of a used FENCE; everything
 * else is used. They are freed from left to right, so the last comes first. */
static void free_chunks(size_t count, const size_t units[], void *blocks[])
{
    size_t rest = SPACE;
    for (size_t i = 0; i < count; i++) {
        blocks[i] = alloc_units(units[i]);
        alloc_units(FENCE);
        rest -= units[i] + FENCE;
    }
    alloc_units(rest);
    for (size_t i = 0; i < count; i++) {
        sys_heap_free(&heap, blocks[i]);
    }
    assert_true(sys_heap_validate(&heap));
}

#define FREE_CHUNKS(blocks, ...)                                                                   \
    free_chunks(sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t),                            \
                (const size_t[]){__VA_ARGS__}, (blocks))

/* ---- formatting ---- */

/* By hand, for the two borders that matter: below 64 units a bucket per size, above not. */
static void buckets_are_as_worked_out(void **state)
{
    assert_int_equal(bucket_of(3), 3);
    assert_int_equal(bucket_of(31), 31);
    assert_int_equal(bucket_of(32), 32);
    assert_int_equal(bucket_of(63), 63);
    assert_int_equal(bucket_of(64), 64);
    assert_int_equal(bucket_of(65), 64);
    assert_int_equal(bucket_of(66), 65);
    assert_int_equal(bucket_of(127), 95);
    assert_int_equal(bucket_of(128), 96);
    assert_int_equal(bucket_of(131), 96);
    assert_int_equal(bucket_of(132), 97);
    assert_int_equal(bucket_of(1024), 192);
    assert_int_equal(bucket_of(0x7fff), 351);
    assert_int_equal(bucket_of(0x7fffffff), 863);
}

static void first_block_lies_behind_masks_and_heads(void **state)
{
    uint8_t *first = buffer + header_units(end_for(SPACE)) * 8 + HEAP_HEADER;
    expect_heap(&heap, "F600");
    assert_ptr_equal(heap_first_block(&heap), first);
    assert_ptr_equal(sys_heap_alloc(&heap, 8), first);
    assert_ptr_equal(sys_heap_alloc(&heap, 20), first + heap_units_for(8) * 8);
    expect_heap(&heap, "U[8] U[20] F*");
    assert_true(sys_heap_validate(&heap));
}

/* All sizes of buffers: a heap is made iff it can have one smallest chunk, and else untouched. */
static void smallest_heap_has_one_chunk(void **state)
{
    for (size_t bytes = 0; bytes < 1200; bytes++) {
        memset(buffer, 0x5a, 8);
        quarry_heap_init(&heap, buffer, bytes, QUARRY_HEAP_FINE_BUCKETS);
        size_t end = bytes < HEAP_FOOTER ? 0 : (bytes - HEAP_FOOTER) / 8;
        bool enough = end >= header_units(end) + HEAP_MIN_UNITS;
        assert_int_equal(heap.heap != NULL, enough);
        if (enough) {
            assert_true(sys_heap_validate(&heap));
            assert_non_null(alloc_units(end - header_units(end)));
            expect_heap(&heap, "U*");
        } else {
            assert_int_equal(buffer[0], 0x5a);
            assert_null(sys_heap_alloc(&heap, 1));
        }
    }
}

/* For every size up to the largest that fits the buffer. */
static void stated_size_suffices(void **state)
{
    (void)state;
    for (size_t bytes = 1; QUARRY_HEAP_FINE_SIZE_FOR(bytes) <= sizeof(buffer); bytes++) {
        quarry_heap_init(&heap, buffer, QUARRY_HEAP_FINE_SIZE_FOR(bytes), QUARRY_HEAP_FINE_BUCKETS);
        assert_non_null(heap.heap);
        assert_non_null(sys_heap_alloc(&heap, bytes));
    }
}

static void zephyr_buckets_are_those_of_sys_heap_init(void **state)
{
    quarry_heap_init(&heap, buffer, 1000, QUARRY_HEAP_ZEPHYR_BUCKETS);
    void *block = sys_heap_alloc(&heap, 40);
    sys_heap_init(&heap, buffer, 1000);
    assert_ptr_equal(sys_heap_alloc(&heap, 40), block);
}

/* ---- search ---- */

/* A heap of any size can be allocated as one block, and not a byte more. */
static void whole_heap_is_found_and_no_more(void **state)
{
    for (size_t space = HEAP_MIN_UNITS; space < 1200; space++) {
        make_heap(space);
        assert_null(alloc_units(space + 1));
        void *block = alloc_units(space);
        assert_non_null(block);
        assert_null(sys_heap_alloc(&heap, 1));
        sys_heap_free(&heap, block);
        expect_heap(&heap, "F%zu", space);
    }
}

static void list_is_last_in_first_out(void **state)
{
    void *blocks[3];
    FREE_CHUNKS(blocks, 10, 10, 10);
    assert_ptr_equal(alloc_units(10), blocks[2]);
    assert_ptr_equal(alloc_units(10), blocks[1]);
    sys_heap_free(&heap, blocks[2]);
    assert_ptr_equal(alloc_units(10), blocks[2]);
    assert_ptr_equal(alloc_units(10), blocks[0]);
    assert_null(alloc_units(10));
}

static void chunk_taken_from_the_middle_leaves_the_others_in_order(void **state)
{
    void *blocks[4];
    FREE_CHUNKS(blocks, 10, 10, 10, 10);
    void *fence = (uint8_t *)blocks[1] + 80;
    sys_heap_free(&heap, fence); /* joins the second and the third: another bucket */
    expect_heap(&heap, "F10 Um F20+m Um F10 Um U*");
    assert_ptr_equal(alloc_units(10), blocks[3]);
    assert_ptr_equal(alloc_units(10), blocks[0]);
    assert_ptr_equal(alloc_units(10), blocks[1]);
}

static void smaller_chunks_have_a_bucket_per_size(void **state)
{
    void *blocks[4];
    FREE_CHUNKS(blocks, 41, 40, 63, 62);
    assert_ptr_equal(alloc_units(40), blocks[1]);
    assert_ptr_equal(alloc_units(40), blocks[0]); /* the lowest above; a unit is left */
    assert_ptr_equal(alloc_units(63), blocks[2]);
    assert_ptr_equal(alloc_units(62), blocks[3]);
    expect_heap(&heap, "U40 L1 Um U40 Um U63 Um U62 Um U*");
}

/* 64 and 65 units share a bucket: the first chunk is looked at, the second is not. */
static void looks_at_one_chunk_of_the_bucket(void **state)
{
    void *blocks[2];
    FREE_CHUNKS(blocks, 65, 64);
    assert_null(alloc_units(65));
    assert_null(alloc_units(65)); /* the list has not moved on */
    assert_ptr_equal(alloc_units(64), blocks[1]);
    assert_ptr_equal(alloc_units(65), blocks[0]);
}

static void first_chunk_of_the_bucket_is_taken_if_it_suffices(void **state)
{
    void *blocks[2];
    FREE_CHUNKS(blocks, 64, 65);
    assert_ptr_equal(alloc_units(64), blocks[1]); /* although the other fits exactly */
    expect_heap(&heap, "F64 Um U64 L1 Um U*");
}

static void rejected_chunk_sends_the_search_to_the_lowest_bucket_above(void **state)
{
    void *blocks[4];
    FREE_CHUNKS(blocks, 140, 70, 65, 64);
    assert_ptr_equal(alloc_units(65), blocks[1]);
    expect_heap(&heap, "F140 Um U65 F5 Um F65 Um F64 Um U*");
    assert_ptr_equal(alloc_units(65), blocks[0]);
    expect_heap(&heap, "U65 F75 Um U65 F5 Um F65 Um F64 Um U*");
}

static void empty_bucket_sends_the_search_to_the_lowest_bucket_above(void **state)
{
    void *blocks[3];
    FREE_CHUNKS(blocks, 100, 12, 33);
    assert_ptr_equal(alloc_units(11), blocks[1]);
    assert_ptr_equal(alloc_units(13), blocks[2]); /* across a border of 32 buckets */
    assert_ptr_equal(alloc_units(34), blocks[0]); /* and another one */
    expect_heap(&heap, "U34 F66 Um U11 L1 Um U13 F20 Um U*");
}

static void remainders_are_listed_first(void **state)
{
    void *blocks[2];
    FREE_CHUNKS(blocks, 20, 30);
    assert_ptr_equal(alloc_units(30 - 20), blocks[0]);
    assert_ptr_equal(alloc_units(30 - 10), blocks[1]); /* 10 of 20 and 10 of 30 are left */
    assert_ptr_equal(alloc_units(10), (uint8_t *)blocks[1] + 20 * 8);
    assert_ptr_equal(alloc_units(10), (uint8_t *)blocks[0] + 10 * 8);
}

/* ---- growth ---- */

#define MORE 1000u

static void init_growable(size_t space, size_t max_space)
{
    size_t max_bytes = end_for(max_space) * 8 + HEAP_FOOTER;
    heap_init_growable(&heap, buffer, max_bytes - (max_space - space) * 8, max_bytes,
                       QUARRY_HEAP_FINE_BUCKETS);
}

static void growable_heap_has_buckets_for_its_largest_size(void **state)
{
    init_growable(SPACE, MORE);
    expect_heap(&heap, "F600");
    assert_ptr_equal(heap_first_block(&heap),
                     buffer + header_units(end_for(MORE)) * 8 + HEAP_HEADER);
    assert_true(sys_heap_validate(&heap));
    heap_extend(&heap, (MORE - SPACE) * 8);
    expect_heap(&heap, "F1000");
    assert_true(sys_heap_validate(&heap));
    assert_null(alloc_units(MORE + 1));
    assert_non_null(alloc_units(MORE));
}

static void tail_changes_its_bucket_as_the_end_moves(void **state)
{
    init_growable(20, MORE);
    void *low = alloc_units(5);
    for (size_t tail = 15; tail < MORE - 5; tail++) {
        assert_null(alloc_units(tail + 1));
        void *block = alloc_units(tail);
        assert_ptr_equal(block, (uint8_t *)low + 40);
        sys_heap_free(&heap, block);
        heap_extend(&heap, 8);
        assert_true(sys_heap_validate(&heap));
    }
    while (heap_shrinkable_bytes(&heap) > 0) {
        heap_shrink(&heap, 8);
        assert_true(sys_heap_validate(&heap));
    }
    expect_heap(&heap, "U5 Fm");
}

/* ---- everything ---- */

static void stays_consistent_under_random_calls(void **state)
{
    enum { BLOCKS = 48 };
    uint8_t *blocks[BLOCKS] = {NULL};
    struct random random = random_from(7);
    size_t steps = scaled_rounds(20000);
    for (size_t step = 0; step < steps; step++) {
        size_t i = (size_t)random_below(&random, BLOCKS);
        size_t bytes = random_log_uniform(&random, 1500);
        if (blocks[i] != NULL) {
            assert_int_equal(*blocks[i], (uint8_t)i);
        }
        if (random_below(&random, 2) == 0) {
            sys_heap_free(&heap, blocks[i]);
            blocks[i] = sys_heap_aligned_alloc(&heap, (size_t)1 << random_below(&random, 7), bytes);
        } else {
            uint8_t *resized = sys_heap_realloc(&heap, blocks[i], bytes);
            blocks[i] = resized != NULL ? resized : blocks[i];
        }
        if (blocks[i] != NULL) {
            memset(blocks[i], (uint8_t)i, sys_heap_usable_size(&heap, blocks[i]));
        }
        assert_true(sys_heap_validate(&heap));
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        sys_heap_free(&heap, blocks[i]);
    }
    expect_heap(&heap, "F600");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(buckets_are_as_worked_out, fresh_heap),
        cmocka_unit_test_setup(first_block_lies_behind_masks_and_heads, fresh_heap),
        cmocka_unit_test_setup(smallest_heap_has_one_chunk, fresh_heap),
        cmocka_unit_test(stated_size_suffices),
        cmocka_unit_test_setup(zephyr_buckets_are_those_of_sys_heap_init, fresh_heap),
        cmocka_unit_test_setup(whole_heap_is_found_and_no_more, fresh_heap),
        cmocka_unit_test_setup(list_is_last_in_first_out, fresh_heap),
        cmocka_unit_test_setup(chunk_taken_from_the_middle_leaves_the_others_in_order, fresh_heap),
        cmocka_unit_test_setup(smaller_chunks_have_a_bucket_per_size, fresh_heap),
        cmocka_unit_test_setup(looks_at_one_chunk_of_the_bucket, fresh_heap),
        cmocka_unit_test_setup(first_chunk_of_the_bucket_is_taken_if_it_suffices, fresh_heap),
        cmocka_unit_test_setup(rejected_chunk_sends_the_search_to_the_lowest_bucket_above,
                               fresh_heap),
        cmocka_unit_test_setup(empty_bucket_sends_the_search_to_the_lowest_bucket_above,
                               fresh_heap),
        cmocka_unit_test_setup(remainders_are_listed_first, fresh_heap),
        cmocka_unit_test_setup(growable_heap_has_buckets_for_its_largest_size, fresh_heap),
        cmocka_unit_test_setup(tail_changes_its_bucket_as_the_end_moves, fresh_heap),
        cmocka_unit_test_setup(stays_consistent_under_random_calls, fresh_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
