/* SPDX-License-Identifier: Apache-2.0 */
/* Zephyr's behaviour, row 29: bit arrays. Definitions of many sizes; bits set, cleared and tested;
 * first fit, also around what is set already; runs of all lengths that fill an array and are freed
 * in another order; counting, inverting and finding the n-th; regions, and what is refused; the
 * first and the last set bit of a word. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/arch/common/ffs.h>
#include <zephyr/sys/bitarray.h>

/* --- Definitions --- */

#define EXPECT_SIZE(bits, words)                                                                   \
    do {                                                                                           \
        SYS_BITARRAY_DEFINE(array_##bits, bits);                                                   \
        assert_int_equal(array_##bits.num_bits, bits);                                             \
        assert_int_equal(array_##bits.num_bundles, words);                                         \
        assert_int_equal(sizeof(_sys_bitarray_bundles_array_##bits), (words)*4);                   \
        for (size_t i = 0; i < (words); i++) {                                                     \
            assert_int_equal(array_##bits.bundles[i], 0);                                          \
        }                                                                                          \
    } while (0)

static void sizes_are_rounded_up_to_bundles(void **state)
{
    (void)state;
    EXPECT_SIZE(1, 1);
    EXPECT_SIZE(2, 1);
    EXPECT_SIZE(31, 1);
    EXPECT_SIZE(32, 1);
    EXPECT_SIZE(33, 2);
    EXPECT_SIZE(63, 2);
    EXPECT_SIZE(64, 2);
    EXPECT_SIZE(65, 3);
    EXPECT_SIZE(96, 3);
    EXPECT_SIZE(97, 4);
    EXPECT_SIZE(128, 4);
    EXPECT_SIZE(129, 5);
}

/* --- Bits --- */

static void bits_lie_in_bundles_lowest_first(void **state)
{
    SYS_BITARRAY_DEFINE(array, 234);
    int value;
    (void)state;

    for (size_t bit = 0; bit < 234; bit++) {
        assert_int_equal(sys_bitarray_test_bit(&array, bit, &value), 0);
        assert_int_equal(value, 0);
        assert_int_equal(sys_bitarray_set_bit(&array, bit), 0);
        assert_int_equal(array.bundles[bit / 32] >> bit % 32, 1);
        assert_int_equal(sys_bitarray_test_bit(&array, bit, &value), 0);
        assert_int_equal(value, 1);
    }
    for (size_t bit = 234; bit-- > 0;) {
        assert_int_equal(sys_bitarray_clear_bit(&array, bit), 0);
        assert_int_equal(sys_bitarray_test_and_set_bit(&array, bit, &value), 0);
        assert_int_equal(value, 0);
        assert_int_equal(sys_bitarray_test_and_clear_bit(&array, bit, &value), 0);
        assert_int_equal(value, 1);
    }
    assert_true(sys_bitarray_is_region_cleared(&array, 234, 0));
    assert_int_equal(sys_bitarray_set_bit(&array, 234), -EINVAL);
    assert_int_equal(sys_bitarray_clear_bit(&array, 234), -EINVAL);
    assert_int_equal(sys_bitarray_test_bit(&array, 234, &value), -EINVAL);
    assert_int_equal(sys_bitarray_test_bit(&array, 0, NULL), -EINVAL);
}

/* --- Allocating --- */

static void first_fit_goes_around_what_is_set(void **state)
{
    SYS_BITARRAY_DEFINE(array, 128);
    static const uint32_t pattern[] = {0x0f0f070f, 0x0f0f0f0f, 0x0f0f0f0f, 0x0f0f0000};
    size_t offset;
    (void)state;

    memcpy(array.bundles, pattern, sizeof(pattern));
    assert_int_equal(sys_bitarray_alloc(&array, 5, &offset), 0);
    assert_int_equal(offset, 11);
    assert_int_equal(sys_bitarray_alloc(&array, 16, &offset), 0);
    assert_int_equal(offset, 92);
    assert_int_equal(array.bundles[0], 0x0f0fff0f);
    assert_int_equal(array.bundles[2], 0xff0f0f0fu);
    assert_int_equal(array.bundles[3], 0x0f0f0fff);
}

static void what_does_not_fit_is_refused(void **state)
{
    SYS_BITARRAY_DEFINE(array, 234);
    size_t offset = 99;
    (void)state;

    assert_int_equal(sys_bitarray_alloc(&array, 0, &offset), -EINVAL);
    assert_int_equal(sys_bitarray_alloc(&array, 235, &offset), -EINVAL);
    assert_int_equal(sys_bitarray_alloc(&array, 1, NULL), -EINVAL);
    assert_int_equal(sys_bitarray_alloc(&array, 234, &offset), 0);
    assert_int_equal(offset, 0);
    assert_int_equal(sys_bitarray_alloc(&array, 1, &offset), -ENOSPC);
    assert_int_equal(sys_bitarray_free(&array, 234, 1), -EINVAL);
    assert_int_equal(sys_bitarray_free(&array, 0, 0), -EINVAL);
    assert_int_equal(sys_bitarray_free(&array, 1, 234), -EINVAL);
    assert_int_equal(sys_bitarray_free(&array, 1, 233), 0);
    assert_int_equal(sys_bitarray_free(&array, 1, 233), -EFAULT);
    assert_int_equal(sys_bitarray_free(&array, 234, 0), -EFAULT);
    assert_true(sys_bitarray_is_region_set(&array, 233, 0));
    assert_int_equal(sys_bitarray_alloc(&array, 1, &offset), 0);
    assert_int_equal(offset, 233);
    assert_int_equal(sys_bitarray_free(&array, 234, 0), 0);
}

/* The array is filled with runs of one length, every other one is freed, and taken again. */
static void runs_of_all_lengths_fill_the_array(void **state)
{
    (void)state;
    for (size_t length = 1; length <= 64; length++) {
        SYS_BITARRAY_DEFINE(array, 234);
        size_t count = 234 / length, offset, left;

        for (size_t i = 0; i < count; i++) {
            assert_int_equal(sys_bitarray_alloc(&array, length, &offset), 0);
            assert_int_equal(offset, i * length);
        }
        assert_int_equal(sys_bitarray_alloc(&array, length, &offset), -ENOSPC);
        for (size_t i = 1; i < count; i += 2) {
            assert_int_equal(sys_bitarray_free(&array, length, i * length), 0);
        }
        assert_int_equal(sys_bitarray_popcount_region(&array, 234, 0, &left), 0);
        assert_int_equal(left, (count + 1) / 2 * length);
        for (size_t i = 1; i < count; i += 2) {
            assert_int_equal(sys_bitarray_alloc(&array, length, &offset), 0);
            assert_int_equal(offset, i * length);
        }
        for (size_t i = count; i-- > 0;) {
            assert_int_equal(sys_bitarray_free(&array, length, i * length), 0);
        }
        assert_true(sys_bitarray_is_region_cleared(&array, 234, 0));
    }
}

/* Gaps that grow: a run is put into the first one that is large enough. */
static void a_run_takes_the_first_gap_that_is_large_enough(void **state)
{
    SYS_BITARRAY_DEFINE(array, 234);
    size_t gap_at[21], at = 0, offset;
    (void)state;

    for (size_t gap = 1; gap <= 20; gap++) {
        assert_int_equal(sys_bitarray_set_bit(&array, at), 0);
        gap_at[gap] = at + 1;
        at += 1 + gap;
    }
    assert_int_equal(at, 230);
    assert_int_equal(sys_bitarray_set_region(&array, 4, at), 0);
    for (size_t length = 20; length >= 1; length--) {
        assert_int_equal(sys_bitarray_alloc(&array, length, &offset), 0);
        assert_int_equal(offset, gap_at[length]);
    }
    assert_true(sys_bitarray_is_region_set(&array, 234, 0));
}

/* --- Counting, finding, inverting --- */

static void set_bits_are_counted(void **state)
{
    SYS_BITARRAY_DEFINE(array, 128);
    size_t count;
    (void)state;

    for (size_t i = 0; i < 4; i++) {
        array.bundles[i] = 0x80000001;
    }
    assert_int_equal(sys_bitarray_popcount_region(&array, 128, 0, &count), 0);
    assert_int_equal(count, 8);
    assert_int_equal(sys_bitarray_popcount_region(&array, 1, 0, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(sys_bitarray_popcount_region(&array, 30, 1, &count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(sys_bitarray_popcount_region(&array, 65, 31, &count), 0);
    assert_int_equal(count, 5);
    assert_int_equal(sys_bitarray_popcount_region(&array, 128, 1, &count), -EINVAL);
    assert_int_equal(sys_bitarray_popcount_region(&array, 0, 0, &count), -EINVAL);
    assert_int_equal(sys_bitarray_popcount_region(&array, 1, 0, NULL), -EINVAL);
}

static void the_nth_set_bit_is_found(void **state)
{
    SYS_BITARRAY_DEFINE(array, 128);
    size_t found = 99;
    (void)state;

    for (size_t i = 0; i < 4; i++) {
        array.bundles[i] = 0x80000001;
    }
    assert_int_equal(sys_bitarray_find_nth_set(&array, 2, 31, 1, &found), 1);
    assert_int_equal(found, 99);
    assert_int_equal(sys_bitarray_find_nth_set(&array, 1, 1, 0, &found), 0);
    assert_int_equal(found, 0);
    assert_int_equal(sys_bitarray_find_nth_set(&array, 2, 32, 0, &found), 0);
    assert_int_equal(found, 31);
    assert_int_equal(sys_bitarray_find_nth_set(&array, 8, 128, 0, &found), 0);
    assert_int_equal(found, 127);
    assert_int_equal(sys_bitarray_find_nth_set(&array, 9, 128, 0, &found), 1);
    assert_int_equal(sys_bitarray_find_nth_set(&array, 1, 128, 1, &found), -EINVAL);
    assert_int_equal(sys_bitarray_find_nth_set(&array, 0, 128, 0, &found), -EINVAL);
    assert_int_equal(sys_bitarray_find_nth_set(&array, 1, 0, 0, &found), -EINVAL);
    for (size_t n = 1; n <= 8; n++) {
        assert_int_equal(sys_bitarray_find_nth_set(&array, n, 128, 0, &found), 0);
        assert_int_equal(found, n / 2 * 32 - (n % 2 == 0));
    }
}

static void regions_are_inverted_by_another_array(void **state)
{
    SYS_BITARRAY_DEFINE(array, 128);
    SYS_BITARRAY_DEFINE(other, 128);
    SYS_BITARRAY_DEFINE(larger, 129);
    (void)state;

    for (size_t i = 0; i < 4; i++) {
        array.bundles[i] = 0xff00ff00;
        other.bundles[i] = 0x0ff00ff0;
    }
    assert_int_equal(sys_bitarray_xor(&array, &larger, 128, 0), -EINVAL);
    assert_int_equal(sys_bitarray_xor(&array, &other, 0, 0), -EINVAL);
    assert_int_equal(sys_bitarray_xor(&array, &other, 128, 1), -EINVAL);
    assert_int_equal(sys_bitarray_xor(&array, &other, 16, 8), 0);
    assert_int_equal(array.bundles[0], 0xfff0f000u);
    assert_int_equal(array.bundles[1], 0xff00ff00u);
    assert_int_equal(sys_bitarray_xor(&array, &other, 16, 8), 0);
    assert_int_equal(array.bundles[0], 0xff00ff00u);
    assert_int_equal(sys_bitarray_xor(&array, &other, 128, 0), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(array.bundles[i], 0xf0f0f0f0u);
        assert_int_equal(other.bundles[i], 0x0ff00ff0u);
    }
}

/* --- Regions --- */

static void regions_are_set_and_cleared(void **state)
{
    SYS_BITARRAY_DEFINE(array, 234);
    (void)state;

    for (size_t length = 1; length <= 234; length++) {
        for (size_t offset = 0; offset + length <= 234; offset += 13) {
            assert_int_equal(sys_bitarray_set_region(&array, length, offset), 0);
            assert_true(sys_bitarray_is_region_set(&array, length, offset));
            assert_false(sys_bitarray_is_region_cleared(&array, length, offset));
            assert_false(sys_bitarray_is_region_set(&array, length + 1, offset));
            assert_true(offset == 0 || sys_bitarray_is_region_cleared(&array, offset, 0));
            assert_true(
                offset + length == 234 ||
                sys_bitarray_is_region_cleared(&array, 234 - offset - length, offset + length));
            assert_int_equal(sys_bitarray_clear_region(&array, length, offset), 0);
            assert_true(sys_bitarray_is_region_cleared(&array, 234, 0));
        }
    }
    assert_int_equal(sys_bitarray_set_region(&array, 0, 0), -EINVAL);
    assert_int_equal(sys_bitarray_set_region(&array, 235, 0), -EINVAL);
    assert_int_equal(sys_bitarray_clear_region(&array, 1, 234), -EINVAL);
    assert_false(sys_bitarray_is_region_set(&array, 235, 0));
    assert_false(sys_bitarray_is_region_cleared(&array, 235, 0));
}

static void regions_are_tested_and_set(void **state)
{
    SYS_BITARRAY_DEFINE(array, 234);
    (void)state;

    assert_int_equal(sys_bitarray_test_and_set_region(&array, 50, 20, true), 0);
    assert_int_equal(sys_bitarray_test_and_set_region(&array, 50, 20, true), -EEXIST);
    assert_int_equal(sys_bitarray_test_and_set_region(&array, 20, 1, true), -EEXIST);
    assert_int_equal(sys_bitarray_test_and_set_region(&array, 51, 20, false), -EEXIST);
    assert_int_equal(sys_bitarray_test_and_set_region(&array, 235, 0, true), -EINVAL);
    assert_int_equal(sys_bitarray_test_and_set_region(&array, 0, 0, true), -EINVAL);
    assert_true(sys_bitarray_is_region_set(&array, 50, 20));
    assert_true(sys_bitarray_is_region_cleared(&array, 20, 0));
    assert_int_equal(sys_bitarray_test_and_set_region(&array, 50, 20, false), 0);
    assert_true(sys_bitarray_is_region_cleared(&array, 234, 0));
}

static void the_first_and_the_last_bit_of_a_word_are_found(void **state)
{
    assert_int_equal(find_lsb_set(0), 0);
    assert_int_equal(find_msb_set(0), 0);
    for (unsigned int low = 0; low < 32; low++) {
        for (unsigned int high = low; high < 32; high++) {
            uint32_t word = (uint32_t)1 << low | (uint32_t)1 << high;

            assert_int_equal(find_lsb_set(word), low + 1);
            assert_int_equal(find_msb_set(word), high + 1);
        }
    }
    assert_int_equal(find_lsb_set(UINT32_MAX), 1);
    assert_int_equal(find_msb_set(UINT32_MAX), 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_rounded_up_to_bundles),
        cmocka_unit_test(bits_lie_in_bundles_lowest_first),
        cmocka_unit_test(first_fit_goes_around_what_is_set),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(runs_of_all_lengths_fill_the_array),
        cmocka_unit_test(a_run_takes_the_first_gap_that_is_large_enough),
        cmocka_unit_test(set_bits_are_counted),
        cmocka_unit_test(the_nth_set_bit_is_found),
        cmocka_unit_test(regions_are_inverted_by_another_array),
        cmocka_unit_test(regions_are_set_and_cleared),
        cmocka_unit_test(regions_are_tested_and_set),
        cmocka_unit_test(the_first_and_the_last_bit_of_a_word_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
