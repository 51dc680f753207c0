/* SPDX-License-Identifier: Apache-2.0 */
/* A second, slow and obvious implementation of the placement policy of Zephyr's 64-bit sys_heap.
 *
 * It keeps its books in ordinary arrays and never touches the memory of the heap that it predicts:
 * for each call it says at which offset the block must lie. Offsets are bytes from the start of the
 * heap, which is the first multiple of 8 in the buffer; REFERENCE_NULL stands for a NULL result. */
#ifndef QUARRY_TESTS_REFERENCE_HEAP_H
#define QUARRY_TESTS_REFERENCE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REFERENCE_NULL    SIZE_MAX
#define REFERENCE_BUCKETS 32u

/* One chunk; units are 8 bytes. */
struct reference_chunk {
    uint32_t start; /* units from the start of the heap */
    uint32_t size;  /* units, header included */
    bool used;
};

/* The free chunks of one size range, in the order in which the search looks at them. */
struct reference_bucket {
    uint32_t *starts; /* starts[0] is looked at next */
    size_t count;
    size_t capacity;
};

struct reference_heap {
    uintptr_t base;     /* address of the heap's first unit: alignment depends on it */
    uint32_t end_units; /* start of the end marker */
    unsigned int tries; /* chunks of the own bucket that a search looks at; may be set after init */

    /* All chunks in address order; the first is the header chunk, the last is the end marker (size
     * 0), and both count as used. Hence every other chunk has two neighbours. */
    struct reference_chunk *chunks;
    size_t chunk_count;
    size_t chunk_capacity;

    struct reference_bucket buckets[REFERENCE_BUCKETS];
};

/* Predicts sys_heap_init on the buffer [mem, mem + bytes). False if it must fail; then the model
 * holds nothing, and any call on it is a mistake. */
bool reference_init(struct reference_heap *heap, uintptr_t mem, size_t bytes);

/* Frees the model's own arrays. */
void reference_destroy(struct reference_heap *heap);

/* Each predicts the function of the like name. An offset passed in is one that was returned, or
 * REFERENCE_NULL for a NULL pointer (not for usable_size). */
size_t reference_alloc(struct reference_heap *heap, size_t bytes);
size_t reference_aligned_alloc(struct reference_heap *heap, size_t align, size_t bytes);
void reference_free(struct reference_heap *heap, size_t offset);
size_t reference_realloc(struct reference_heap *heap, size_t offset, size_t bytes);
size_t reference_aligned_realloc(struct reference_heap *heap, size_t offset, size_t align,
                                 size_t bytes);
size_t reference_usable_size(const struct reference_heap *heap, size_t offset);

/* Number of the list that a chunk of that many units (at least 2) belongs to. */
unsigned int reference_bucket_of(uint32_t units);

/* Draws the model the way heap_picture() draws a heap. */
void reference_picture(const struct reference_heap *heap, char *text, size_t size);

#endif
