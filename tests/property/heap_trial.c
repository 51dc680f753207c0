/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one life of a heap and of its model side by side.
 *
 * What is asserted, by independent means:
 *
 *   offsets     each returned address is the one that the reference model predicts
 *   contract    aligned as asked, inside the buffer, usable size as predicted and large enough
 *   disjoint    the book of live blocks refuses a block that covers a unit of another one
 *   contents    each block is filled to its usable size with numbers of its own, which are checked
 *               when it is freed or resized; what realloc must keep is checked again afterwards
 *   buffer      bytes around the buffer keep a guard value
 *   statistics  after each call: free, allocated and most allocated bytes are the model's
 *   heap        at intervals: sys_heap_validate(), and the chain of chunks against the model's
 *
 * The buffer is cut from an arena that starts at a multiple of 2 MiB, so that addresses modulo any
 * alignment that can be served are the same in each run, and a run can be repeated. */
#include "heap_trial.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <core/sys_heap_walk.h>
#include <quarry/heap.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/heap_picture.h"
#include "../support/reference_heap.h"
#include "block_book.h"
#include "heap_ops.h"

#define ARENA_BYTES   ((size_t)2 << 20)
#define GUARD_BYTES   64u
#define GUARD_BYTE    0xc7
#define GARBAGE_BYTE  0xa5
#define LIVE_MAX      4096u
#define UNIT_BYTES    8u
#define PICTURE_BYTES ((size_t)64 << 10)

struct trial {
    const struct heap_trial_settings *settings;
    struct heap_trial_counts *counts;
    struct heap_life life;
    struct sys_heap heap;
    struct reference_heap model;
    bool alive; /* the buffer was large enough */

    uint8_t *arena;
    uint8_t *buffer;
    uint8_t *base; /* first multiple of 8 in the buffer: where the heap starts */
    struct block_book book;

    size_t op_index;
    struct heap_op op;
};

/* ---- reports ---- */

/* Describes the disagreement; returns false, the result of a failed check. */
__attribute__((format(printf, 2, 3))) static bool disagree(const struct trial *trial,
                                                           const char *format, ...)
{
    FILE *report = trial->settings->report;
    char call[128];
    describe_op(&trial->op, call, sizeof call);
    fprintf(report, "DISAGREEMENT at call %zu of a heap of %zu bytes at address %% 16 = %u%s\n",
            trial->op_index, trial->life.buffer_bytes, trial->life.misalignment,
            trial->life.buckets == QUARRY_HEAP_FINE_BUCKETS ? ", fine buckets" : "");
    fprintf(report, "  call:    %s, with %zu live blocks before it\n", call, trial->book.count);
    fprintf(report, "  problem: ");
    va_list args;
    va_start(args, format);
    vfprintf(report, format, args);
    va_end(args);
    char *text = malloc(PICTURE_BYTES);
    if (text != NULL && trial->alive) {
        heap_picture(&trial->heap, text, PICTURE_BYTES);
        fprintf(report, "\n  library: %s\n", text);
        reference_picture(&trial->model, text, PICTURE_BYTES);
        fprintf(report, "  model:   %s", text);
    }
    free(text);
    fprintf(report, "\n");
    return false;
}

/* ---- live blocks ---- */

static size_t offset_of(const struct trial *trial, const uint8_t *mem)
{
    return mem == NULL ? REFERENCE_NULL : (size_t)(mem - trial->base);
}

static bool check_contents(const struct trial *trial, const struct block *block)
{
    return contents_are(block->mem, block->tag, block->usable) ||
           disagree(trial, "contents of the block at offset %td changed", block->mem - trial->base);
}

static bool inside(const struct trial *trial, const uint8_t *mem, size_t usable)
{
    const uint8_t *end = trial->buffer + trial->life.buffer_bytes;
    return mem >= trial->base && mem < end && usable <= (size_t)(end - mem);
}

/* old is the block that was reallocated, or NULL. A block that stays where it is keeps what
 * alignment it has; every other one is at a multiple of the header, unless a rewind moved it. */
