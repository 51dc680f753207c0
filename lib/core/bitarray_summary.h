/* SPDX-License-Identifier: Apache-2.0 */
/* What a large bit array knows of its full parts: see bitarray_summary.c. All of this does nothing
 * to an array that has no summary. */
#ifndef QUARRY_CORE_BITARRAY_SUMMARY_H
#define QUARRY_CORE_BITARRAY_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <zephyr/sys/bitarray.h>

/* To be called after bits of these units were cleared. */
void summary_note_cleared(sys_bitarray_t *bitarray, size_t first_unit, size_t last_unit);
/* To be called after bits of these units were set: looks which of them are full now. */
void summary_note_set(sys_bitarray_t *bitarray, size_t first_unit, size_t last_unit);

/* The lowest unit from `unit` on, which there may not be, that is not known to be full; the number
 * of units if there is none. */
size_t summary_next_open(sys_bitarray_t *bitarray, size_t unit);

/* Whether nothing is called full that is not. Nobody may use the array meanwhile. O(bits / 64). */
bool summary_is_right(const sys_bitarray_t *bitarray);
/* Makes it so. O(bits / 64). */
void summary_mend(sys_bitarray_t *bitarray);

#endif
