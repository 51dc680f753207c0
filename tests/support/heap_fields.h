/* SPDX-License-Identifier: Apache-2.0 */
/* Where a good heap has its bookkeeping: every field of it, found by walking the heap. */
#ifndef QUARRY_TESTS_HEAP_FIELDS_H
#define QUARRY_TESTS_HEAP_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/sys_heap.h>

#define HEAP_FIELDS_MAX       4096u
#define HEAP_FIELD_CHUNKS_MAX 1024u

enum heap_field_kind {
    HEAP_FIELD_NOTES, /* LEFT_SIZE of the header chunk: the policy, and the low-water mark */
    HEAP_FIELD_HIGH_WATER,
    HEAP_FIELD_OF_HEAP,
    HEAP_FIELD_LIST_HEAD,
    HEAP_FIELD_OF_CHUNK, /* of the end marker, too */
};

/* One number of the heap's bookkeeping. */
struct heap_field_place {
    uint8_t *at;
    size_t bytes; /* 2, 4 or 8 */
    enum heap_field_kind kind;
    const char *name;
    uint32_t unit;   /* where its chunk starts; 0 for the heap's own */
    uint32_t bucket; /* number of the list that it heads, or of the mask */
};

struct heap_field_chunk {
    uint32_t unit; /* where it starts */
    uint32_t size; /* in units */
    bool listed;
    uint32_t bucket; /* of a listed one */
};

struct heap_fields {
    struct heap_field_place places[HEAP_FIELDS_MAX];
    size_t count;
    struct heap_field_chunk chunks[HEAP_FIELD_CHUNKS_MAX]; /* in address order */
    size_t chunk_count;
    uint32_t end_unit;        /* of the end marker */
    uint64_t allocated_bytes; /* that the walk has found */
    uint32_t low_water_max; /* the largest possible mark: all bits up to the highest of the mask */
};

/* Finds the fields of a good heap. Ends the program if the heap is not good or has too many. */
void heap_fields_find(const struct sys_heap *heap, struct heap_fields *fields);

/* Damages a heap: the chunk that starts there, in use, has that size, which its right neighbour
 * confirms; and its trailer is right. */
void heap_fields_chain(const struct sys_heap *heap, uint32_t unit, uint32_t size);

/* The field's value, and changing it. */
uint64_t heap_field_get(const struct heap_field_place *place);
void heap_field_set(const struct heap_field_place *place, uint64_t value);

#endif