static bool aligned_as_asked(const struct trial *trial, const uint8_t *mem, const uint8_t *old)
{
    uintptr_t address = (uintptr_t)mem;
    bool honours_align = trial->op.kind == OP_ALIGNED_ALLOC || trial->op.kind == OP_ALIGNED_REALLOC;
    size_t align = honours_align ? trial->op.align : 0;
    size_t lowest_bit = align & (~align + 1u);
    if (lowest_bit != align) {
        return (address + lowest_bit) % (align - lowest_bit) == 0;
    }
    if (align < trial->model.header_bytes && mem != old) {
        align = trial->model.header_bytes;
    }
    return align == 0 || address % align == 0;
}

/* Enters a block that a call just returned into the books and fills it. */
static bool adopt(struct trial *trial, uint8_t *mem, const uint8_t *old)
{
    size_t usable = sys_heap_usable_size(&trial->heap, mem);
    size_t expected = reference_usable_size(&trial->model, offset_of(trial, mem));
    struct block block = {.mem = mem, .usable = usable};
    block.tag = ((uint64_t)trial->op_index + 1u) << 32;
    if (usable != expected || usable < trial->op.bytes) {
        return disagree(trial, "usable size is %zu, the model says %zu", usable, expected);
    }
    if (!inside(trial, mem, usable) || !aligned_as_asked(trial, mem, old)) {
        return disagree(trial, "block at %p is outside the buffer or not aligned", (void *)mem);
    }
    return book_add(&trial->book, block) ||
           disagree(trial, "block at offset %zu overlaps another", offset_of(trial, mem));
}

/* The block that the call is about, or NULL. */
static struct block *target_of(const struct trial *trial)
{
    if (trial->op.target == HEAP_OP_NO_TARGET || trial->book.count == 0) {
        return NULL;
    }
    return &trial->book.blocks[trial->op.target % trial->book.count];
}

/* ---- the calls ---- */

static uint8_t *ask_library(struct trial *trial, uint8_t *old)
{
    const struct heap_op *op = &trial->op;
    switch (op->kind) {
    case OP_NOALIGN_ALLOC:
        return sys_heap_noalign_alloc(&trial->heap, op->align, op->bytes);
    case OP_ALIGNED_ALLOC:
        return sys_heap_aligned_alloc(&trial->heap, op->align, op->bytes);
    case OP_REALLOC:
        return sys_heap_realloc(&trial->heap, old, op->bytes);
    case OP_ALIGNED_REALLOC:
        return sys_heap_aligned_realloc(&trial->heap, old, op->align, op->bytes);
    default:
        return sys_heap_alloc(&trial->heap, op->bytes);
    }
}

static size_t ask_model(struct trial *trial, const uint8_t *old)
{
    const struct heap_op *op = &trial->op;
    size_t offset = offset_of(trial, old);
    if (!trial->alive) {
        return REFERENCE_NULL;
    }
    switch (op->kind) {
    case OP_ALIGNED_ALLOC:
        return reference_aligned_alloc(&trial->model, op->align, op->bytes);
    case OP_REALLOC:
        return reference_realloc(&trial->model, offset, op->bytes);
    case OP_ALIGNED_REALLOC:
        return reference_aligned_realloc(&trial->model, offset, op->align, op->bytes);
    default:
        return reference_alloc(&trial->model, op->bytes);
    }
}

static void count(struct trial *trial, const uint8_t *mem, const uint8_t *old)
{
    trial->counts->served += mem != NULL;
    trial->counts->refused += mem == NULL && trial->op.bytes > 0;
    trial->counts->moved += mem != NULL && old != NULL && mem != old;
}

static bool allocate(struct trial *trial)
{
    uint8_t *mem = ask_library(trial, NULL);
    size_t expected = ask_model(trial, NULL);
    count(trial, mem, NULL);
    if (offset_of(trial, mem) != expected) {
        return disagree(trial, "library returns offset %td, model %td (-1 is NULL)",
                        (ptrdiff_t)offset_of(trial, mem), (ptrdiff_t)expected);
    }
    return mem == NULL || adopt(trial, mem, NULL);
}

