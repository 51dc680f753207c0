/* SPDX-License-Identifier: Apache-2.0 */
/* Regions of bit arrays: looked at, set, cleared, claimed and released, a word at a time.
 *
 *    | ...XXXXX | XXXXXXXX | XX...... |     a region, in the first, the inner and the last bundle
 *
 * Claiming is setting bits that were clear. In one bundle it is one swap of the whole word. In
 * several it is, after a look whether all is clear, one atomic OR for each unit or bundle, which
 * tells what was there:
 *
 *   1. who finds that a bit was set in between takes back the bits that it did set, and no others.
 *
 * Releasing is the same the other way round. So of two who want the same bit one fails, also if
 * neither has the lock; and if both want several bundles, both may fail.
 *
 *   2. Whoever clears bits tells the summary afterwards, and so does who sets bits, if that may
 *      have filled a unit.
 *
 * Not promised: that what a signal handler or a child of a fork sees in between is all or nothing.
 */
#include "core/bitarray.h"

#include <string.h>

#include "core/bitarray_summary.h"
#include "core/bitarray_words.h"

/* --- To look --- */

bool bitarray_is_bit_set(const sys_bitarray_t *bitarray, size_t bit)
{
    uint32_t value = __atomic_load_n(&bitarray->bundles[bit / BUNDLE_BITS], __ATOMIC_ACQUIRE);

    return (value >> bit % BUNDLE_BITS & 1) != 0;
}

/* Whether all bits of a region are 0 once each bundle is XORed with `inverted`. */
static bool is_zero(const sys_bitarray_t *bitarray, size_t num_bits, size_t offset,
                    uint32_t inverted)
{
    size_t last_bit = offset + (num_bits - 1);
    size_t first = offset / BUNDLE_BITS, last = last_bit / BUNDLE_BITS;

    if (((bundle_load(bitarray, first) ^ inverted) & bundle_mask(first, offset, last_bit)) != 0) {
        return false;
    }
    for (size_t bundle = first + 1; bundle < last; bundle++) {
        if (bundle_load(bitarray, bundle) != inverted) {
            return false;
        }
    }
    return ((bundle_load(bitarray, last) ^ inverted) & bundle_mask(last, offset, last_bit)) == 0;
}

bool bitarray_is_region_clear(const sys_bitarray_t *bitarray, size_t num_bits, size_t offset)
{
    return is_zero(bitarray, num_bits, offset, 0);
}

bool bitarray_is_region_set(const sys_bitarray_t *bitarray, size_t num_bits, size_t offset)
{
    return is_zero(bitarray, num_bits, offset, BUNDLE_FULL);
}

size_t bitarray_count_region(const sys_bitarray_t *bitarray, size_t num_bits, size_t offset)
{
    size_t last_bit = offset + (num_bits - 1);
    size_t count = 0;

    for (size_t unit = offset / UNIT_BITS; unit <= last_bit / UNIT_BITS; unit++) {
        count += count_bits(unit_load(bitarray, unit) & unit_mask(unit, offset, last_bit));
    }
    return count;
}

/* The position of the n-th bit that is set, 1 being the first; there are as many. Halves the part
 * that it must be in. */
static unsigned int select_bit(uint64_t value, unsigned int n)
{
    unsigned int position = 0;

    for (unsigned int width = UNIT_BITS / 2; width > 0; width /= 2) {
        uint64_t low = value & ((UINT64_C(1) << width) - 1);
        unsigned int count = count_bits(low);

        if (n > count) {
            n -= count;
            position += width;
            value >>= width;
        } else {
            value = low;
        }
    }
    return position;
}

bool bitarray_find_nth_set(const sys_bitarray_t *bitarray, size_t n, size_t num_bits, size_t offset,
                           size_t *found_at)
{
    size_t last_bit = offset + (num_bits - 1);

    for (size_t unit = offset / UNIT_BITS; unit <= last_bit / UNIT_BITS; unit++) {
        uint64_t value = unit_load(bitarray, unit) & unit_mask(unit, offset, last_bit);
        unsigned int count = count_bits(value);

        if (n <= count) {
            *found_at = unit * UNIT_BITS + select_bit(value, (unsigned int)n);
            return true;
        }
        n -= count;
    }
    return false;
}

