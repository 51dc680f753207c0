/* SPDX-License-Identifier: Apache-2.0 */
/* Bit arrays without their lock: what each call of <zephyr/sys/bitarray.h> does to the words.
 *
 * Any of these may come between any two instructions of any other, in whatever thread. All the same
 * no two claims get the same bit, and each bit that is released can be claimed again. What is lost
 * without a lock is that a call on a region in more than one bundle happens at once.
 *
 * Regions must be in the array, unless it is said otherwise: bitarray_has_region tells. */
#ifndef QUARRY_CORE_BITARRAY_H
#define QUARRY_CORE_BITARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/bitarray.h>

/* Whether a region, of any numbers, has bits and all are in the array. */
static inline bool bitarray_has_region(const sys_bitarray_t *bitarray, size_t num_bits,
                                       size_t offset)
{
    return num_bits != 0 && num_bits <= bitarray->num_bits &&
           offset <= bitarray->num_bits - num_bits;
}

/* --- To look --- */

bool bitarray_is_bit_set(const sys_bitarray_t *bitarray, size_t bit);
bool bitarray_is_region_clear(const sys_bitarray_t *bitarray, size_t num_bits, size_t offset);
bool bitarray_is_region_set(const sys_bitarray_t *bitarray, size_t num_bits, size_t offset);
/* Bits that are set. */
size_t bitarray_count_region(const sys_bitarray_t *bitarray, size_t num_bits, size_t offset);
/* False iff fewer than n bits are set; else *found_at is the n-th, 1 being the first. */
bool bitarray_find_nth_set(const sys_bitarray_t *bitarray, size_t n, size_t num_bits, size_t offset,
                           size_t *found_at);

/* False iff no bit is set that is clear in `but`, which has as many bits; else *found_at is the
 * last. */
bool bitarray_find_last_set_but(const sys_bitarray_t *bitarray, const sys_bitarray_t *but,
                                size_t num_bits, size_t offset, size_t *found_at);

/* --- To change, whatever the bits are --- */

/* Each returns whether the bit was set before. */
bool bitarray_set_bit(sys_bitarray_t *bitarray, size_t bit);
bool bitarray_clear_bit(sys_bitarray_t *bitarray, size_t bit);

void bitarray_set_region(sys_bitarray_t *bitarray, size_t num_bits, size_t offset);
void bitarray_clear_region(sys_bitarray_t *bitarray, size_t num_bits, size_t offset);
/* `other` has as many bits, or is the same array. */
void bitarray_xor(sys_bitarray_t *bitarray, const sys_bitarray_t *other, size_t num_bits,
                  size_t offset);

/* --- To claim and to release --- */

/* Sets the bits if all are clear; else false, and nothing has changed. */
bool bitarray_claim(sys_bitarray_t *bitarray, size_t num_bits, size_t offset);
/* Clears the bits if all are set; else false, and nothing has changed. */
bool bitarray_release(sys_bitarray_t *bitarray, size_t num_bits, size_t offset);
/* Claims the lowest run of so many clear bits, of any number. False iff there is none. */
bool bitarray_claim_lowest_run(sys_bitarray_t *bitarray, size_t num_bits, size_t *offset);
/* Claims bits of the lowest run of clear bits at or after `from`, any number: at least one and at
 * most `most`, which is not 0, and no more than lie in one bundle. Returns how many, *offset being
 * the first; 0 if there is no clear bit. */
size_t bitarray_claim_next(sys_bitarray_t *bitarray, size_t from, size_t most, size_t *offset);

/* Some bits in one bundle: bit i of the mask stands for bit `first` + i, where a bundle begins. */
struct bitarray_bits {
    size_t first;
    uint32_t mask;
};

/* Claims bits of the lowest bundle that has clear ones at or after `from`, any number: the lowest
 * ones, at most `most`, which is not 0. Returns how many; 0 if there is no clear bit. */
size_t bitarray_claim_some(sys_bitarray_t *bitarray, size_t from, size_t most,
                           struct bitarray_bits *claimed);
/* Clears the bits if all are set; else false, and nothing has changed. The mask is not 0. */
bool bitarray_release_some(sys_bitarray_t *bitarray, struct bitarray_bits bits);

/* --- Beginning, and forks --- */

/* Makes an array with all bits clear, but for its lock. The storage is as large as
 * QUARRY_BITARRAY_WORDS says. */
void bitarray_make(sys_bitarray_t *bitarray, uint32_t num_bits, uint32_t *storage);
/* The same in memory that is all zeros, which is not touched. */
void bitarray_make_of_zeros(sys_bitarray_t *bitarray, uint32_t num_bits, uint32_t *zeros);
/* To be called in the child of a fork before its first other call: another thread may have been in
 * the middle of one. O(bits / 64) if there is a summary, else nothing. */
void bitarray_mend(sys_bitarray_t *bitarray);
/* Whether the summary, if any, is right. Nobody may use the array meanwhile. O(bits / 64). */
bool bitarray_validate(const sys_bitarray_t *bitarray);

#endif
