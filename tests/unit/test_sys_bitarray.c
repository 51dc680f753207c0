/* SPDX-License-Identifier: Apache-2.0 */
/* sys_bitarray: what each call returns, definitions, and misuse. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/bitarray.h>
#include <zephyr/sys/bitarray.h>
#include "../support/death.h"

#define UNTOUCHED 77

SYS_BITARRAY_DEFINE(at_file_scope, 100);
SYS_BITARRAY_DEFINE_STATIC(large, 1 << 20);
extern sys_bitarray_t at_file_scope;

static uint32_t words[4];
static sys_bitarray_t array;

static void begin(uint32_t num_bits)
{
    array = (sys_bitarray_t){
        .num_bits = num_bits, .num_bundles = (num_bits + 31) / 32, .bundles = words};
    memset(words, 0, sizeof(words));
}

/* --- Definitions --- */

static void definitions_make_clear_arrays(void **state)
{
    (void)state;
    assert_int_equal(at_file_scope.num_bits, 100);
    assert_int_equal(at_file_scope.num_bundles, 4);
    assert_null(at_file_scope.summary);
    assert_true(sys_bitarray_is_region_cleared(&at_file_scope, 100, 0));
    assert_int_equal(large.num_bundles, 1 << 15);
    assert_non_null(large.summary);
    assert_true(sys_bitarray_is_region_cleared(&large, 1 << 20, 0));
}

static size_t allocate_in_function(void)
{
    SYS_BITARRAY_DEFINE(local, 40);
    SYS_BITARRAY_DEFINE_STATIC(local_static, 5000);
    size_t offset = 0, same = 1;

    assert_int_equal(sys_bitarray_alloc(&local, 1, &offset), 0);
    assert_int_equal(sys_bitarray_alloc(&local_static, 1, &same), 0);
    assert_int_equal(offset, same);
    return offset;
}

static void definitions_work_in_functions(void **state)
{
    (void)state;
    assert_int_equal(allocate_in_function(), 0);
    assert_int_equal(allocate_in_function(), 1); /* its bundles are static */
}

static void arrays_are_made_at_run_time(void **state)
{
    static uint32_t storage[QUARRY_BITARRAY_WORDS(5000)];
    const size_t size = QUARRY_BITARRAY_WORDS(5000);
    size_t offset;
    (void)state;

    memset(storage, 0xff, sizeof(storage));
    assert_int_equal(quarry_bitarray_init(NULL, 5000, storage, size), -EINVAL);
    assert_int_equal(quarry_bitarray_init(&array, 5000, NULL, size), -EINVAL);
    assert_int_equal(quarry_bitarray_init(&array, 0, storage, size), -EINVAL);
    assert_int_equal(quarry_bitarray_init(&array, 5000, storage, size - 1), -EINVAL);
    assert_int_equal(quarry_bitarray_init(&array, SIZE_MAX, storage, size), -EINVAL);
    if (SIZE_MAX > UINT32_MAX) {
        assert_int_equal(quarry_bitarray_init(&array, (size_t)UINT32_MAX + 1, storage, SIZE_MAX),
                         -EINVAL);
    }
    assert_int_equal(storage[0], UINT32_MAX);
    assert_int_equal(quarry_bitarray_init(&array, 5000, storage, size), 0);
    assert_int_equal(array.num_bundles, 157);
    assert_ptr_equal(array.bundles, storage);
    assert_int_equal(sys_bitarray_alloc(&array, 5000, &offset), 0);
    assert_int_equal(offset, 0);
    assert_true(quarry_bitarray_validate(&array));
}

static void arrays_may_be_filled_in_by_hand(void **state)
{
    size_t offset = 0;
    (void)state;

    begin(100);
    words[0] = UINT32_MAX;
    words[1] = 0xf;
    assert_int_equal(sys_bitarray_alloc(&array, 1, &offset), 0);
    assert_int_equal(offset, 36);
    words[0] = 0; /* directly, in both directions */
    assert_int_equal(sys_bitarray_alloc(&array, 1, &offset), 0);
    assert_int_equal(offset, 0);
    assert_int_equal(words[0], 1);
    assert_int_equal(words[1], 0x1f);
    assert_true(quarry_bitarray_validate(&array));
}

/* --- Bits --- */

static void bits_of_arrays_of_all_sizes(void **state)
{
    (void)state;
    for (uint32_t bits = 1; bits <= 128; bits++) {
        begin(bits);
        for (size_t bit = 0; bit < bits; bit++) {
            int value = UNTOUCHED;

            assert_int_equal(sys_bitarray_test_and_set_bit(&array, bit, &value), 0);
            assert_int_equal(value, 0);
            assert_int_equal(words[bit / 32] >> bit % 32, 1);
            assert_int_equal(sys_bitarray_test_and_set_bit(&array, bit, &value), 0);
            assert_int_equal(value, 1);
            assert_int_equal(sys_bitarray_test_bit(&array, bit, &value), 0);
            assert_int_equal(value, 1);
            assert_int_equal(sys_bitarray_test_and_clear_bit(&array, bit, &value), 0);
            assert_int_equal(value, 1);
            assert_int_equal(sys_bitarray_test_and_clear_bit(&array, bit, &value), 0);
            assert_int_equal(value, 0);
            assert_int_equal(sys_bitarray_test_bit(&array, bit, &value), 0);
            assert_int_equal(value, 0);
            assert_int_equal(sys_bitarray_set_bit(&array, bit), 0);
            assert_int_equal(words[bit / 32] >> bit % 32, 1);
            assert_int_equal(sys_bitarray_clear_bit(&array, bit), 0);
            assert_int_equal(words[bit / 32], 0);
        }
    }
}

