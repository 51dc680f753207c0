/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic at its boundaries. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "core/bits.h"

static void logarithms_of_32_bits(void **state)
{
    for (unsigned int bit = 0; bit < 32; bit++) {
        uint32_t power = (uint32_t)1 << bit;

        assert_int_equal(floor_log2(power), bit);
        assert_int_equal(lowest_bit(power), bit);
        assert_int_equal(floor_log2(power | (power - 1)), bit);
        assert_int_equal(lowest_bit(power | (uint32_t)1 << 31), bit);
        if (bit > 0) {
            assert_int_equal(floor_log2(power - 1), bit - 1);
            assert_int_equal(lowest_bit(power - 1), 0);
        }
    }
    assert_int_equal(floor_log2(UINT32_MAX), 31);
    assert_int_equal(lowest_bit(UINT32_MAX), 0);
}

static void mask_has_the_bits_above(void **state)
{
    for (unsigned int bit = 0; bit < 32; bit++) {
        for (unsigned int other = 0; other < 32; other++) {
            assert_int_equal(bits_above(bit) >> other & 1, other > bit);
        }
    }
    assert_int_equal(bits_above(31), 0);
    assert_int_equal(bits_above(0), UINT32_MAX - 1);
}

static void powers_of_two_are_told_from_others(void **state)
{
    assert_false(is_power_of_two(0));
    assert_false(is_power_of_two(SIZE_MAX));
    for (size_t power = 1; power != 0; power *= 2) {
        assert_true(is_power_of_two(power));
        assert_int_equal(lowest_power_of_two(power), power);
        assert_int_equal(lowest_power_of_two(power | (SIZE_MAX / 2 + 1)), power);
        if (power > 2) {
            assert_false(is_power_of_two(power - 1));
            assert_false(is_power_of_two(power + 1));
        }
    }
    assert_int_equal(lowest_power_of_two(0), 0);
    assert_int_equal(lowest_power_of_two(SIZE_MAX), 1);
}

static void rounding_meets_the_multiples(void **state)
{
    for (size_t align = 1; align != 0; align *= 2) {
        assert_int_equal(round_up(0, align), 0);
        assert_int_equal(round_up(1, align), align);
        assert_int_equal(round_up(align, align), align);
        assert_int_equal(round_down(align - 1, align), 0);
        assert_int_equal(round_down(align, align), align);
        assert_int_equal(round_down(SIZE_MAX, align), SIZE_MAX - (align - 1));
        assert_int_equal(round_up(SIZE_MAX - (align - 1), align), SIZE_MAX - (align - 1));
        if (align > 1) {
            assert_int_equal(round_up(SIZE_MAX, align), 0); /* as the header says */
        }
    }
}

static void sums_are_checked(void **state)
{
    size_t out = 7;

    assert_true(size_add(SIZE_MAX, 0, &out));
    assert_int_equal(out, SIZE_MAX);
    assert_true(size_add(SIZE_MAX / 2, SIZE_MAX / 2 + 1, &out));
    assert_int_equal(out, SIZE_MAX);
    assert_false(size_add(SIZE_MAX, 1, &out));
    assert_false(size_add(SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 1, &out));
    assert_false(size_add(SIZE_MAX, SIZE_MAX, &out));
}

static void products_are_checked(void **state)
{
    const size_t half = (size_t)1 << sizeof(size_t) * CHAR_BIT / 2;
    size_t out = 7;

    assert_true(size_multiply(0, SIZE_MAX, &out));
    assert_int_equal(out, 0);
    assert_true(size_multiply(1, SIZE_MAX, &out));
    assert_int_equal(out, SIZE_MAX);
    assert_true(size_multiply(half, half - 1, &out));
    assert_int_equal(out, SIZE_MAX - half + 1);
    assert_false(size_multiply(half, half, &out));
    assert_false(size_multiply(3, SIZE_MAX / 3 + 1, &out));
    assert_false(size_multiply(SIZE_MAX, SIZE_MAX, &out));
}

static void rounding_up_is_checked(void **state)
{
    size_t out = 7;

    for (size_t align = 1; align != 0; align *= 2) {
        assert_true(size_round_up(0, align, &out));
        assert_int_equal(out, 0);
        assert_true(size_round_up(SIZE_MAX - (align - 1), align, &out));
        assert_int_equal(out, SIZE_MAX - (align - 1));
        assert_int_equal(size_round_up(SIZE_MAX, align, &out), align == 1);
        if (align > 1) {
            assert_false(size_round_up(SIZE_MAX - (align - 2), align, &out));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logarithms_of_32_bits),
        cmocka_unit_test(mask_has_the_bits_above),
        cmocka_unit_test(powers_of_two_are_told_from_others),
        cmocka_unit_test(rounding_meets_the_multiples),
        cmocka_unit_test(sums_are_checked),
        cmocka_unit_test(products_are_checked),
        cmocka_unit_test(rounding_up_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
