/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of a packed model, in 16-bit words:
 *
 *     number of chunks; per chunk: start, size * 2 + used;
 *     per list that is not empty: its number + 1, its length, its members in order; then 0 */
#include "tiny_model.h"

#include <stdio.h>
#include <stdlib.h>

struct writer {
    uint16_t *words;
    size_t count;
    size_t used;
};

static void put(struct writer *writer, uint32_t word)
{
    if (writer->used == writer->count || word > UINT16_MAX) {
        fprintf(stderr, "tiny_model: the model is too large to be packed\n");
        exit(2);
    }
    writer->words[writer->used++] = (uint16_t)word;
}

size_t tiny_model_pack(const struct reference_heap *model, uint16_t *words, size_t count)
{
    struct writer writer = {.words = words, .count = count};
    put(&writer, (uint32_t)model->chunk_count);
    for (size_t i = 0; i < model->chunk_count; i++) {
        put(&writer, model->chunks[i].start);
        put(&writer, model->chunks[i].size * 2u + model->chunks[i].used);
    }
    for (uint32_t number = 0; number < model->bucket_count; number++) {
        const struct reference_bucket *bucket = &model->buckets[number];
        if (bucket->count > 0) {
            put(&writer, number + 1);
            put(&writer, (uint32_t)bucket->count);
        }
        for (size_t i = 0; i < bucket->count; i++) {
            put(&writer, bucket->starts[i]);
        }
    }
    do {
        put(&writer, 0);
    } while (writer.used * sizeof words[0] % sizeof(uint64_t) != 0);
    return writer.used * sizeof words[0];
}

/* The array with room for `count` elements. */
static void *room_for(void *array, size_t count, size_t *capacity, size_t element_bytes)
{
    if (count <= *capacity) {
        return array;
    }
    void *larger = realloc(array, count * element_bytes);
    if (larger == NULL) {
        perror("tiny_model");
        exit(2);
    }
    *capacity = count;
    return larger;
}

static const uint16_t *unpack_bucket(struct reference_bucket *bucket, const uint16_t *words)
{
    bucket->count = *words++;
    bucket->starts =
        room_for(bucket->starts, bucket->count, &bucket->capacity, sizeof bucket->starts[0]);
    for (size_t i = 0; i < bucket->count; i++) {
        bucket->starts[i] = *words++;
    }
    return words;
}

void tiny_model_unpack(struct reference_heap *model, const uint16_t *words)
{
    model->chunk_count = *words++;
    model->chunks = room_for(model->chunks, model->chunk_count, &model->chunk_capacity,
                             sizeof model->chunks[0]);
    for (size_t i = 0; i < model->chunk_count; i++) {
        model->chunks[i].start = *words++;
        model->chunks[i].size = *words / 2u;
        model->chunks[i].used = *words++ % 2u != 0;
    }
    for (size_t number = 0; number < model->bucket_count; number++) {
        model->buckets[number].count = 0;
    }
    while (*words != 0) {
        size_t number = *words - 1u;
        words = unpack_bucket(&model->buckets[number], words + 1);
    }
}
