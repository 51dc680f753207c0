/* SPDX-License-Identifier: Apache-2.0 */
/* The one decoder from bytes to heap operations, for random tests, fuzzers and replayed files.
 *
 * Bytes come in records of HEAP_OP_BYTES. The first record describes a heap, each further one is
 * one call on it. Any bytes mean something, so a fuzzer cannot be refused, and uniformly random
 * bytes give log-uniform sizes and a sensible mixture of calls. */
#ifndef QUARRY_TESTS_HEAP_OPS_H
#define QUARRY_TESTS_HEAP_OPS_H

#include <stddef.h>
#include <stdint.h>
#include <quarry/heap.h>

#define HEAP_OP_BYTES         8u
#define HEAP_BUFFER_MAX_BYTES ((size_t)1 << 20)
#define HEAP_OP_NO_TARGET     UINT32_MAX

/* How the sizes of a life are drawn. */
enum heap_sizes {
    SIZES_UP_TO_HEAP, /* log-uniform up to about the size of the buffer */
    SIZES_SMALL,      /* log-uniform below 256 bytes */
    SIZES_NARROW,     /* from one narrow range: crowds a few buckets, so searches reject */
    SIZES_MIXED,      /* each call draws in one of the ways above */
};

/* The heap that a byte string is about, and how the calls on it are drawn. */
struct heap_life {
    size_t buffer_bytes;
    unsigned int misalignment; /* the buffer's address modulo 16 */
    enum quarry_heap_buckets buckets;
    enum heap_sizes sizes;
    size_t narrow_base;       /* SIZES_NARROW are from here, in bytes, */
    size_t narrow_span;       /* and fewer than so many bytes above */
    unsigned int fill_share;  /* of 192 allocs and frees, so many are allocs when filling */
    unsigned int drain_share; /* the same when draining */
    unsigned int phase_ops;   /* calls per phase; phases alternate, filling comes first */
};

enum heap_op_kind {
    OP_ALLOC,
    OP_NOALIGN_ALLOC,
    OP_ALIGNED_ALLOC,
    OP_REALLOC,
    OP_ALIGNED_REALLOC,
    OP_FREE,
    OP_USABLE_SIZE,
    OP_RESET_MAX, /* of the statistics */
    OP_KINDS,
};

struct heap_op {
    enum heap_op_kind kind;
    size_t bytes;
    size_t align;
    uint32_t target; /* any number: the block is number target modulo the live ones; or NO_TARGET */
};

struct heap_life decode_life(const uint8_t record[HEAP_OP_BYTES]);

/* Decodes call number index of a life. */
struct heap_op decode_op(const struct heap_life *life, size_t index,
                         const uint8_t record[HEAP_OP_BYTES]);

/* Writes the call as C-like text for reports. */
void describe_op(const struct heap_op *op, char *text, size_t size);

#endif
