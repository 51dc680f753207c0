/* SPDX-License-Identifier: Apache-2.0 */
/* Searching bit arrays for clear bits: one, the lowest run of up to 64, the lowest long run; and
 * for the last bit that is set in one array and not in another.
 *
 * Short runs. Units are looked at one after the other; of each, three places may hold the run:
 *
 *    |         ...00 | 000.1..000000..1.00 |
 *                <------>                        what ends the units before, and begins this one
 *                            <---->              inside: shifted ANDs leave a bit where runs begin
 *                                        <->     what ends this one is kept for the next
 *
 * Long runs, of more bits than a unit has. A candidate is looked at from its end: the highest bit
 * set in it rules out all that begin before, and what lies behind is known to be clear already:
 *
 *    | 0000000000001000000000000 |                the candidate; the bit set at p
 *                   |<---------->?????????????|   the next one begins at p + 1; only "?" is looked
 * at
 *
 * So no unit is looked at twice, and most of a fragmented array is not looked at at all.
 *
 * Full units are passed over by the summary, if there is one. Invariant: what is found is lowest at
 * the moment of each look. Who claims it makes sure that it is still clear, and if not, goes on
 * from there. */
#include "core/bitarray.h"

#include "core/bitarray_summary.h"
#include "core/bitarray_words.h"
#include "core/bits.h"

#define NOT_FOUND SIZE_MAX

/* The lowest unit from `unit` on that is not full, and its value; NOT_FOUND if there is none. */
static size_t next_open_unit(sys_bitarray_t *bitarray, size_t unit, uint64_t *value)
{
    size_t count = unit_count(bitarray);

    while (bitarray->summary == NULL && unit < count) {
        *value = unit_load(bitarray, unit);
        if (*value != UNIT_FULL) {
            return unit;
        }
        unit++;
    }
    while (unit < count) {
        unit = summary_next_open(bitarray, unit);
        if (unit >= count) {
            break;
        }
        *value = unit_load(bitarray, unit);
        if (*value != UNIT_FULL) {
            return unit;
        }
        summary_note_set(bitarray, unit, unit); /* nobody has told the summary so far */
        unit++;
    }
    return NOT_FOUND;
}

/* The lowest clear bit from `from` on, which is in the array. */
static size_t next_clear(sys_bitarray_t *bitarray, size_t from)
{
    size_t unit = from / UNIT_BITS;
    uint64_t value = unit_load(bitarray, unit);
    uint64_t clear = ~value & UNIT_FULL << from % UNIT_BITS;

    if (clear == 0) {
        unit = next_open_unit(bitarray, unit + 1, &value);
        if (unit == NOT_FOUND) {
            return NOT_FOUND;
        }
        clear = ~value;
    }
    return unit * UNIT_BITS + unit_lowest(clear);
}

size_t bitarray_claim_next(sys_bitarray_t *bitarray, size_t from, size_t most, size_t *offset)
{
    while (from < bitarray->num_bits) {
        size_t bit = next_clear(bitarray, from);
        if (bit == NOT_FOUND) {
            return 0;
        }
        size_t bundle = bit / BUNDLE_BITS, left = bitarray->num_bits - bit;
        unsigned int position = (unsigned int)(bit % BUNDLE_BITS);
        uint32_t before = bundle_load(bitarray, bundle);
        /* From bit 0: the first bit set here ends the run; the highest one ends the bundle. */
        uint64_t ends = (uint64_t)before >> position | (uint64_t)1 << (BUNDLE_BITS - position);
        size_t run = unit_lowest(ends);
        run = run < left ? run : left;
        run = run < most ? run : most;
        uint32_t mask = (uint32_t)(((uint64_t)1 << run) - 1) << position;

        if (run > 0 && bundle_swap(bitarray, bundle, &before, before | mask)) {
            if (bundle_is_full(bitarray, bundle, before | mask)) {
                summary_note_set(bitarray, bundle / 2, bundle / 2);
            }
            *offset = bit;
            return run;
        }
        from = bit;
    }
    return 0;
}

/* The lowest bits of `bits`, which is not 0: as many as there are, at most `most`. */
static uint32_t lowest_of(uint32_t bits, size_t most)
{
    uint32_t lowest = 0;

    if (most >= BUNDLE_BITS) {
        return bits;
    }
    uint32_t run = (((uint32_t)1 << most) - 1) << lowest_bit(bits);
    if ((bits & run) == run) { /* of so many, or of all that there are */
        return run;
    }
    for (; most > 0 && bits != 0; most--) {
        lowest |= bits & (0 - bits);
        bits &= bits - 1;
    }
    return lowest;
}