static void bits_that_are_not_there(void **state)
{
    static const size_t wrong[] = {33, 34, 63, 64, UINT32_MAX, SIZE_MAX - 1, SIZE_MAX};
    int value = UNTOUCHED;
    (void)state;

    begin(33);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(sys_bitarray_set_bit(&array, wrong[i]), -EINVAL);
        assert_int_equal(sys_bitarray_clear_bit(&array, wrong[i]), -EINVAL);
        assert_int_equal(sys_bitarray_test_bit(&array, wrong[i], &value), -EINVAL);
        assert_int_equal(sys_bitarray_test_and_set_bit(&array, wrong[i], &value), -EINVAL);
        assert_int_equal(sys_bitarray_test_and_clear_bit(&array, wrong[i], &value), -EINVAL);
    }
    assert_int_equal(value, UNTOUCHED);
    assert_int_equal(words[0] | words[1], 0);
}

static void values_need_a_place(void **state)
{
    (void)state;
    begin(33);
    words[0] = 2;
    assert_int_equal(sys_bitarray_test_bit(&array, 0, NULL), -EINVAL);
    assert_int_equal(sys_bitarray_test_and_set_bit(&array, 0, NULL), -EINVAL);
    assert_int_equal(sys_bitarray_test_and_clear_bit(&array, 1, NULL), -EINVAL);
    assert_int_equal(words[0], 2);
}

/* --- Allocating --- */

static void refusals_of_alloc(void **state)
{
    size_t offset = UNTOUCHED;
    (void)state;

    begin(100);
    assert_int_equal(sys_bitarray_alloc(&array, 0, &offset), -EINVAL);
    assert_int_equal(sys_bitarray_alloc(&array, 101, &offset), -EINVAL);
    assert_int_equal(sys_bitarray_alloc(&array, SIZE_MAX, &offset), -EINVAL);
    assert_int_equal(sys_bitarray_alloc(&array, 1, NULL), -EINVAL);
    assert_int_equal(words[0], 0);
    words[1] = 0x100;
    assert_int_equal(sys_bitarray_alloc(&array, 60, &offset), -ENOSPC);
    assert_int_equal(offset, UNTOUCHED);
    assert_int_equal(words[0], 0);
    assert_int_equal(sys_bitarray_alloc(&array, 59, &offset), 0);
    assert_int_equal(offset, 41);
}

static void refusals_of_free(void **state)
{
    (void)state;
    begin(100);
    assert_int_equal(sys_bitarray_set_region(&array, 40, 10), 0);
    assert_int_equal(sys_bitarray_free(&array, 41, 10), -EFAULT);
    assert_int_equal(sys_bitarray_free(&array, 40, 9), -EFAULT);
    assert_int_equal(sys_bitarray_free(&array, 1, 9), -EFAULT);
    assert_int_equal(sys_bitarray_free(&array, 0, 10), -EINVAL);
    assert_int_equal(sys_bitarray_free(&array, 91, 10), -EINVAL);
    assert_int_equal(sys_bitarray_free(&array, 2, SIZE_MAX), -EINVAL);
    assert_int_equal(sys_bitarray_free(&array, SIZE_MAX, 2), -EINVAL);
    assert_true(sys_bitarray_is_region_set(&array, 40, 10));
    assert_int_equal(sys_bitarray_free(&array, 20, 20), 0); /* a part */
    assert_int_equal(sys_bitarray_free(&array, 20, 20), -EFAULT);
    assert_true(sys_bitarray_is_region_set(&array, 10, 10));
    assert_true(sys_bitarray_is_region_set(&array, 10, 40));
}

/* --- Regions --- */

