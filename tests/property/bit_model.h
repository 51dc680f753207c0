/* SPDX-License-Identifier: Apache-2.0 */
/* What a bit array should do, the slow and obvious way: a byte for each bit. */
#ifndef QUARRY_TESTS_BIT_MODEL_H
#define QUARRY_TESTS_BIT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bit_model {
    uint8_t *bits; /* 0 or 1 each */
    size_t count;
    size_t
        wrong_by; /* 0; else runs are found that many bits too late: to show that it is noticed */
};

/* All bits clear; to be given back by bit_model_end. */
struct bit_model bit_model_make(size_t count);
void bit_model_end(struct bit_model *model);

/* Whether the region has bits and the model has them all. */
bool bit_model_has(const struct bit_model *model, size_t num_bits, size_t offset);

/* Of a region that it has: */
size_t bit_model_count(const struct bit_model *model, size_t num_bits, size_t offset);
void bit_model_fill(struct bit_model *model, size_t num_bits, size_t offset, int value);

/* The lowest run of so many clear bits; SIZE_MAX if there is none. */
size_t bit_model_find_run(const struct bit_model *model, size_t num_bits);
/* The n-th bit set in a region that it has; SIZE_MAX if there is none. */
size_t bit_model_find_nth(const struct bit_model *model, size_t n, size_t num_bits, size_t offset);

/* Whether these bundles hold the same bits. */
bool bit_model_agrees(const struct bit_model *model, const uint32_t *bundles);

#endif
