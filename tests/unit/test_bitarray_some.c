/* SPDX-License-Identifier: Apache-2.0 */
/* Claiming and releasing some bits of a bundle, against the bits that a naive search finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/bitarray.h>
#include "core/bitarray.h"
#include "../support/random.h"

#define MOST_BITS 3000u
#define ROUNDS    20000u

static sys_bitarray_t array;
static uint32_t words[QUARRY_BITARRAY_WORDS(MOST_BITS)];
static struct random numbers;

static size_t below(size_t limit)
{
    return (size_t)random_below(&numbers, limit);
}

static bool is_set(size_t bit)
{
    return bitarray_is_bit_set(&array, bit);
}

/* The bits that are to be claimed: in the bundle of the first clear one. */
static size_t expected_bits(size_t from, size_t most, struct bitarray_bits *bits)
{
    size_t count = 0;

    while (from < array.num_bits && is_set(from)) {
        from++;
    }
    *bits = (struct bitarray_bits){from / 32 * 32, 0};
    for (size_t bit = from; bit < array.num_bits && bit / 32 == from / 32 && count < most; bit++) {
        if (!is_set(bit)) {
            bits->mask |= (uint32_t)1 << bit % 32;
            count++;
        }
    }
    return count;
}

static void claim_as_expected(size_t from, size_t most)
{
    struct bitarray_bits bits = {77, 77};
    struct bitarray_bits expected;
    size_t count = expected_bits(from, most, &expected);

    assert_int_equal(bitarray_claim_some(&array, from, most, &bits), count);
    if (count != 0) {
        assert_int_equal(bits.first, expected.first);
        assert_int_equal(bits.mask, expected.mask);
    }
    for (size_t i = 0; i < 32 && count != 0; i++) {
        assert_true((expected.mask >> i & 1) == 0 || is_set(expected.first + i));
    }
}

static void release_some(void)
{
    size_t bundle = below(array.num_bundles);
    size_t left = array.num_bits - bundle * 32;
    uint32_t mask = (uint32_t)random_next(&numbers) & (uint32_t)random_next(&numbers);
    uint32_t before = array.bundles[bundle];

    mask &= left < 32 ? ((uint32_t)1 << left) - 1 : UINT32_MAX;
    mask &= below(8) == 0 ? UINT32_MAX : before; /* mostly bits that are set */
    if (mask != 0) {
        bool all = (before & mask) == mask;
        struct bitarray_bits bits = {bundle * 32, mask};

        assert_int_equal(bitarray_release_some(&array, bits), all);
        assert_int_equal(array.bundles[bundle], all ? before & ~mask : before);
    }
}

static void play(size_t num_bits)
{
    memset(words, 0, sizeof(words));
    assert_int_equal(quarry_bitarray_init(&array, num_bits, words, ARRAY_SIZE(words)), 0);
    for (size_t i = 0; i < scaled_rounds(ROUNDS); i++) {
        size_t from = below(3) == 0 ? below(num_bits + 2) : 0;

        claim_as_expected(from, random_log_uniform(&numbers, 2 * num_bits));
        if (below(3) != 0) {
            release_some();
        }
    }
    assert_true(quarry_bitarray_validate(&array));
}

static void small_arrays(void **state)
{
    for (size_t num_bits = 1; num_bits <= 66; num_bits++) {
        play(num_bits);
    }
}

static void large_arrays(void **state)
{
    play(1000);
    play(Z_BITARRAY_DIRECT_BITS + 1);
    play(MOST_BITS);
}

/* Every word of bits, claimed from, for each number of bits. */
static void all_numbers_of_bits(void **state)
{
    assert_int_equal(quarry_bitarray_init(&array, 32, words, ARRAY_SIZE(words)), 0);
    for (size_t i = 0; i < scaled_rounds(ROUNDS); i++) {
        uint32_t value = (uint32_t)random_next(&numbers) >> below(32);

        for (size_t most = 1; most <= 33; most++) {
            array.bundles[0] = value;
            claim_as_expected(0, most);
            array.bundles[0] = ~value;
            claim_as_expected(below(32), most);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_arrays),
        cmocka_unit_test(large_arrays),
        cmocka_unit_test(all_numbers_of_bits),
    };

    numbers = random_from(random_seed_from_args(argc, argv));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