/* --- Bits --- */

bool bitarray_set_bit(sys_bitarray_t *bitarray, size_t bit)
{
    size_t bundle = bit / BUNDLE_BITS;
    uint32_t mask = (uint32_t)1 << bit % BUNDLE_BITS;
    uint32_t before = bundle_set(bitarray, bundle, mask);

    if (bundle_is_full(bitarray, bundle, before | mask)) {
        summary_note_set(bitarray, bit / UNIT_BITS, bit / UNIT_BITS);
    }
    return (before & mask) != 0;
}

bool bitarray_clear_bit(sys_bitarray_t *bitarray, size_t bit)
{
    uint32_t mask = (uint32_t)1 << bit % BUNDLE_BITS;
    uint32_t before = bundle_clear(bitarray, bit / BUNDLE_BITS, mask);

    summary_note_cleared(bitarray, bit / UNIT_BITS, bit / UNIT_BITS);
    return (before & mask) != 0;
}

/* --- Regions, whatever they are --- */

void bitarray_set_region(sys_bitarray_t *bitarray, size_t num_bits, size_t offset)
{
    size_t last_bit = offset + (num_bits - 1);

    for (size_t unit = offset / UNIT_BITS; unit <= last_bit / UNIT_BITS; unit++) {
        unit_set(bitarray, unit, unit_mask(unit, offset, last_bit));
    }
    summary_note_set(bitarray, offset / UNIT_BITS, last_bit / UNIT_BITS);
}

void bitarray_clear_region(sys_bitarray_t *bitarray, size_t num_bits, size_t offset)
{
    size_t last_bit = offset + (num_bits - 1);

    for (size_t unit = offset / UNIT_BITS; unit <= last_bit / UNIT_BITS; unit++) {
        unit_clear(bitarray, unit, unit_mask(unit, offset, last_bit));
    }
    summary_note_cleared(bitarray, offset / UNIT_BITS, last_bit / UNIT_BITS);
}

void bitarray_xor(sys_bitarray_t *bitarray, const sys_bitarray_t *other, size_t num_bits,
                  size_t offset)
{
    size_t last_bit = offset + (num_bits - 1);

    for (size_t bundle = offset / BUNDLE_BITS; bundle <= last_bit / BUNDLE_BITS; bundle++) {
        uint32_t value = bundle_load(other, bundle) & bundle_mask(bundle, offset, last_bit);

        if (value != 0) {
            __atomic_fetch_xor(&bitarray->bundles[bundle], value, __ATOMIC_SEQ_CST);
        }
    }
    summary_note_cleared(bitarray, offset / UNIT_BITS, last_bit / UNIT_BITS);
    summary_note_set(bitarray, offset / UNIT_BITS, last_bit / UNIT_BITS);
}

/* --- Claiming --- */

static bool claim_in_bundle(sys_bitarray_t *bitarray, size_t bundle, uint32_t mask)
{
    uint32_t before = bundle_load(bitarray, bundle);

    do {
        if ((before & mask) != 0) {
            return false;
        }
    } while (!bundle_swap(bitarray, bundle, &before, before | mask));
    if (bundle_is_full(bitarray, bundle, before | mask)) {
        summary_note_set(bitarray, bundle / 2, bundle / 2);
    }
    return true;
}

/* The region from `offset` up to a unit, of which there may be nothing. */
static void clear_before(sys_bitarray_t *bitarray, size_t offset, size_t unit)
{
    if (unit > offset / UNIT_BITS) {
        bitarray_clear_region(bitarray, unit * UNIT_BITS - offset, offset);
    }
}

