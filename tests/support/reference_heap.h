/* SPDX-License-Identifier: Apache-2.0 */
/* A second, slow and obvious implementation of the placement policies of sys_heap: Zephyr's, with
 * long and short chunk headers, with and without trailers, and Quarry's finer buckets.
 *
 * It keeps its books in ordinary arrays and never touches the memory of the heap that it predicts:
 * for each call it says at which offset the block must lie. Offsets are bytes from the start of the
 * heap, which is the first multiple of 8 in the buffer; REFERENCE_NULL stands for a NULL result. */
#ifndef QUARRY_TESTS_REFERENCE_HEAP_H
#define QUARRY_TESTS_REFERENCE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <quarry/heap.h>
#include <zephyr/sys/mem_stats.h>

#define REFERENCE_NULL    SIZE_MAX
#define REFERENCE_BUCKETS 896u /* enough for 0x7fffffff units under either policy */

/* Length of the header of every chunk. */
enum reference_headers {
    REFERENCE_BIG,   /* 8 bytes */
    REFERENCE_SMALL, /* 4 bytes, and a heap has at most 0x7fff units */
    REFERENCE_AUTO,  /* 4 bytes in a heap of at most 0x7fff units, else 8 */
};

/* What a heap's format and policy depend on. Any build can model any of them. */
struct reference_format {
    enum reference_headers headers;
    uint32_t trailer_bytes; /* behind every used chunk and the header chunk: 0 or 8 */
    uint32_t struct_bytes;  /* fixed part of the header chunk, as for Zephyr's policy */
    unsigned int tries;     /* chunks of the own bucket that Zephyr's search looks at */
    enum quarry_heap_buckets buckets;
};

/* One chunk; units are 8 bytes. */
struct reference_chunk {
    uint32_t start; /* units from the start of the heap */
    uint32_t size;  /* units, header and trailer included */
    bool used;
};

/* The free chunks of one size range, in the order in which the search looks at them. */
struct reference_bucket {
    uint32_t *starts; /* starts[0] is looked at next */
    size_t count;
    size_t capacity;
};

struct reference_heap {
    struct reference_format format; /* tries may be set after init */
    uint32_t header_bytes;          /* of each chunk: 8 or 4 */
    uint32_t min_units;             /* of a chunk that can be allocated or listed */
    uintptr_t base;                 /* address of the heap's first unit: alignment depends on it */
    uint32_t end_units;             /* start of the end marker */

    /* All chunks in address order; the first is the header chunk, the last is the end marker (size
     * 0), and both count as used. Hence every other chunk has two neighbours. */
    struct reference_chunk *chunks;
    size_t chunk_count;
    size_t chunk_capacity;

    struct reference_bucket buckets[REFERENCE_BUCKETS];
    size_t bucket_count;

    size_t max_allocated_bytes; /* high-water mark of what reference_stats() says */
};

/* The format that the library of this build makes. */
struct reference_format reference_format_of_build(enum quarry_heap_buckets buckets);

/* Predicts quarry_heap_init on the buffer [mem, mem + bytes). False if it must fail; then the model
 * holds nothing, and any call on it is a mistake. */
bool reference_init(struct reference_heap *heap, const struct reference_format *format,
                    uintptr_t mem, size_t bytes);

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

/* Predicts sys_heap_runtime_stats_get (of a build that counts) and _reset_max. */
struct sys_memory_stats reference_stats(const struct reference_heap *heap);
void reference_reset_max(struct reference_heap *heap);

/* True iff a free chunk of that many units is on a list. */
bool reference_is_listed(const struct reference_heap *heap, uint32_t units);

/* Number of the list that a chunk of that many units (at least the smallest) belongs to. */
unsigned int reference_bucket_of(const struct reference_heap *heap, uint32_t units);

/* Draws the model the way heap_picture() draws a heap. */
void reference_picture(const struct reference_heap *heap, char *text, size_t size);

#endif
