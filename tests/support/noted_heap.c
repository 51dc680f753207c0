/* SPDX-License-Identifier: Apache-2.0 */
#include "noted_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include <core/chunk.h>
#include <core/heap.h>
#include <core/sys_heap_walk.h>
#include "heap_picture.h"

#define GUARD 0xa5

static size_t below(struct noted_heap *noted, size_t limit)
{
    return (size_t)random_below(noted->random, limit);
}

struct heap_ledger *noted_ledger(struct noted_image *image)
{
    return (struct heap_ledger *)(void *)image->record;
}

static struct heap_ledger *ledger_of(struct noted_heap *noted)
{
    return noted_ledger(&noted->now);
}

bool noted_begin(struct noted_heap *noted, size_t bytes)
{
    memset(&noted->now, 0, sizeof noted->now);
    memset(noted->now.buffer + bytes, GUARD, NOTED_GUARD_BYTES);
    noted->bytes = bytes;
    quarry_heap_init(&noted->heap, noted->now.buffer, bytes, noted->policy);
    ledger_init(ledger_of(noted), bytes);
    return noted->heap.heap != NULL;
}

void noted_save(const struct noted_heap *noted, struct noted_image *image)
{
    memcpy(image->buffer, noted->now.buffer, noted->bytes);
    memcpy(image->record, noted->now.record, ledger_bytes(noted->bytes));
    memcpy(image->blocks, noted->now.blocks, sizeof image->blocks);
}

void noted_load_ledger(struct noted_heap *noted, const struct noted_image *image)
{
    memcpy(noted->now.record, image->record, ledger_bytes(noted->bytes));
}

void noted_load(struct noted_heap *noted, const struct noted_image *image)
{
    memcpy(noted->now.buffer, image->buffer, noted->bytes);
    memcpy(noted->now.blocks, image->blocks, sizeof image->blocks);
    noted_load_ledger(noted, image);
}

bool noted_rebuild(struct noted_heap *noted)
{
    return heap_rebuild(&noted->heap, ledger_of(noted), noted->bytes, noted->policy);
}

/* ---- calls and their notes ---- */

uint32_t noted_unit_of(const struct noted_heap *noted, const struct noted_block *block)
{
    return (uint32_t)chunk_unit_of(noted->heap.heap, block->mem);
}

static uint32_t units_of(const struct noted_heap *noted, const struct noted_block *block)
{
    return chunk_size(noted->heap.heap, (chunk_id){noted_unit_of(noted, block)});
}

void noted_alloc(struct noted_heap *noted, struct noted_block *block, size_t align, size_t bytes)
{
    block->mem = sys_heap_aligned_alloc(&noted->heap, align, bytes);
    if (block->mem != NULL) {
        block->bytes = sys_heap_usable_size(&noted->heap, block->mem);
        ledger_note_used(ledger_of(noted), noted_unit_of(noted, block), units_of(noted, block));
    }
}

void noted_free(struct noted_heap *noted, struct noted_block *block)
{
    ledger_note_free(ledger_of(noted), noted_unit_of(noted, block));
    sys_heap_free(&noted->heap, block->mem);
    block->mem = NULL;
}

void noted_resize(struct noted_heap *noted, struct noted_block *block, size_t bytes)
{
    if (heap_resize_in_place(&noted->heap, block->mem, bytes)) {
        ledger_note_resized(ledger_of(noted), noted_unit_of(noted, block), units_of(noted, block));
        block->bytes = sys_heap_usable_size(&noted->heap, block->mem);
    }
}

/* None for the most part; else a power of two, with a rewind of 8 or without. */
static size_t some_alignment(struct noted_heap *noted)
{
    size_t align = (size_t)16 << below(noted, 5);
    size_t rewind = below(noted, 2) * 8;

    return below(noted, 4) == 0 ? align | rewind : 0;
}

struct noted_block *noted_change(struct noted_heap *noted)
{
    struct noted_block *block = &noted->now.blocks[below(noted, NOTED_BLOCKS)];
    size_t bytes = random_log_uniform(noted->random, noted->bytes / 8);

    if (block->mem == NULL) {
        noted_alloc(noted, block, some_alignment(noted), bytes);
    } else if (below(noted, 2) == 0) {
        noted_free(noted, block);
    } else if (below(noted, 2) == 0) {
        noted_resize(noted, block, bytes);
    } else {
        noted_resize(noted, block, block->bytes / 2 + 1 + below(noted, block->bytes));
    }
    return block;
}

void noted_fill(struct noted_heap *noted, struct noted_block *block)
{
    if (block->mem != NULL) {
        block->fill = (uint8_t)random_next(noted->random);
        memset(block->mem, block->fill, block->bytes);
    }
}

void noted_make_calls(struct noted_heap *noted, size_t calls)
{
    while (calls-- > 0) {
        noted_fill(noted, noted_change(noted));
        assert_true(sys_heap_validate(&noted->heap));
    }
}

/* ---- what must be ---- */

void noted_expect_bytes(const struct noted_block *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (block->mem[i] != block->fill) {
            fail_msg("byte %zu of a block of %zu is damaged", i, block->bytes);
        }
    }
}

void noted_expect_contents(const struct noted_heap *noted)
{
    for (size_t i = 0; i < NOTED_BLOCKS; i++) {
        if (noted->now.blocks[i].mem != NULL) {
            noted_expect_bytes(&noted->now.blocks[i], noted->now.blocks[i].bytes);
        }
    }
}

/* What a walk compares with, and how many chunks in use it has found. */
struct count {
    const struct heap_ledger *ledger;
    size_t used;
};

static bool count_used(const struct heap_chunk_view *chunk, void *arg)
{
    struct count *count = arg;
    uint32_t noted_units = ledger_units_at(count->ledger, chunk->offset_units);

    assert_int_equal(noted_units, chunk->used ? chunk->size_units : 0);
    count->used += chunk->used;
    return true;
}

void noted_expect_blocks(struct noted_heap *noted)
{
    struct count count = {ledger_of(noted), 0};

    assert_true(sys_heap_validate(&noted->heap));
    assert_true(heap_walk(&noted->heap, count_used, &count));
    for (size_t i = 0; i < NOTED_BLOCKS; i++) {
        const struct noted_block *block = &noted->now.blocks[i];
        if (block->mem != NULL) {
            assert_int_not_equal(ledger_units_at(count.ledger, noted_unit_of(noted, block)), 0);
            assert_int_equal(sys_heap_usable_size(&noted->heap, block->mem), block->bytes);
            count.used--;
        }
    }
    assert_int_equal(count.used, 0);
    for (size_t i = 0; i < NOTED_GUARD_BYTES; i++) {
        assert_int_equal(noted->now.buffer[noted->bytes + i], GUARD);
    }
}

void noted_free_all(struct noted_heap *noted)
{
    for (size_t i = 0; i < NOTED_BLOCKS; i++) {
        if (noted->now.blocks[i].mem != NULL) {
            noted_free(noted, &noted->now.blocks[i]);
        }
    }
    expect_heap(&noted->heap, "F*");
    assert_true(sys_heap_validate(&noted->heap));
}
