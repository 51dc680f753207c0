/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged heaps, and the promise of sys_heap_validate: if it says yes, then any allocation can be
 * served and any block that the heap holds can be freed; and it never reads outside of the heap.
 *
 * The bytes, in records of eight:
 *
 *     life     as in heap_ops.h; buffers are of up to 2 KiB
 *     plan     +0 how many of the records are build calls, +1 how many damage, +2 how many calls
 *              follow; +3 lowest bit: what is left of the input is laid over the heap, +4, +5 from
 *              this byte on
 *     build    calls on the good heap
 *     damage   +0 way, +1, +2 which word, +4 to +7 a number
 *     calls    on the damaged heap, if the validator says yes
 *     overlay  raw bytes
 *
 * The heap is built, damaged, overlaid, and validated. After a yes, the live blocks are what the
 * heap says they are: every used chunk holds one. Each call must then end without a fault and leave
 * a heap that the validator approves of, blocks must lie inside of the heap and apart from each
 * other, and at the end all of them can be freed, which leaves one free chunk.
 *
 * The buffer is exactly as large as the heap, so AddressSanitizer sees every step outside. How
 * large that is the validator knows from one word of the heap, the place of its end marker; so
 * damage may make this word smaller, but not larger. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <core/chunk.h>
#include <core/sys_heap_walk.h>
#include <quarry/heap.h>
#include <zephyr/sys/sys_heap.h>
#include "../property/heap_ops.h"
#include "fuzz_target.h"

#define UNIT_BYTES CHUNK_UNIT_BYTES
#define BUFFER_MAX 2048u
#define BLOCKS_MAX (BUFFER_MAX / UNIT_BYTES)
#define WAYS       6u

struct block {
    uint8_t *mem;
    size_t usable;
};

struct image {
    struct heap_life life;
    struct sys_heap heap;
    uint8_t *buffer;
    size_t heap_bytes; /* from the start of the good heap to the end of its end marker */
    uint32_t end_unit; /* of the end marker */
    struct block blocks[BLOCKS_MAX];
    size_t count;
    size_t calls;
};

struct input {
    const uint8_t *bytes;
    size_t length;
};

static _Noreturn void found(const char *what)
{
    fprintf(stderr, "fuzz_heap_image: %s\n", what);
    abort();
}

/* The next record, or NULL at the end. */
static const uint8_t *next_record(struct input *input)
{
    const uint8_t *record = input->bytes;
    if (input->length < HEAP_OP_BYTES) {
        return NULL;
    }
    input->bytes += HEAP_OP_BYTES;
    input->length -= HEAP_OP_BYTES;
    return record;
}

/* ---- calls ---- */

static void drop(struct image *image, size_t index)
{
    image->blocks[index] = image->blocks[--image->count];
}

/* Enters a block, after checking that it lies inside of the heap and on no other. */
static void adopt(struct image *image, uint8_t *mem, size_t bytes)
{
    const uint8_t *end = image->buffer + image->life.buffer_bytes;
    struct block block = {.mem = mem};
    if (mem < image->buffer || mem >= end) {
        found("a block is outside of the heap");
    }
    block.usable = sys_heap_usable_size(&image->heap, mem);
    if (block.usable < bytes || block.usable > (size_t)(end - mem)) {
        found("a block has the wrong size");
    }
    for (size_t i = 0; i < image->count; i++) {
        const struct block *other = &image->blocks[i];
        if (mem < other->mem + other->usable && other->mem < mem + block.usable) {
            found("a block overlaps another");
        }
    }
    if (image->count == BLOCKS_MAX) {
        found("more blocks than fit into the heap");
    }
    memset(mem, 0x5a, block.usable);
    image->blocks[image->count++] = block;
}

static void resize(struct image *image, const struct heap_op *op, size_t index)
{
    uint8_t *old = image->blocks[index].mem;
    uint8_t *mem = op->kind == OP_REALLOC
                       ? sys_heap_realloc(&image->heap, old, op->bytes)
                       : sys_heap_aligned_realloc(&image->heap, old, op->align, op->bytes);
    if (mem != NULL || op->bytes == 0) {
        drop(image, index);
    }
    if (mem != NULL) {
        adopt(image, mem, op->bytes);
    }
}

static void allocate(struct image *image, const struct heap_op *op)
{
    uint8_t *mem = op->kind == OP_ALIGNED_ALLOC
                       ? sys_heap_aligned_alloc(&image->heap, op->align, op->bytes)
                       : sys_heap_alloc(&image->heap, op->bytes);
    if (mem != NULL) {
        adopt(image, mem, op->bytes);
    }
}

static void call(struct image *image, const uint8_t *record)
{
    struct heap_op op = decode_op(&image->life, image->calls++, record);
    bool has_target = image->count > 0 && op.target != HEAP_OP_NO_TARGET;
    size_t index = has_target ? op.target % image->count : 0;
    switch (op.kind) {
    case OP_FREE:
        if (has_target) {
            sys_heap_free(&image->heap, image->blocks[index].mem);
            drop(image, index);
        }
        return;
    case OP_REALLOC:
    case OP_ALIGNED_REALLOC:
        if (has_target) {
            resize(image, &op, index);
        }
        return;
    case OP_ALLOC:
    case OP_NOALIGN_ALLOC:
    case OP_ALIGNED_ALLOC:
        allocate(image, &op);
        return;
    default:
        return;
    }
}

