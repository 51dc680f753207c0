/* SPDX-License-Identifier: Apache-2.0 */
/* From records of eight bytes to heap calls. Layout of a record, by byte:
 *
 *             0        1           2  3  4           5  6         7
 *     heap    offset   log2 size   size, low bits    size style   fill and drain shares
 *     call    kind     log2 size   size, low bits    target       alignment
 *
 * The top bit of a heap's byte 0 asks for fine buckets. Fields are independent, so changing one
 * byte changes one thing. */
#include "heap_ops.h"

#include <stdbool.h>
#include <stdio.h>

#define MIN_BUFFER_LOG2    5u /* 32 bytes: some heaps are too small, on purpose */
#define BUFFER_LOG2_COUNT  16u
#define SMALL_LOG2_COUNT   9u
#define COMMON_ALIGN_LOG2S 13u /* 1 to 4096 */
#define TARGET_NULL        0xffffu
#define FINE_BIT           0x80u
#define SIZE_BITS          (8u * (unsigned int)sizeof(size_t))

/* First value of the kind byte (0 to 255) of each group of calls; frees and allocations share the
 * rest according to the phase. */
#define KIND_EXTREME         4u
#define KIND_REALLOC         10u
#define KIND_ALIGNED_REALLOC 44u
#define KIND_ALLOC_OR_FREE   64u

static size_t low_bits(const uint8_t record[HEAP_OP_BYTES])
{
    return (size_t)record[2] | (size_t)record[3] << 8 | (size_t)record[4] << 16;
}

/* A number of exactly bits bits (0 or 1 for bits = 0). */
static size_t number_of_bits(unsigned int bits, size_t low)
{
    if (bits == 0) {
        return low & 1u;
    }
    size_t top = (size_t)1 << (bits - 1);
    return top | (low & (top - 1));
}

struct heap_life decode_life(const uint8_t record[HEAP_OP_BYTES])
{
    struct heap_life life = {.misalignment = record[0] % 16u};
    unsigned int log2_bytes = MIN_BUFFER_LOG2 + record[1] % BUFFER_LOG2_COUNT;
    life.buffer_bytes = number_of_bits(log2_bytes + 1, low_bits(record));
    if (life.buffer_bytes > HEAP_BUFFER_MAX_BYTES) {
        life.buffer_bytes = HEAP_BUFFER_MAX_BYTES;
    }
    life.sizes = (enum heap_sizes)(record[5] % 4u);
    life.narrow_base = (size_t)9 << (record[6] % 6u);
    life.narrow_span = life.narrow_base;
    if ((record[0] & FINE_BIT) != 0) {
        life.buckets = QUARRY_HEAP_FINE_BUCKETS;
        life.narrow_base *= 64u; /* fine buckets hold different sizes from 64 units on */
        life.narrow_span = life.narrow_base / 16u;
    }
    life.fill_share = 110u + (record[7] % 8u) * 10u;
    life.drain_share = 20u + (record[7] / 8u % 8u) * 10u;
    life.phase_ops = 32u << (record[7] / 64u * 2u);
    return life;
}

static unsigned int log2_floor(size_t n)
{
    return 63u - (unsigned int)__builtin_clzll(n);
}

static size_t decode_size(const struct heap_life *life, const uint8_t record[HEAP_OP_BYTES])
{
    enum heap_sizes sizes = life->sizes;
    if (sizes == SIZES_MIXED) {
        sizes = (enum heap_sizes)(record[4] % 3u);
    }
    switch (sizes) {
    case SIZES_SMALL:
        return number_of_bits(record[1] % SMALL_LOG2_COUNT, low_bits(record));
    case SIZES_NARROW:
        return life->narrow_base + low_bits(record) % life->narrow_span;
    default:
        return number_of_bits(record[1] % (log2_floor(life->buffer_bytes) + 2u), low_bits(record));
    }
}

/* A power of two, mostly a common one, or 0. */
static size_t decode_power(uint8_t byte)
{
    unsigned int selector = byte / 8u; /* 0 to 31 */
    if (selector < 2u * COMMON_ALIGN_LOG2S - 1u) {
        return (size_t)1 << (selector % COMMON_ALIGN_LOG2S);
    }
    return selector == 31u ? 0 : (size_t)1 << (selector - COMMON_ALIGN_LOG2S);
}