static bool reallocate(struct trial *trial)
{
    struct block *target = target_of(trial);
    if (target == NULL) {
        return allocate(trial);
    }
    struct block old = *target;
    if (!check_contents(trial, &old)) {
        return false;
    }
    uint8_t *mem = ask_library(trial, old.mem);
    size_t expected = ask_model(trial, old.mem);
    count(trial, mem, old.mem);
    if (offset_of(trial, mem) != expected) {
        return disagree(trial, "library returns offset %td, model %td (-1 is NULL)",
                        (ptrdiff_t)offset_of(trial, mem), (ptrdiff_t)expected);
    }
    if (mem == NULL && trial->op.bytes > 0) {
        return check_contents(trial, &old); /* refused: the block must be as it was */
    }
    book_drop(&trial->book, (size_t)(target - trial->book.blocks));
    if (mem == NULL) {
        return true; /* size 0 frees */
    }
    size_t kept = old.usable < trial->op.bytes ? old.usable : trial->op.bytes;
    if (!contents_are(mem, old.tag, kept)) {
        return disagree(trial, "realloc lost some of the %zu bytes that it must keep", kept);
    }
    return adopt(trial, mem, old.mem);
}

static bool release(struct trial *trial)
{
    struct block *target = target_of(trial);
    if (target == NULL) {
        sys_heap_free(&trial->heap, NULL);
        return true;
    }
    if (!check_contents(trial, target)) {
        return false;
    }
    sys_heap_free(&trial->heap, target->mem);
    reference_free(&trial->model, offset_of(trial, target->mem));
    book_drop(&trial->book, (size_t)(target - trial->book.blocks));
    return true;
}

static bool ask_usable_size(struct trial *trial)
{
    const struct block *target = target_of(trial);
    size_t usable = target == NULL ? 0 : sys_heap_usable_size(&trial->heap, target->mem);
    return target == NULL || usable == target->usable ||
           disagree(trial, "usable size changed from %zu to %zu", target->usable, usable);
}

static bool reset_max_of_both(struct trial *trial)
{
    int result = sys_heap_runtime_stats_reset_max(&trial->heap);
    if (trial->alive) {
        reference_reset_max(&trial->model);
    }
    return !QUARRY_HEAP_RUNTIME_STATS || (result == 0) == trial->alive ||
           disagree(trial, "runtime_stats_reset_max() returns %d", result);
}

static bool run_op(struct trial *trial)
{
    switch (trial->op.kind) {
    case OP_RESET_MAX:
        return reset_max_of_both(trial);
    case OP_FREE:
        return release(trial);
    case OP_USABLE_SIZE:
        return ask_usable_size(trial);
    case OP_REALLOC:
    case OP_ALIGNED_REALLOC:
        return reallocate(trial);
    default:
        return trial->book.count == LIVE_MAX ? release(trial) : allocate(trial);
    }
}

/* ---- the whole heap ---- */

static bool check_stats(const struct trial *trial)
{
    struct sys_memory_stats stats = {.free_bytes = 0};
    if (!QUARRY_HEAP_RUNTIME_STATS) {
        return true;
    }
    struct sys_heap heap = trial->heap;
    int result = sys_heap_runtime_stats_get(&heap, &stats);
    if ((result == 0) != trial->alive) {
        return disagree(trial, "runtime_stats_get() returns %d", result);
    }
    if (!trial->alive) {
        return true;
    }
    struct sys_memory_stats expected = reference_stats(&trial->model);
    return (stats.free_bytes == expected.free_bytes &&
            stats.allocated_bytes == expected.allocated_bytes &&
            stats.max_allocated_bytes == expected.max_allocated_bytes) ||
           disagree(trial, "free %zu, allocated %zu, at most %zu; the model says %zu, %zu, %zu",
                    stats.free_bytes, stats.allocated_bytes, stats.max_allocated_bytes,
                    expected.free_bytes, expected.allocated_bytes, expected.max_allocated_bytes);
}

struct comparison {
    const struct reference_heap *model;
    size_t index; /* of the model's next chunk */
    bool equal;
};

static bool compare_chunk(const struct heap_chunk_view *chunk, void *arg)
{
    struct comparison *comparison = arg;
    const struct reference_chunk *expected = &comparison->model->chunks[comparison->index++];
    comparison->equal = comparison->index < comparison->model->chunk_count &&
                        chunk->offset_units == expected->start &&
                        chunk->size_units == expected->size && chunk->used == expected->used &&
                        chunk->listed == (!expected->used &&
                                          reference_is_listed(comparison->model, expected->size));
    return comparison->equal;
}