static void regions_that_are_not_there(void **state)
{
    static const struct {
        size_t num_bits, offset;
    } wrong[] = {{0, 0},
                 {0, 99},
                 {101, 0},
                 {100, 1},
                 {1, 100},
                 {1, SIZE_MAX},
                 {SIZE_MAX, 1},
                 {SIZE_MAX, 0},
                 {2, SIZE_MAX},
                 {50, SIZE_MAX - 48},
                 {29, 72},
                 {0, SIZE_MAX},
                 {SIZE_MAX, SIZE_MAX}};
    sys_bitarray_t other;
    uint32_t other_words[4] = {1, 1, 1, 1};
    (void)state;

    begin(100);
    words[0] = 5;
    other = array;
    other.bundles = other_words;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        size_t num_bits = wrong[i].num_bits, offset = wrong[i].offset, out = UNTOUCHED;

        assert_false(sys_bitarray_is_region_set(&array, num_bits, offset));
        assert_false(sys_bitarray_is_region_cleared(&array, num_bits, offset));
        assert_int_equal(sys_bitarray_set_region(&array, num_bits, offset), -EINVAL);
        assert_int_equal(sys_bitarray_clear_region(&array, num_bits, offset), -EINVAL);
        assert_int_equal(sys_bitarray_test_and_set_region(&array, num_bits, offset, true), -EINVAL);
        assert_int_equal(sys_bitarray_test_and_set_region(&array, num_bits, offset, false),
                         -EINVAL);
        assert_int_equal(sys_bitarray_popcount_region(&array, num_bits, offset, &out), -EINVAL);
        assert_int_equal(sys_bitarray_find_nth_set(&array, 1, num_bits, offset, &out), -EINVAL);
        assert_int_equal(sys_bitarray_xor(&array, &other, num_bits, offset), -EINVAL);
        assert_int_equal(out, UNTOUCHED);
    }
    assert_int_equal(words[0], 5);
}

static void other_refusals(void **state)
{
    size_t out = UNTOUCHED;
    sys_bitarray_t other;
    (void)state;

    begin(100);
    words[0] = 1;
    assert_int_equal(sys_bitarray_popcount_region(&array, 1, 0, NULL), -EINVAL);
    assert_int_equal(sys_bitarray_find_nth_set(&array, 1, 1, 0, NULL), -EINVAL);
    assert_int_equal(sys_bitarray_find_nth_set(&array, 0, 1, 0, &out), -EINVAL);
    assert_int_equal(sys_bitarray_find_nth_set(&array, 2, 100, 0, &out), 1);
    assert_int_equal(sys_bitarray_find_nth_set(&array, SIZE_MAX, 100, 0, &out), 1);
    assert_int_equal(out, UNTOUCHED);
    other = array;
    other.num_bits = 99;
    assert_int_equal(sys_bitarray_xor(&array, &other, 1, 0), -EINVAL);
    assert_int_equal(sys_bitarray_test_and_set_region(&array, 2, 0, true), -EEXIST);
    assert_int_equal(sys_bitarray_test_and_set_region(&array, 2, 0, false), -EEXIST);
    assert_int_equal(words[0], 1);
}

static void xor_with_itself_clears(void **state)
{
    (void)state;
    begin(100);
    memset(words, 0xff, sizeof(words));
    assert_int_equal(sys_bitarray_xor(&array, &array, 70, 20), 0);
    assert_true(sys_bitarray_is_region_set(&array, 20, 0));
    assert_true(sys_bitarray_is_region_cleared(&array, 70, 20));
    assert_true(sys_bitarray_is_region_set(&array, 10, 90));
}

/* The lock of the former is zeroed, that of the latter is not. */
static void arrays_made_by_hand_and_by_definition_go_together(void **state)
{
    size_t count;
    (void)state;

    begin(100);
    words[1] = 0xff;
    assert_int_equal(sys_bitarray_set_region(&at_file_scope, 100, 0), 0);
    assert_int_equal(sys_bitarray_xor(&array, &at_file_scope, 100, 0), 0);
    assert_int_equal(sys_bitarray_popcount_region(&array, 100, 0, &count), 0);
    assert_int_equal(count, 92);
    assert_int_equal(sys_bitarray_xor(&at_file_scope, &array, 100, 0), 0);
    assert_int_equal(sys_bitarray_popcount_region(&at_file_scope, 100, 0, &count), 0);
    assert_int_equal(count, 8);
    assert_int_equal(sys_bitarray_clear_region(&at_file_scope, 100, 0), 0);
}

/* --- Misuse --- */

static void use_null(void *arg)
{
    (void)arg;
    sys_bitarray_set_bit(NULL, 0);
}

static void use_unmade(void *arg)
{
    size_t offset;

    array.num_bits = 0;
    sys_bitarray_alloc(&array, 1, &offset);
    (void)arg;
}

static void xor_with_null(void *arg)
{
    (void)arg;
    sys_bitarray_xor(&at_file_scope, NULL, 1, 0);
}

static void misuse_is_reported(void **state)
{
    (void)state;
    expect_death(use_null, NULL, "bit array is NULL");
    expect_death(xor_with_null, NULL, "bit array is NULL");
    expect_death(use_unmade, NULL, "bit array has no bits: it was not made");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definitions_make_clear_arrays),
        cmocka_unit_test(definitions_work_in_functions),
        cmocka_unit_test(arrays_are_made_at_run_time),
        cmocka_unit_test(arrays_may_be_filled_in_by_hand),
        cmocka_unit_test(bits_of_arrays_of_all_sizes),
        cmocka_unit_test(bits_that_are_not_there),
        cmocka_unit_test(values_need_a_place),
        cmocka_unit_test(refusals_of_alloc),
        cmocka_unit_test(refusals_of_free),
        cmocka_unit_test(regions_that_are_not_there),
        cmocka_unit_test(other_refusals),
        cmocka_unit_test(xor_with_itself_clears),
        cmocka_unit_test(arrays_made_by_hand_and_by_definition_go_together),
        cmocka_unit_test(misuse_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
