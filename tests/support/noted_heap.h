/* SPDX-License-Identifier: Apache-2.0 */
/* A heap whose calls are noted in a ledger, as core/heap_ledger.h says, and its blocks: for tests
 * of what becomes of it when a process dies. */
#ifndef QUARRY_TESTS_NOTED_HEAP_H
#define QUARRY_TESTS_NOTED_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <core/heap_ledger.h>
#include <quarry/heap.h>
#include "random.h"

#define NOTED_BLOCKS       40u
#define NOTED_HEAP_BYTES   ((size_t)300 << 10) /* beyond 4-byte headers of 32-bit machines */
#define NOTED_GUARD_BYTES  64u                 /* behind the buffer */
#define NOTED_LEDGER_BYTES (NOTED_HEAP_BYTES / 32u + 64u)

struct noted_block {
    uint8_t *mem; /* NULL: none */
    size_t bytes; /* usable */
    uint8_t fill; /* what all of them hold */
};

/* All that a call changes. */
struct noted_image {
    _Alignas(1024) uint8_t buffer[NOTED_HEAP_BYTES + NOTED_GUARD_BYTES];
    _Alignas(LEDGER_ALIGN) uint8_t record[NOTED_LEDGER_BYTES];
    struct noted_block blocks[NOTED_BLOCKS];
};

struct noted_heap {
    struct noted_image now; /* the heap lies in its buffer */
    struct sys_heap heap;
    size_t bytes;
    enum quarry_heap_buckets policy;
    struct random *random;
};

/* Begins an empty heap of that many bytes, with the policy and the generator that are set. False if
 * this build has no heap so large. */
bool noted_begin(struct noted_heap *noted, size_t bytes);

struct heap_ledger *noted_ledger(struct noted_image *image);

void noted_save(const struct noted_heap *noted, struct noted_image *image);
void noted_load(struct noted_heap *noted, const struct noted_image *image);
void noted_load_ledger(struct noted_heap *noted, const struct noted_image *image);

/* heap_rebuild. */
bool noted_rebuild(struct noted_heap *noted);

/* Where the chunk of block i starts. */
uint32_t noted_unit_of(const struct noted_heap *noted, const struct noted_block *block);

/* A call and its note. The new contents are the caller's to fill. */
void noted_alloc(struct noted_heap *noted, struct noted_block *block, size_t align, size_t bytes);
void noted_free(struct noted_heap *noted, struct noted_block *block);
void noted_resize(struct noted_heap *noted, struct noted_block *block, size_t bytes);
/* A random one of these, about the block that is returned. */
struct noted_block *noted_change(struct noted_heap *noted);

/* Fills a block, if there is one, with a random byte. */
void noted_fill(struct noted_heap *noted, struct noted_block *block);

/* Random calls, filled. */
void noted_make_calls(struct noted_heap *noted, size_t calls);

/* Fails the running test unless the first bytes of a block are those it was filled with. */
void noted_expect_bytes(const struct noted_block *block, size_t bytes);
/* The same for all of all blocks. */
void noted_expect_contents(const struct noted_heap *noted);

/* Fails the running test unless the heap is consistent, has just the blocks that there are, as the
 * ledger says, and nothing was written behind it. */
void noted_expect_blocks(struct noted_heap *noted);

/* Frees all blocks, and fails the running test unless one free chunk is left. */
void noted_free_all(struct noted_heap *noted);

#endif