static bool guards_are_whole(const struct trial *trial)
{
    const uint8_t *end = trial->buffer + trial->life.buffer_bytes;
    for (size_t i = 0; i < GUARD_BYTES; i++) {
        if (trial->buffer[-1 - (ptrdiff_t)i] != GUARD_BYTE || end[i] != GUARD_BYTE) {
            return false;
        }
    }
    return true;
}

static bool check_heap(struct trial *trial)
{
    trial->counts->checks++;
    if (!guards_are_whole(trial)) {
        return disagree(trial, "bytes outside the buffer changed");
    }
    if (sys_heap_validate(&trial->heap) != trial->alive) {
        return disagree(trial, "sys_heap_validate() is %s", trial->alive ? "false" : "true");
    }
    struct comparison comparison = {.model = &trial->model, .index = 1, .equal = true};
    if (trial->alive && (!heap_walk(&trial->heap, compare_chunk, &comparison) ||
                         !comparison.equal || comparison.index + 1 != trial->model.chunk_count)) {
        return disagree(trial, "the chains of chunks differ");
    }
    return true;
}

/* ---- a life ---- */

/* Garbage in the buffer, guards around it. */
static void lay_out_arena(struct trial *trial)
{
    trial->arena = aligned_alloc(ARENA_BYTES, ARENA_BYTES);
    if (trial->arena == NULL) {
        perror("heap_trial");
        exit(1);
    }
    trial->buffer = trial->arena + GUARD_BYTES + trial->life.misalignment;
    trial->base = trial->buffer + (0u - (uintptr_t)trial->buffer) % UNIT_BYTES;
    memset(trial->arena, GUARD_BYTE, GUARD_BYTES + trial->life.misalignment);
    memset(trial->buffer, GARBAGE_BYTE, trial->life.buffer_bytes);
    memset(trial->buffer + trial->life.buffer_bytes, GUARD_BYTE, GUARD_BYTES);
}

static bool begin_life(struct trial *trial)
{
    lay_out_arena(trial);
    book_open(&trial->book, trial->base, trial->life.buffer_bytes, LIVE_MAX);
    quarry_heap_init(&trial->heap, trial->buffer, trial->life.buffer_bytes, trial->life.buckets);
    struct reference_format format = reference_format_of_build(trial->life.buckets);
    if (trial->settings->tries > 0) {
        format.tries = trial->settings->tries;
    }
    trial->alive =
        reference_init(&trial->model, &format, (uintptr_t)trial->buffer, trial->life.buffer_bytes);
    trial->counts->heaps += trial->alive;
    if ((trial->heap.heap != NULL) != trial->alive) {
        return disagree(trial, "quarry_heap_init() %s", trial->alive ? "failed" : "succeeded");
    }
    return true;
}

/* Frees all blocks; then the heap must be one free chunk again, as the model is. */
static bool end_life(struct trial *trial)
{
    trial->op = (struct heap_op){.kind = OP_FREE};
    while (trial->book.count > 0) {
        if (!release(trial)) {
            return false;
        }
    }
    if (trial->alive && trial->model.chunk_count != 3) {
        return disagree(trial, "free chunks did not merge");
    }
    return check_stats(trial) && check_heap(trial);
}

static bool run_ops(struct trial *trial, const uint8_t *bytes, size_t records)
{
    size_t every = trial->settings->validate_every;
    for (trial->op_index = 0; trial->op_index < records; trial->op_index++) {
        const uint8_t *record = bytes + trial->op_index * HEAP_OP_BYTES;
        trial->op = decode_op(&trial->life, trial->op_index, record);
        trial->counts->ops++;
        if (!run_op(trial) || !check_stats(trial)) {
            return false;
        }
        if (every > 0 && trial->op_index % every == 0 && !check_heap(trial)) {
            return false;
        }
    }
    return true;
}

bool heap_trial(const uint8_t *bytes, size_t length, const struct heap_trial_settings *settings,
                struct heap_trial_counts *counts)
{
    struct trial trial = {.settings = settings, .counts = counts};
    if (length < HEAP_OP_BYTES) {
        return true; /* no heap is described */
    }
    trial.life = decode_life(bytes);
    bool agreed = begin_life(&trial) &&
                  run_ops(&trial, bytes + HEAP_OP_BYTES, length / HEAP_OP_BYTES - 1) &&
                  end_life(&trial);
    reference_destroy(&trial.model);
    book_close(&trial.book);
    free(trial.arena);
    return agreed;
}
