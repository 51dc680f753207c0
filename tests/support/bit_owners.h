/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns which bit of an array: whoever allocates bits finds out at once if somebody else has one
 * of them. For threads and signal handlers. */
#ifndef QUARRY_TESTS_BIT_OWNERS_H
#define QUARRY_TESTS_BIT_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <zephyr/sys/bitarray.h>

#define BIT_OWNERS_MAX 8192u /* bits of an array */

struct bit_run {
    size_t length; /* 0: none */
    size_t offset;
};

/* Nobody owns anything, and nothing was wrong so far. */
void bit_owners_begin(void);

/* Allocates a run and notes it. A run of length 0 if there are no such bits. */
struct bit_run bit_owners_take(sys_bitarray_t *bitarray, size_t length);
/* Frees a run, if it is one. */
void bit_owners_give(sys_bitarray_t *bitarray, struct bit_run *run);

/* Whether no bit had two owners, none was cleared by somebody else, and each could be freed. */
bool bit_owners_were_right(void);

/* Whether each bit of an array that nobody uses can be allocated, or is set. Allocates them all. */
bool bit_owners_find_all(sys_bitarray_t *bitarray);

#endif