bool bitarray_claim(sys_bitarray_t *bitarray, size_t num_bits, size_t offset)
{
    size_t last_bit = offset + (num_bits - 1), bundle = offset / BUNDLE_BITS;

    if (bundle == last_bit / BUNDLE_BITS) {
        return claim_in_bundle(bitarray, bundle, bundle_mask(bundle, offset, last_bit));
    }
    if (!bitarray_is_region_clear(bitarray, num_bits, offset)) {
        return false;
    }
    for (size_t unit = offset / UNIT_BITS; unit <= last_bit / UNIT_BITS; unit++) {
        uint64_t mask = unit_mask(unit, offset, last_bit);
        uint64_t lost = unit_set(bitarray, unit, mask);

        if (__builtin_expect(lost != 0, 0)) {
            unit_clear(bitarray, unit, mask & ~lost); /* rule 1 */
            summary_note_cleared(bitarray, unit, unit);
            clear_before(bitarray, offset, unit);
            return false;
        }
    }
    summary_note_set(bitarray, offset / UNIT_BITS, last_bit / UNIT_BITS);
    return true;
}

/* --- Releasing --- */

static bool release_in_bundle(sys_bitarray_t *bitarray, size_t bundle, uint32_t mask)
{
    uint32_t before = bundle_load(bitarray, bundle);

    do {
        if ((before & mask) != mask) {
            return false;
        }
    } while (!bundle_swap(bitarray, bundle, &before, before & ~mask));
    summary_note_cleared(bitarray, bundle / 2, bundle / 2);
    return true;
}

static void set_before(sys_bitarray_t *bitarray, size_t offset, size_t unit)
{
    if (unit > offset / UNIT_BITS) {
        bitarray_set_region(bitarray, unit * UNIT_BITS - offset, offset);
    }
}

bool bitarray_release(sys_bitarray_t *bitarray, size_t num_bits, size_t offset)
{
    size_t last_bit = offset + (num_bits - 1), bundle = offset / BUNDLE_BITS;

    if (bundle == last_bit / BUNDLE_BITS) {
        return release_in_bundle(bitarray, bundle, bundle_mask(bundle, offset, last_bit));
    }
    if (!bitarray_is_region_set(bitarray, num_bits, offset)) {
        return false;
    }
    for (size_t unit = offset / UNIT_BITS; unit <= last_bit / UNIT_BITS; unit++) {
        uint64_t mask = unit_mask(unit, offset, last_bit);
        uint64_t cleared = unit_clear(bitarray, unit, mask);

        if (__builtin_expect(cleared != mask, 0)) {
            unit_set(bitarray, unit, cleared);
            summary_note_cleared(bitarray, unit, unit);
            set_before(bitarray, offset, unit);
            return false;
        }
    }
    summary_note_cleared(bitarray, offset / UNIT_BITS, last_bit / UNIT_BITS);
    return true;
}

bool bitarray_release_some(sys_bitarray_t *bitarray, struct bitarray_bits bits)
{
    return release_in_bundle(bitarray, bits.first / BUNDLE_BITS, bits.mask);
}

/* --- Beginning, and forks --- */

/* Where the summary begins in what follows the bundles. */
static uintptr_t *summary_in(uint32_t *behind_bundles)
{
    const uintptr_t align = sizeof(uintptr_t) - 1;

    return (uintptr_t *)(void *)((char *)behind_bundles + (-(uintptr_t)behind_bundles & align));
}

void bitarray_make_of_zeros(sys_bitarray_t *bitarray, uint32_t num_bits, uint32_t *zeros)
{
    size_t bundles = Z_BITARRAY_BUNDLES(num_bits);

    memset(bitarray, 0, sizeof(*bitarray));
    bitarray->num_bits = num_bits;
    bitarray->num_bundles = (uint32_t)bundles;
    bitarray->bundles = zeros;
    if (num_bits > Z_BITARRAY_DIRECT_BITS) {
        bitarray->summary = summary_in(zeros + bundles);
    }
}

void bitarray_make(sys_bitarray_t *bitarray, uint32_t num_bits, uint32_t *storage)
{
    bitarray_make_of_zeros(bitarray, num_bits, storage);
    memset(storage, 0, bitarray->num_bundles * sizeof(*storage));
    if (bitarray->summary != NULL) {
        memset(bitarray->summary, 0, Z_BITARRAY_SUMMARY_WORDS(num_bits) * sizeof(uintptr_t));
    }
}

void bitarray_mend(sys_bitarray_t *bitarray)
{
    summary_mend(bitarray);
}

bool bitarray_validate(const sys_bitarray_t *bitarray)
{
    return summary_is_right(bitarray);
}