size_t bitarray_claim_some(sys_bitarray_t *bitarray, size_t from, size_t most,
                           struct bitarray_bits *claimed)
{
    while (from < bitarray->num_bits) {
        size_t bit = next_clear(bitarray, from);
        if (bit == NOT_FOUND) {
            return 0;
        }
        size_t bundle = bit / BUNDLE_BITS;
        uint32_t before = bundle_load(bitarray, bundle);
        uint32_t clear = ~before & bundle_mask(bundle, bit, bitarray->num_bits - 1);
        uint32_t mask = clear == 0 ? 0 : lowest_of(clear, most);

        if (mask != 0 && bundle_swap(bitarray, bundle, &before, before | mask)) {
            if (bundle_is_full(bitarray, bundle, before | mask)) {
                summary_note_set(bitarray, bundle / 2, bundle / 2);
            }
            *claimed = (struct bitarray_bits){bundle * BUNDLE_BITS, mask};
            return most == 1 ? 1 : count_bits(mask);
        }
        from = bit;
    }
    return 0;
}

/* --- Runs of at most a unit --- */

/* The bits at which so many ones in a row begin. */
static uint64_t beginnings_of_runs(uint64_t ones, size_t length)
{
    size_t known = 1; /* each bit of `ones` has so many in a row */

    while (known < length && ones != 0) {
        size_t step = known < length - known ? known : length - known;

        ones &= ones >> step;
        known += step;
    }
    return ones;
}

static size_t find_short_run(sys_bitarray_t *bitarray, size_t num_bits, size_t from)
{
    size_t count = unit_count(bitarray);
    size_t unit = from / UNIT_BITS;
    size_t before = 0; /* clear bits that end the units before */
    uint64_t value = unit_load(bitarray, unit) | ~(UNIT_FULL << from % UNIT_BITS);

    for (;;) {
        if (value == UNIT_FULL) {
            unit = next_open_unit(bitarray, unit + 1, &value);
            if (unit == NOT_FOUND) {
                return NOT_FOUND;
            }
            before = 0;
        }
        if (value == 0 || before + unit_lowest(value) >= num_bits) {
            return unit * UNIT_BITS - before;
        }
        uint64_t beginnings = beginnings_of_runs(~value, num_bits);
        if (beginnings != 0) {
            return unit * UNIT_BITS + unit_lowest(beginnings);
        }
        before = UNIT_BITS - 1 - unit_highest(value);
        if (++unit == count) {
            return NOT_FOUND;
        }
        value = unit_load(bitarray, unit);
    }
}

/* --- Longer runs --- */

/* The highest bit set from `first` to before `end`, which are different, that is not set in `but`,
 * if there is such an array; or NOT_FOUND. */
static inline size_t highest_set(const sys_bitarray_t *bitarray, const sys_bitarray_t *but,
                                 size_t first, size_t end)
{
    size_t unit = (end - 1) / UNIT_BITS;

    for (;;) {
        uint64_t value = unit_load(bitarray, unit) & unit_mask(unit, first, end - 1);

        if (but != NULL) {
            value &= ~unit_load(but, unit);
        }
        if (value != 0) {
            return unit * UNIT_BITS + unit_highest(value);
        }
        if (unit == first / UNIT_BITS) {
            return NOT_FOUND;
        }
        unit--;
    }
}

bool bitarray_find_last_set_but(const sys_bitarray_t *bitarray, const sys_bitarray_t *but,
                                size_t num_bits, size_t offset, size_t *found_at)
{
    size_t bit = highest_set(bitarray, but, offset, offset + num_bits);

    if (bit == NOT_FOUND) {
        return false;
    }
    *found_at = bit;
    return true;
}

static size_t find_long_run(sys_bitarray_t *bitarray, size_t num_bits, size_t from)
{
    size_t start = next_clear(bitarray, from);
    size_t unknown = start; /* what lies before, from `start` on, is clear */

    while (start != NOT_FOUND && num_bits <= bitarray->num_bits - start) {
        size_t end = start + num_bits;
        size_t bit = highest_set(bitarray, NULL, unknown, end);

        if (bit == NOT_FOUND) {
            return start;
        }
        start = bit + 1;
        unknown = end;
        if (start == end) {
            if (end == bitarray->num_bits) {
                break;
            }
            start = unknown = next_clear(bitarray, end);
        }
    }
    return NOT_FOUND;
}

/* --- Of any length --- */

bool bitarray_claim_lowest_run(sys_bitarray_t *bitarray, size_t num_bits, size_t *offset)
{
    size_t from = 0;

    if (num_bits == 1) {
        return bitarray_claim_next(bitarray, 0, 1, offset) == 1;
    }
    while (bitarray_has_region(bitarray, num_bits, from)) {
        size_t found = num_bits <= UNIT_BITS ? find_short_run(bitarray, num_bits, from)
                                             : find_long_run(bitarray, num_bits, from);
        if (found == NOT_FOUND) {
            return false;
        }
        if (bitarray_claim(bitarray, num_bits, found)) {
            *offset = found;
            return true;
        }
        from = found;
    }
    return false;
}
