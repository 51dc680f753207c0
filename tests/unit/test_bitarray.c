/* SPDX-License-Identifier: Apache-2.0 */
/* core/bitarray: regions, runs, and the summary of large arrays; without a lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/bitarray.h>
#include "core/bitarray.h"
#include "../support/random.h"

#define LARGE  (1u << 20)
#define LARGER (20u << 20) /* its summary has a level more */

static sys_bitarray_t array;
static uint32_t *storage;

/* All bits clear; the memory behind is watched. */
static void make(uint32_t num_bits)
{
    size_t words = QUARRY_BITARRAY_WORDS(num_bits);

    free(storage);
    storage = malloc((words + 1) * sizeof(uint32_t));
    assert_non_null(storage);
    memset(storage, 0xa5, (words + 1) * sizeof(uint32_t));
    bitarray_make(&array, num_bits, storage);
    assert_int_equal(storage[words], 0xa5a5a5a5);
}

static void make_full(uint32_t num_bits)
{
    make(num_bits);
    bitarray_set_region(&array, num_bits, 0);
    assert_true(bitarray_validate(&array));
}

static int end(void **state)
{
    (void)state;
    free(storage);
    storage = NULL;
    return 0;
}

/* --- Regions --- */

static void a_region_is_in_the_array_or_not(void **state)
{
    (void)state;
    for (uint32_t bits = 1; bits < 130; bits++) {
        make(bits);
        for (size_t offset = 0; offset < 140; offset++) {
            for (size_t length = 0; length < 140; length++) {
                assert_int_equal(bitarray_has_region(&array, length, offset),
                                 length > 0 && offset + length <= bits);
            }
        }
    }
}

static void no_sum_wraps_around(void **state)
{
    (void)state;
    make(LARGE);
    for (size_t i = 0; i <= 64; i++) {
        for (size_t j = 0; j <= 64; j++) {
            assert_false(bitarray_has_region(&array, i, SIZE_MAX - j));
            assert_false(bitarray_has_region(&array, SIZE_MAX - j, i));
            assert_false(bitarray_has_region(&array, SIZE_MAX - j, SIZE_MAX - i));
            assert_false(bitarray_has_region(&array, LARGE - i, i + 1 + j));
        }
    }
    assert_true(bitarray_has_region(&array, LARGE, 0));
    assert_true(bitarray_has_region(&array, 1, LARGE - 1));
}

static void regions_are_claimed_and_released_as_a_whole(void **state)
{
    (void)state;
    for (size_t offset = 0; offset < 70; offset++) {
        for (size_t length = 1; length <= 130; length++) {
            make(200);
            assert_true(bitarray_claim(&array, length, offset));
            assert_true(bitarray_is_region_set(&array, length, offset));
            assert_int_equal(bitarray_count_region(&array, 200, 0), length);
            assert_false(bitarray_claim(&array, 1, offset + length - 1));
            assert_false(bitarray_release(&array, length + 1, offset));
            assert_int_equal(bitarray_count_region(&array, 200, 0), length);
            assert_true(bitarray_release(&array, length, offset));
            assert_true(bitarray_is_region_clear(&array, 200, 0));
        }
    }
}

static void one_bit_in_the_way_is_enough(void **state)
{
    (void)state;
    for (size_t offset = 0; offset < 40; offset++) {
        for (size_t length = 1; length <= 100; length += 9) {
            for (size_t bit = offset; bit < offset + length; bit++) {
                make(200);
                assert_false(bitarray_set_bit(&array, bit));
                assert_false(bitarray_claim(&array, length, offset));
                assert_int_equal(bitarray_count_region(&array, 200, 0), 1);
                make_full(200);
                assert_true(bitarray_clear_bit(&array, bit));
                assert_false(bitarray_release(&array, length, offset));
                assert_int_equal(bitarray_count_region(&array, 200, 0), 199);
            }
        }
    }
}

/* --- Searching --- */

static void bits_are_claimed_up_to_the_end_of_a_bundle(void **state)
{
    size_t offset = 0;
    (void)state;

    make(100);
    assert_int_equal(bitarray_claim_next(&array, 0, 5, &offset), 5);
    assert_int_equal(offset, 0);
    assert_int_equal(bitarray_claim_next(&array, 0, 1000, &offset), 27);
    assert_int_equal(offset, 5);
    bitarray_set_bit(&array, 50);
    assert_int_equal(bitarray_claim_next(&array, 40, SIZE_MAX, &offset), 10);
    assert_int_equal(offset, 40);
    assert_int_equal(bitarray_claim_next(&array, 40, SIZE_MAX, &offset), 13);
    assert_int_equal(offset, 51);
    assert_int_equal(bitarray_claim_next(&array, 96, SIZE_MAX, &offset), 4);
    assert_int_equal(offset, 96);
    assert_int_equal(bitarray_claim_next(&array, 96, 1, &offset), 0);
    assert_int_equal(bitarray_claim_next(&array, 100, 1, &offset), 0);
    assert_int_equal(bitarray_claim_next(&array, SIZE_MAX, 1, &offset), 0);
    assert_int_equal(offset, 96);
}

