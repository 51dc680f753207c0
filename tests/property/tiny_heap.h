/* SPDX-License-Identifier: Apache-2.0 */
/* A heap of a few units whose every step is checked, which can be saved and loaded, and which can
 * tell whether it has been in the same state before: what an exhaustive search is made of. */
#ifndef QUARRY_TESTS_TINY_HEAP_H
#define QUARRY_TESTS_TINY_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <core/sys_heap_walk.h>
#include <quarry/heap.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/reference_heap.h"
#include "heap_ops.h"

#define TINY_UNITS_MAX   32u /* of the free chunk of a fresh heap */
#define TINY_BLOCKS_MAX  TINY_UNITS_MAX
#define TINY_MODEL_WORDS 168u /* 34 chunks of two words, and lists of 16 chunks, each by itself */

/* Defects that the search must find: see exhaustive_sys_heap_sabotage.c. */
enum tiny_sabotage {
    SABOTAGE_NONE,
    SABOTAGE_OVERLAP,    /* an allocation gives a block that lives already */
    SABOTAGE_MISALIGNED, /* an aligned allocation gives an address that is off by one */
    SABOTAGE_STRAY,      /* a free changes a byte of another block */
    SABOTAGE_OUTSIDE,    /* a free changes the byte behind the buffer */
    SABOTAGE_FLIP,       /* a free flips a bit of the heap's first header */
    SABOTAGE_LEAK,       /* a free does nothing */
    SABOTAGE_REFUSAL,    /* an allocation fails for no reason */
    SABOTAGE_MODEL,      /* the model searches less deep than the heap does */
    SABOTAGE_STALE,      /* an allocation depends on what lies in free memory */
    SABOTAGES,
};

struct tiny_settings {
    unsigned int units; /* size of the first free chunk: 2 to TINY_UNITS_MAX */
    unsigned int shift; /* the heap's address modulo 64: a multiple of 8 */
    enum quarry_heap_buckets policy;
    bool modelled; /* compare with the reference model */
    enum tiny_sabotage sabotage;
};

/* A live block, by offsets from the start of the buffer. */
struct tiny_block {
    uint16_t offset;
    uint16_t usable;
};

/* The live blocks in address order. */
struct tiny_books {
    uint16_t count;
    struct tiny_block blocks[TINY_BLOCKS_MAX];
};

/* A saved heap; its size is tiny_record_bytes(). */
struct tiny_record {
    struct tiny_books books;
    uint16_t model[TINY_MODEL_WORDS];
    uint8_t image[]; /* the buffer */
};

/* The chunks as heap_walk shows them. */
struct tiny_chain {
    size_t count;
    struct heap_chunk_view chunks[TINY_UNITS_MAX];
};

struct tiny_heap {
    struct tiny_settings settings;
    uint8_t *arena;
    uint8_t *buffer;
    size_t bytes;        /* of the buffer */
    size_t first_offset; /* of a fresh heap's first block, from the start of the buffer */
    size_t capacity;     /* bytes of the largest block of a fresh heap */
    size_t header_bytes; /* of a chunk */
    size_t trailer_bytes;
    struct sys_heap heap;
    struct tiny_books books;
    struct tiny_chain chain; /* of the last tiny_check() */
    struct reference_heap model;
};

/* Makes a fresh heap. False, and nothing to close, if no buffer gives such a heap. */
bool tiny_open(struct tiny_heap *tiny, const struct tiny_settings *settings);
void tiny_close(struct tiny_heap *tiny);

size_t tiny_record_bytes(const struct tiny_heap *tiny);
void tiny_save(const struct tiny_heap *tiny, struct tiny_record *record);
void tiny_load(struct tiny_heap *tiny, const struct tiny_record *record);

/* Makes one call. NULL if the result is right, else what is wrong with it. Books and model follow
 * the call. Checks the result only: tiny_check() looks at the heap. */
const char *tiny_call(struct tiny_heap *tiny, const struct heap_op *op);

/* Reads the chunks into tiny->chain. False if the heap has no chain, or one that cannot be. */
bool tiny_read_chain(struct tiny_heap *tiny);

/* What a block at that offset is filled with. */
const uint8_t *tiny_pattern(size_t offset);

/* Looks at everything: validator, chain, blocks, contents, model, surroundings. NULL, or what is
 * wrong. */
const char *tiny_check(struct tiny_heap *tiny);

/* A number that two states have in common iff (but for chance) all bytes that the heap may look at
 * are the same, and so are the live blocks and the model. Needs the chain of tiny_check(). */
uint64_t tiny_digest(const struct tiny_heap *tiny);

/* Overwrites the bytes that the heap must not look at, with what could pass for headers. Needs the
 * chain of tiny_check(). */
void tiny_scribble(struct tiny_heap *tiny, uint64_t seed);

/* Frees all blocks, last first if `backwards`; then the heap must be as empty as at first. */
const char *tiny_drain(struct tiny_heap *tiny, bool backwards);

#endif
