/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the reference model: as a few numbers that can be stored and compared. */
#ifndef QUARRY_TESTS_TINY_MODEL_H
#define QUARRY_TESTS_TINY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../support/reference_heap.h"

/* Writes the model's chunks and the order of its lists to words[count], count a multiple of 4.
 * Returns how many bytes that took, a multiple of 8. Ends the program if they do not fit. Equal
 * models give equal bytes, and only they. */
size_t tiny_model_pack(const struct reference_heap *model, uint16_t *words, size_t count);

/* Gives the model, an initialised one for the same buffer, the state that was packed. */
void tiny_model_unpack(struct reference_heap *model, const uint16_t *words);

#endif
