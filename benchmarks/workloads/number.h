/* SPDX-License-Identifier: Apache-2.0 */
/* Natural numbers of any size, each a block of its own: 8 bytes and up, which live for one step of
 * a computation. Numbers do not change; every function that gives one allocates it, and nobody but
 * number_free frees one. */
#ifndef QUARRY_WORKLOADS_NUMBER_H
#define QUARRY_WORKLOADS_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct number {
    uint32_t count;    /* of digits; the last is not 0. Zero has none */
    uint32_t digits[]; /* to base 2^32, least first; one more, unused, if the number is zero */
};

/* Calls of malloc and free of this thread so far. */
extern _Thread_local uint64_t number_operations;

struct number *number_of(uint64_t value);
struct number *number_copy(const struct number *number);

/* The block's contents are looked at: they are a number, or the workload ends. */
void number_free(struct number *number);

/* True iff the number is below 2^64, which `value` then has. */
bool number_value(const struct number *number, uint64_t *value);

/* Below 0, 0 or above, as a is less than, equal to or greater than b. */
int number_compare(const struct number *a, const struct number *b);

/* Digits in binary; 0 for zero. */
size_t number_bits(const struct number *number);

struct number *number_add(const struct number *a, const struct number *b);
struct number *number_subtract(const struct number *a, const struct number *b); /* a >= b */
struct number *number_multiply(const struct number *a, const struct number *b);

/* a / b rounded down; if `remainder` is not NULL it gets the rest. b is not zero. */
struct number *number_divide(const struct number *a, const struct number *b,
                             struct number **remainder);
struct number *number_remainder(const struct number *a, const struct number *b);

/* The rest alone, without a block. */
uint32_t number_remainder_small(const struct number *number, uint32_t divisor);

struct number *number_greatest_common_divisor(const struct number *a, const struct number *b);
struct number *number_square_root(const struct number *number); /* rounded down */

#endif
