/* SPDX-License-Identifier: Apache-2.0 */
/* One call on a tiny heap, and whether its result may be: books of the live blocks, the model's
 * prediction, and the contract of sys_heap.h for those who have no model. The defects that the
 * search must find are made here as well, between the heap and its caller. */
#include <string.h>
#include "tiny_heap.h"

#define UNIT_BYTES 8u

/* ---- books ---- */

static void strike_out(struct tiny_books *books, size_t index)
{
    books->count--;
    memmove(books->blocks + index, books->blocks + index + 1,
            (books->count - index) * sizeof books->blocks[0]);
}

/* False if it overlaps another block. */
static bool enter(struct tiny_books *books, struct tiny_block block)
{
    size_t index = books->count;
    while (index > 0 && books->blocks[index - 1].offset >= block.offset) {
        index--;
    }
    const struct tiny_block *after = &books->blocks[index];
    bool hits_left =
        index > 0 &&
        books->blocks[index - 1].offset + books->blocks[index - 1].usable > block.offset;
    bool hits_right = index < books->count && block.offset + block.usable > after->offset;
    if (books->count == TINY_BLOCKS_MAX || hits_left || hits_right) {
        return false;
    }
    memmove(books->blocks + index + 1, books->blocks + index,
            (books->count - index) * sizeof books->blocks[0]);
    books->blocks[index] = block;
    books->count++;
    return true;
}

/* ---- one call ---- */

static size_t offset_of(const struct tiny_heap *tiny, const uint8_t *mem)
{
    return mem == NULL ? REFERENCE_NULL : (size_t)(mem - tiny->buffer);
}

/* A heap with a defect, if the settings want one: what to do instead of freeing. */
static void release(struct tiny_heap *tiny, uint8_t *mem)
{
    const struct tiny_block *other = &tiny->books.blocks[0];
    bool several = tiny->books.count > 1;
    if (tiny->settings.sabotage == SABOTAGE_LEAK) {
        return;
    }
    sys_heap_free(&tiny->heap, mem);
    if (tiny->settings.sabotage == SABOTAGE_STRAY && several &&
        tiny->buffer + other->offset != mem) {
        tiny->buffer[other->offset + other->usable - 1u] ^= 1u;
    }
    if (tiny->settings.sabotage == SABOTAGE_OUTSIDE) {
        tiny->buffer[tiny->bytes] ^= 1u;
    }
    if (tiny->settings.sabotage == SABOTAGE_FLIP) {
        tiny->buffer[tiny->first_offset - tiny->header_bytes] ^= 4u;
    }
}

/* The same for the results of allocations. */
static uint8_t *sabotaged(const struct tiny_heap *tiny, const struct heap_op *op, uint8_t *mem)
{
    const struct tiny_books *books = &tiny->books;
    switch (mem == NULL ? SABOTAGE_NONE : tiny->settings.sabotage) {
    case SABOTAGE_OVERLAP:
        return books->count > 0 ? tiny->buffer + books->blocks[0].offset : mem;
    case SABOTAGE_MISALIGNED:
        return op->align > UNIT_BYTES && op->kind == OP_ALIGNED_ALLOC ? mem + 1 : mem;
    case SABOTAGE_REFUSAL:
        return op->bytes == 1 ? NULL : mem;
    case SABOTAGE_STALE:
        return tiny->buffer[tiny->bytes - 2u * UNIT_BYTES] % 2u == 1 ? NULL : mem;
    default:
        return mem;
    }
}

static uint8_t *ask_library(struct tiny_heap *tiny, const struct heap_op *op, uint8_t *old)
{
    switch (op->kind) {
    case OP_FREE:
        release(tiny, old);
        return NULL;
    case OP_REALLOC:
        return sys_heap_realloc(&tiny->heap, old, op->bytes);
    case OP_ALIGNED_REALLOC:
        return sys_heap_aligned_realloc(&tiny->heap, old, op->align, op->bytes);
    case OP_ALIGNED_ALLOC:
        return sabotaged(tiny, op, sys_heap_aligned_alloc(&tiny->heap, op->align, op->bytes));
    default:
        return sabotaged(tiny, op, sys_heap_alloc(&tiny->heap, op->bytes));
    }
}

static size_t ask_model(struct tiny_heap *tiny, const struct heap_op *op, size_t old)
{
    switch (op->kind) {
    case OP_FREE:
        reference_free(&tiny->model, old);
        return REFERENCE_NULL;
    case OP_REALLOC:
        return reference_realloc(&tiny->model, old, op->bytes);
    case OP_ALIGNED_REALLOC:
        return reference_aligned_realloc(&tiny->model, old, op->align, op->bytes);
    case OP_ALIGNED_ALLOC:
        return reference_aligned_alloc(&tiny->model, op->align, op->bytes);
    default:
        return reference_alloc(&tiny->model, op->bytes);
    }
}