/* ---- damage ---- */

static uint32_t number_in(const uint8_t *record)
{
    return (uint32_t)record[4] | (uint32_t)record[5] << 8 | (uint32_t)record[6] << 16 |
           (uint32_t)record[7] << 24;
}

/* Changes one 32-bit word of the heap's buffer. */
static void damage(struct image *image, const uint8_t *record)
{
    size_t words = image->heap_bytes / sizeof(uint32_t);
    size_t index = ((size_t)record[1] | (size_t)record[2] << 8) % words;
    uint8_t *at = (uint8_t *)image->heap.heap + index * sizeof(uint32_t);
    uint32_t number = number_in(record);
    uint32_t word;
    memcpy(&word, at, sizeof word);
    switch (record[0] % WAYS) {
    case 0:
        word ^= (uint32_t)1 << number % 32u;
        break;
    case 1:
        word += number % 16u;
        break;
    case 2:
        word -= number % 16u;
        break;
    case 3:
        word = number % (2u * BLOCKS_MAX);
        break;
    case 4:
        word = (number % BLOCKS_MAX) << 1;
        break;
    default:
        word = number;
        break;
    }
    memcpy(at, &word, sizeof word);
}

static void overlay(struct image *image, const uint8_t *plan, const struct input *rest)
{
    size_t bytes = image->heap_bytes;
    size_t start = ((size_t)plan[4] | (size_t)plan[5] << 8) % bytes;
    size_t length = rest->length < bytes - start ? rest->length : bytes - start;
    if (plan[3] % 2u == 1 && length > 0) {
        memcpy((uint8_t *)image->heap.heap + start, rest->bytes, length);
    }
}

/* ---- a trial ---- */

static bool begin(struct image *image, const uint8_t *record)
{
    image->life = decode_life(record);
    size_t bytes = image->life.buffer_bytes % BUFFER_MAX + 1u;
    image->life.buffer_bytes = bytes - bytes % UNIT_BYTES;
    image->buffer = calloc(1, image->life.buffer_bytes);
    if (image->buffer == NULL) {
        return false;
    }
    quarry_heap_init(&image->heap, image->buffer, image->life.buffer_bytes, image->life.buckets);
    if (image->heap.heap == NULL) {
        return false;
    }
    image->end_unit = image->heap.heap->end_chunk;
    image->heap_bytes = image->end_unit * UNIT_BYTES + chunk_header_bytes(image->heap.heap);
    return true;
}

static bool take_block(const struct heap_chunk_view *chunk, void *arg)
{
    struct image *image = arg;
    if (chunk->used) {
        adopt(image, chunk->mem, 0);
    }
    return true;
}

static bool count_chunk(const struct heap_chunk_view *chunk, void *arg)
{
    size_t *count = arg;
    *count += chunk->used ? BLOCKS_MAX : 1u;
    return true;
}

/* Frees all blocks; the heap must become one free chunk. */
static void drain(struct image *image)
{
    size_t count = 0;
    while (image->count > 0) {
        sys_heap_free(&image->heap, image->blocks[image->count - 1].mem);
        drop(image, image->count - 1);
    }
    if (!sys_heap_validate(&image->heap) || !heap_walk(&image->heap, count_chunk, &count) ||
        count > 1) {
        found("the chunks of freed blocks did not merge");
    }
}

static void use_approved_heap(struct image *image, struct input *input, size_t records)
{
    image->count = 0;
    if (!heap_walk(&image->heap, take_block, image)) {
        found("a heap that was approved of has no chain of chunks");
    }
    for (const uint8_t *record; records > 0 && (record = next_record(input)) != NULL; records--) {
        call(image, record);
        if (!sys_heap_validate(&image->heap)) {
            found("a call broke a heap that was approved of");
        }
    }
    drain(image);
}

static void run(struct image *image, struct input *input)
{
    const uint8_t *plan = next_record(input);
    const uint8_t *record;
    if (plan == NULL) {
        return;
    }
    for (size_t left = plan[0]; left > 0 && (record = next_record(input)) != NULL; left--) {
        call(image, record);
    }
    for (size_t left = plan[1]; left > 0 && (record = next_record(input)) != NULL; left--) {
        damage(image, record);
    }
    struct input rest = *input;
    for (size_t left = plan[2]; left > 0 && next_record(&rest) != NULL; left--) {
    }
    overlay(image, plan, &rest);
    if (image->heap.heap->end_chunk > image->end_unit) {
        image->heap.heap->end_chunk = image->end_unit;
    }
    if (sys_heap_validate(&image->heap)) {
        use_approved_heap(image, input, plan[2]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct image image; /* large for a stack */
    struct input input = {.bytes = bytes, .length = length};
    const uint8_t *life = next_record(&input);
    if (life == NULL) {
        return 0;
    }
    image.count = 0;
    image.calls = 0;
    if (begin(&image, life)) {
        run(&image, &input);
    }
    free(image.buffer);
    return 0;
}
