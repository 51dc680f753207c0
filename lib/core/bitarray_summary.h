/* SPDX-License-Identifier: Apache-2.0 */
/* What a large bit array knows of its full parts: see bitarray_summary.c. An array may
 * have no summary: what may be called all the same says so. */
#ifndef QUARRY_CORE_BITARRAY_SUMMARY_H
#define QUARRY_CORE_BITARRAY_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <zephyr/sys/bitarray.h>

void summary_clear(sys_bitarray_t *bitarray, size_t first_unit, size_t last_unit);
void summary_set(sys_bitarray_t *bitarray, size_t first_unit, size_t last_unit);

/* To be called after bits of these units were cleared, of any array. */
static inline void summary_note_cleared(sys_bitarray_t *bitarray, size_t first_unit,
                                        size_t last_unit)
{
    if (bitarray->summary != NULL) {
        summary_clear(bitarray, first_unit, last_unit);
    }
}

/* To be called after bits of these units were set, of any array: looks which are full now. */
static inline void summary_note_set(sys_bitarray_t *bitarray, size_t first_unit, size_t last_unit)
{
    if (bitarray->summary != NULL) {
        summary_set(bitarray, first_unit, last_unit);
    }
}

/* The lowest unit from `unit` on, which there may not be, that is not known to be full; the number
 * of units if there is none. */
size_t summary_next_open(sys_bitarray_t *bitarray, size_t unit);

/* Of any array: whether nothing is called full that is not. Nobody may use it meanwhile.
 * O(bits / 64). */
bool summary_is_right(const sys_bitarray_t *bitarray);
/* Makes it so. O(bits / 64). */
void summary_mend(sys_bitarray_t *bitarray);

#endif