static void all_bits_are_claimed_once(void **state)
{
    static const uint32_t sizes[] = {1, 31, 32, 33, 64, 65, 2048, 2049, 4096, 4097, 70001};
    (void)state;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t offset;

        make(sizes[i]);
        for (size_t bit = 0; bit < sizes[i]; bit++) {
            assert_true(bitarray_claim_lowest_run(&array, 1, &offset));
            assert_int_equal(offset, bit);
        }
        assert_false(bitarray_claim_lowest_run(&array, 1, &offset));
        assert_true(bitarray_validate(&array));
    }
}

/* A run of each length, at each place relative to units, with a run that is too short before. */
static void runs_are_found_across_words(void **state)
{
    (void)state;
    for (size_t place = 130; place < 200; place++) {
        for (size_t length = 2; length <= 200; length++) {
            size_t offset = 0;

            make_full(500);
            bitarray_clear_region(&array, length, place);
            bitarray_clear_region(&array, length <= 129 ? length - 1 : 129, 0);
            assert_true(bitarray_claim_lowest_run(&array, length, &offset));
            assert_int_equal(offset, place);
            assert_false(bitarray_claim_lowest_run(&array, length, &offset));
        }
    }
}

static void a_run_may_be_all_there_is(void **state)
{
    (void)state;
    for (uint32_t bits = 1; bits <= 300; bits++) {
        size_t offset = 1;

        make(bits);
        assert_false(bitarray_claim_lowest_run(&array, (size_t)bits + 1, &offset));
        assert_false(bitarray_claim_lowest_run(&array, SIZE_MAX, &offset));
        assert_true(bitarray_claim_lowest_run(&array, bits, &offset));
        assert_int_equal(offset, 0);
    }
}

/* --- The summary --- */

static void expect_lowest(size_t expected)
{
    size_t offset = SIZE_MAX;

    assert_true(bitarray_claim_lowest_run(&array, 1, &offset));
    assert_int_equal(offset, expected);
    assert_true(bitarray_validate(&array));
}

static void holes_of_large_arrays_are_found(void **state)
{
    static const uint32_t sizes[] = {LARGE, LARGE - 1, LARGE + 1, LARGER + 33};
    (void)state;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct random random = random_from(i);
        size_t offset;

        make_full(sizes[i]);
        assert_false(bitarray_claim_lowest_run(&array, 1, &offset));
        for (size_t round = 0; round < 200; round++) {
            size_t bit = (size_t)random_below(&random, sizes[i]);
            size_t later = bit + (size_t)random_below(&random, sizes[i] - bit);

            assert_true(bitarray_clear_bit(&array, bit));
            if (later != bit) {
                assert_true(bitarray_release(&array, 1, later));
            }
            expect_lowest(bit);
            if (later != bit) {
                expect_lowest(later);
            }
            assert_false(bitarray_claim_lowest_run(&array, 1, &offset));
        }
    }
}

static void bits_may_be_set_past_the_functions(void **state)
{
    (void)state;
    make(LARGE);
    memset(array.bundles, 0xff, LARGE / 8);
    array.bundles[20000] = 0x7fffffff;
    expect_lowest(20000 * 32 + 31);
    size_t offset;
    assert_false(bitarray_claim_lowest_run(&array, 1, &offset));
}

/* All levels, or all but the lowest, which is at the beginning. */
static void what_a_summary_has_forgotten_is_found_out(void **state)
{
    const size_t words = Z_BITARRAY_SUMMARY_WORDS(LARGER), lowest = Z_BITARRAY_LEVEL_0_(LARGER);
    (void)state;

    make_full(LARGER);
    for (size_t i = 0; i < 4; i++) {
        size_t first = i % 2 == 0 ? lowest : 0;
        size_t bit = LARGER - 1 - i * 100000;

        assert_true(bitarray_clear_bit(&array, bit));
        memset(array.summary + first, 0, (words - first) * sizeof(*array.summary));
        expect_lowest(bit);
        size_t offset;
        assert_false(bitarray_claim_lowest_run(&array, 1, &offset));
        for (size_t word = 1; word < lowest; word++) { /* unit 0 is looked at in any case */
            assert_int_equal(array.summary[word], UINTPTR_MAX);
        }
    }
}

static void a_wrong_summary_is_noticed_and_mended(void **state)
{
    (void)state;
    make(LARGER);
    size_t words = Z_BITARRAY_SUMMARY_WORDS(LARGER);

    for (size_t i = 0; i < 300; i++) {
        size_t word = i < 150 ? i * (words / 150) : words - 1 - (i - 150) % 90;

        array.summary[word] = 1;
        assert_false(bitarray_validate(&array));
        bitarray_mend(&array);
        assert_true(bitarray_validate(&array));
        assert_int_equal(array.summary[word], 0);
    }
}