static bool aligned_as_asked(const struct tiny_heap *tiny, const struct heap_op *op,
                             const uint8_t *mem, const uint8_t *old)
{
    uintptr_t address = (uintptr_t)mem;
    size_t lowest_bit = op->align & (0u - op->align);
    if (lowest_bit != op->align) {
        return (address + lowest_bit) % (op->align - lowest_bit) == 0;
    }
    size_t least = mem == old ? 1 : tiny->header_bytes;
    return address % (op->align > least ? op->align : least) == 0;
}

/* A refusal is wrong if a free chunk exists in which the block fits wherever the boundary falls:
 * with Zephyr's buckets, one of twice the size. (Fine buckets of chunks below 64 units hold one
 * size each, so there a fit is a fit.) */
static const char *refused(struct tiny_heap *tiny, const struct heap_op *op)
{
    bool rewinds = (op->align & (op->align - 1u)) != 0;
    size_t padding = rewinds || op->align > tiny->header_bytes ? op->align : 0;
    size_t block_bytes = op->bytes + tiny->header_bytes + UNIT_BYTES - 1u;
    size_t need = block_bytes - block_bytes % UNIT_BYTES + tiny->trailer_bytes + padding;
    if (op->bytes > tiny->capacity) {
        return NULL;
    }
    if (tiny->settings.policy == QUARRY_HEAP_ZEPHYR_BUCKETS) {
        need *= 2u;
    }
    if (!tiny_read_chain(tiny)) {
        return "a refused call broke the chain of chunks";
    }
    for (size_t i = 0; i < tiny->chain.count; i++) {
        const struct heap_chunk_view *chunk = &tiny->chain.chunks[i];
        if (!chunk->used && (size_t)chunk->size_units * UNIT_BYTES >= need) {
            return "refused, although there is room";
        }
    }
    return NULL;
}

/* Checks a block that a call gave, which may have been at `old` before (NULL: it is new). */
static const char *given(struct tiny_heap *tiny, const struct heap_op *op, uint8_t *mem,
                         const struct tiny_block *old)
{
    const uint8_t *old_mem = old == NULL ? NULL : tiny->buffer + old->offset;
    size_t offset = offset_of(tiny, mem);
    size_t end = tiny->bytes;
    if (mem < tiny->buffer || offset < tiny->first_offset || offset >= end) {
        return "the block is outside of the heap";
    }
    if (!aligned_as_asked(tiny, op, mem, old_mem)) {
        return "the block is not aligned as asked";
    }
    size_t usable = sys_heap_usable_size(&tiny->heap, mem);
    if (usable < op->bytes || usable > end - offset) {
        return "the block has the wrong size";
    }
    if (old != NULL) {
        size_t kept = old->usable < op->bytes ? old->usable : op->bytes;
        if (memcmp(mem, tiny_pattern(old->offset), kept) != 0) {
            return "the block lost its contents";
        }
        strike_out(&tiny->books, op->target);
    }
    if (!enter(&tiny->books, (struct tiny_block){(uint16_t)offset, (uint16_t)usable})) {
        return "the block overlaps another";
    }
    memcpy(mem, tiny_pattern(offset), usable);
    return NULL;
}

const char *tiny_call(struct tiny_heap *tiny, const struct heap_op *op)
{
    bool has_old = op->kind == OP_FREE || op->kind == OP_REALLOC || op->kind == OP_ALIGNED_REALLOC;
    struct tiny_block old = {0, 0};
    uint8_t *old_mem = NULL;
    if (has_old) {
        old = tiny->books.blocks[op->target];
        old_mem = tiny->buffer + old.offset;
    }
    uint8_t *mem = ask_library(tiny, op, old_mem);
    (void)sys_heap_runtime_stats_reset_max(
        &tiny->heap); /* marks go one way: states would not recur */
    if (tiny->settings.modelled &&
        ask_model(tiny, op, offset_of(tiny, old_mem)) != offset_of(tiny, mem)) {
        return "the model predicts another address";
    }
    if (mem != NULL) {
        return given(tiny, op, mem, has_old ? &old : NULL);
    }
    if (op->kind == OP_FREE) {
        strike_out(&tiny->books, op->target);
        return NULL;
    }
    return refused(tiny, op);
}
