/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What Quarry's bit arrays offer beyond Zephyr's API: arrays that are made at run time, and a look
 * at all of one.
 *
 * Source: Quarry.
 */
#ifndef QUARRY_BITARRAY_H_
#define QUARRY_BITARRAY_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/bitarray.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** Words of 32 bits that an array of so many bits needs, 1 to 2^32 - 1: for its bits, and for the
 *  summary of a large one. A constant if @p num_bits is. */
#define QUARRY_BITARRAY_WORDS(num_bits)                                                            \
    (Z_BITARRAY_BUNDLES((size_t)(num_bits)) +                                                      \
     ((num_bits) > Z_BITARRAY_DIRECT_BITS                                                          \
          ? (Z_BITARRAY_SUMMARY_WORDS(num_bits) + 1) * (sizeof(uintptr_t) / 4) - 1                 \
          : 0))

/**
 * Makes a bit array, all bits clear.
 *
 * @param bitarray      the array; what it was before is lost
 * @param num_bits      bits, 1 to 2^32 - 1
 * @param storage       memory that the array keeps
 * @param storage_words its size in words of 32 bits; what is more than
 *                      QUARRY_BITARRAY_WORDS(num_bits) stays untouched
 * @return 0; -EINVAL iff an argument is NULL, @p num_bits is none of these or @p storage is too
 *         small: then nothing has changed
 *
 * Cost: O(num_bits). Blocks: never. Threads: nobody may use the array meanwhile.
 * Signals: as with threads.
 */
int quarry_bitarray_init(sys_bitarray_t *bitarray, size_t num_bits, uint32_t *storage,
                         size_t storage_words);

/**
 * Tells whether a bit array's summary calls nothing full that is not. One without a summary is
 * always right.
 *
 * @param bitarray the array
 * @return false iff bits were cleared past the functions, or something else wrote to its memory
 *
 * Cost: O(num_bits), under the lock. Blocks: for the lock. Threads: any at the same time.
 * Signals: not from a handler that may have interrupted a call on the array: false means nothing
 *          then.
 */
bool quarry_bitarray_validate(sys_bitarray_t *bitarray);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
