/* SPDX-License-Identifier: Apache-2.0 */
/* Loops over bytes, each as plain as the sentence it stands for. */
#include "bit_model.h"

#include <stdlib.h>

struct bit_model bit_model_make(size_t count)
{
    struct bit_model model = {calloc(count, 1), count, 0};

    if (model.bits == NULL) {
        abort();
    }
    return model;
}

void bit_model_end(struct bit_model *model)
{
    free(model->bits);
    model->bits = NULL;
}

bool bit_model_has(const struct bit_model *model, size_t num_bits, size_t offset)
{
    for (size_t i = 0; i < model->count; i++) {
        if (i == offset) {
            return num_bits > 0 && num_bits <= model->count - i;
        }
    }
    return false;
}

size_t bit_model_count(const struct bit_model *model, size_t num_bits, size_t offset)
{
    size_t count = 0;

    for (size_t i = 0; i < num_bits; i++) {
        count += model->bits[offset + i];
    }
    return count;
}

void bit_model_fill(struct bit_model *model, size_t num_bits, size_t offset, int value)
{
    for (size_t i = 0; i < num_bits; i++) {
        model->bits[offset + i] = (uint8_t)value;
    }
}

size_t bit_model_find_run(const struct bit_model *model, size_t num_bits)
{
    size_t run = 0;

    for (size_t i = 0; i < model->count; i++) {
        run = model->bits[i] != 0 ? 0 : run + 1;
        if (run == num_bits + model->wrong_by) {
            return i + 1 - num_bits;
        }
    }
    return SIZE_MAX;
}

size_t bit_model_find_nth(const struct bit_model *model, size_t n, size_t num_bits, size_t offset)
{
    for (size_t i = offset; i < offset + num_bits; i++) {
        n -= model->bits[i];
        if (n == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

bool bit_model_agrees(const struct bit_model *model, const uint32_t *bundles)
{
    for (size_t i = 0; i < model->count; i++) {
        if ((bundles[i / 32] >> i % 32 & 1) != model->bits[i]) {
            return false;
        }
    }
    return true;
}