/* align with one of its lower bits added, if it has lower bits. */
static size_t with_rewind(size_t align, uint8_t byte)
{
    return align < 2 ? align : align | (size_t)1 << (byte % log2_floor(align));
}

static struct heap_op decode_alloc(const struct heap_life *life,
                                   const uint8_t record[HEAP_OP_BYTES])
{
    struct heap_op op = {.kind = OP_ALIGNED_ALLOC, .bytes = decode_size(life, record)};
    op.align = decode_power(record[7]);
    switch (record[7] % 8u) {
    case 0:
        op.kind = OP_NOALIGN_ALLOC;
        break;
    case 1:
    case 2:
        break;
    case 3:
    case 4:
        op.align = with_rewind(op.align, record[5]);
        break;
    default:
        op.kind = OP_ALLOC;
        break;
    }
    return op;
}

/* Sizes and alignments at the ends of their ranges, and sizes at the capacity of the buffer. */
static struct heap_op decode_extreme(const struct heap_life *life,
                                     const uint8_t record[HEAP_OP_BYTES])
{
    static const enum heap_op_kind kinds[] = {OP_ALLOC, OP_NOALIGN_ALLOC, OP_ALIGNED_ALLOC,
                                              OP_REALLOC, OP_ALIGNED_REALLOC};
    struct heap_op op = {.kind = kinds[record[7] % 5u]};
    size_t distance = record[2] % 65u;
    switch (record[1] % 4u) {
    case 0:
        op.bytes = SIZE_MAX - distance;
        break;
    case 1:
        op.bytes = SIZE_MAX / 2 + 32 - distance;
        break;
    case 2:
        op.bytes = life->buffer_bytes + 32 - distance;
        break;
    default:
        op.bytes = 1 + distance;
        break;
    }
    op.align = (size_t)1 << (record[3] % SIZE_BITS);
    if (op.kind == OP_ALIGNED_ALLOC && record[4] % 2u == 1u) {
        op.align = with_rewind(op.align, record[4]);
    }
    return op;
}

static struct heap_op decode_kind(const struct heap_life *life, size_t index,
                                  const uint8_t record[HEAP_OP_BYTES])
{
    bool filling = index / life->phase_ops % 2u == 0;
    unsigned int share = filling ? life->fill_share : life->drain_share;
    unsigned int kind = record[0];
    if (kind < KIND_EXTREME) {
        bool resets = record[7] % 4u == 3u;
        return (struct heap_op){.kind = resets ? OP_RESET_MAX : OP_USABLE_SIZE};
    }
    if (kind < KIND_REALLOC) {
        return decode_extreme(life, record);
    }
    if (kind < KIND_ALIGNED_REALLOC) {
        return (struct heap_op){.kind = OP_REALLOC, .bytes = decode_size(life, record)};
    }
    if (kind < KIND_ALLOC_OR_FREE) {
        return (struct heap_op){.kind = OP_ALIGNED_REALLOC,
                                .bytes = decode_size(life, record),
                                .align = decode_power(record[7])};
    }
    if (kind < KIND_ALLOC_OR_FREE + share) {
        return decode_alloc(life, record);
    }
    return (struct heap_op){.kind = OP_FREE};
}

struct heap_op decode_op(const struct heap_life *life, size_t index,
                         const uint8_t record[HEAP_OP_BYTES])
{
    struct heap_op op = decode_kind(life, index, record);
    op.target = (uint32_t)record[5] | (uint32_t)record[6] << 8;
    if (op.target == TARGET_NULL) {
        op.target = HEAP_OP_NO_TARGET;
    }
    return op;
}

void describe_op(const struct heap_op *op, char *text, size_t size)
{
    static const char *const names[OP_KINDS] = {
        [OP_ALLOC] = "alloc",
        [OP_NOALIGN_ALLOC] = "noalign_alloc",
        [OP_ALIGNED_ALLOC] = "aligned_alloc",
        [OP_REALLOC] = "realloc",
        [OP_ALIGNED_REALLOC] = "aligned_realloc",
        [OP_FREE] = "free",
        [OP_USABLE_SIZE] = "usable_size",
        [OP_RESET_MAX] = "runtime_stats_reset_max",
    };
    snprintf(text, size, "%s(target %u, align %#zx, bytes %#zx)", names[op->kind],
             (unsigned int)op->target, op->align, op->bytes);
}