static void mending_keeps_what_is_right(void **state)
{
    (void)state;
    make_full(LARGER);
    bitarray_clear_bit(&array, 1000000);
    size_t bytes = Z_BITARRAY_SUMMARY_WORDS(LARGER) * sizeof(uintptr_t);
    void *before = malloc(bytes);
    assert_non_null(before);
    memcpy(before, array.summary, bytes);

    bitarray_mend(&array);
    assert_memory_equal(array.summary, before, bytes);
    array.bundles[5000] = 0; /* past the functions, which is not allowed */
    assert_false(bitarray_validate(&array));
    bitarray_mend(&array);
    assert_true(bitarray_validate(&array));
    expect_lowest(5000 * 32);
    free(before);
}

static void the_summary_begins_where_it_may(void **state)
{
    (void)state;
    for (uint32_t bits = 2049; bits < 2049 + 70; bits++) {
        make(bits);
        assert_non_null(array.summary);
        assert_int_equal((uintptr_t)array.summary % sizeof(uintptr_t), 0);
        assert_true((char *)array.summary >= (char *)(storage + array.num_bundles));
        assert_true((char *)(array.summary + Z_BITARRAY_SUMMARY_WORDS(bits)) <=
                    (char *)(storage + QUARRY_BITARRAY_WORDS(bits)));
    }
    make(2048);
    assert_null(array.summary);
}

static void the_last_bit_is_found(void **state)
{
    (void)state;
    static uint32_t no_words[QUARRY_BITARRAY_WORDS(LARGE)];
    sys_bitarray_t none;
    size_t found = 77;

    bitarray_make_of_zeros(&none, LARGE, no_words);
    make(LARGE);
    assert_false(bitarray_find_last_set_but(&array, &none, LARGE, 0, &found));
    for (size_t bit = 1; bit < LARGE; bit += bit / 2 + 1) {
        bitarray_set_bit(&array, bit);
        assert_true(bitarray_find_last_set_but(&array, &none, LARGE, 0, &found) && found == bit);
        assert_true(bitarray_find_last_set_but(&array, &none, 1, bit, &found) && found == bit);
        assert_true(bitarray_find_last_set_but(&array, &none, bit + 1, 0, &found) && found == bit);
        assert_int_equal(bitarray_find_last_set_but(&array, &none, bit, 0, &found), bit != 1);
        assert_true(found < bit || bit == 1);
    }
    assert_false(bitarray_find_last_set_but(&array, &none, 100, LARGE - 100, &found));
}

static void what_another_array_has_is_passed_over(void **state)
{
    (void)state;
    static uint32_t words[QUARRY_BITARRAY_WORDS(1000)];
    sys_bitarray_t but;
    size_t found = 77;

    bitarray_make_of_zeros(&but, 1000, words);
    bitarray_set_region(&but, 900, 100);
    make_full(1000);
    assert_true(bitarray_find_last_set_but(&array, &but, 1000, 0, &found) && found == 99);
    assert_false(bitarray_find_last_set_but(&array, &but, 900, 100, &found));
    bitarray_clear_region(&but, 2, 500);
    assert_true(bitarray_find_last_set_but(&array, &but, 1000, 0, &found) && found == 501);
    assert_false(bitarray_find_last_set_but(&array, &array, 1000, 0, &found));
}

/* Storage is counted as it is used: words of the levels as the macro has it. */
static void a_summary_is_small(void **state)
{
    (void)state;
    assert_true(Z_BITARRAY_SUMMARY_WORDS(LARGE) * sizeof(uintptr_t) < LARGE / 8 / 60);
    assert_int_equal(QUARRY_BITARRAY_WORDS(1), 1);
    assert_int_equal(QUARRY_BITARRAY_WORDS(32), 1);
    assert_int_equal(QUARRY_BITARRAY_WORDS(33), 2);
    assert_int_equal(QUARRY_BITARRAY_WORDS(2048), 64);
    assert_true(QUARRY_BITARRAY_WORDS(UINT32_MAX) < UINT32_MAX / 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_region_is_in_the_array_or_not, end),
        cmocka_unit_test_teardown(no_sum_wraps_around, end),
        cmocka_unit_test_teardown(regions_are_claimed_and_released_as_a_whole, end),
        cmocka_unit_test_teardown(one_bit_in_the_way_is_enough, end),
        cmocka_unit_test_teardown(bits_are_claimed_up_to_the_end_of_a_bundle, end),
        cmocka_unit_test_teardown(all_bits_are_claimed_once, end),
        cmocka_unit_test_teardown(runs_are_found_across_words, end),
        cmocka_unit_test_teardown(a_run_may_be_all_there_is, end),
        cmocka_unit_test_teardown(holes_of_large_arrays_are_found, end),
        cmocka_unit_test_teardown(bits_may_be_set_past_the_functions, end),
        cmocka_unit_test_teardown(what_a_summary_has_forgotten_is_found_out, end),
        cmocka_unit_test_teardown(a_wrong_summary_is_noticed_and_mended, end),
        cmocka_unit_test_teardown(mending_keeps_what_is_right, end),
        cmocka_unit_test_teardown(the_summary_begins_where_it_may, end),
        cmocka_unit_test_teardown(the_last_bit_is_found, end),
        cmocka_unit_test_teardown(what_another_array_has_is_passed_over, end),
        cmocka_unit_test_teardown(a_summary_is_small, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
