/* SPDX-License-Identifier: Apache-2.0 */
/* The books of heap_stats_log.c.
 *
 *    slots[]              table of blocks
 *    +--------------+     +-------------------------------+
 *    | heap         |<----| block: heap, bytes, caller,   |
 *    | interrupts   |     |        owner                  |
 *    | unknown      |     +-------------------------------+
 *    | thread rows  |<--------- owner: a row, interrupts, or unknown
 *    +--------------+
 *
 * A block belongs to the row of the thread that allocated or last resized it, whoever frees it.
 * What has no row is "unknown": blocks that were there before the heap was tracked, blocks of
 * threads for which there was no row, and blocks for which the table had no record.
 *
 * Invariants, with the lock free:
 *   1. A row, or the counter of interrupts, is the sum of its blocks' records. A row at 0 may be
 *      given to another thread.
 *   2. A block of a tracked heap without a record is in `unknown`.
 *
 * Not promised: exactness of `unknown` for blocks older than the tracking at odd alignments, which
 * are counted from where their chunk begins. It never goes below 0. */
#include "debug/heap_owners.h"

#include <string.h>

#include "debug/record_table.h"

/* Blocks of all tracked heaps together that have records, of 48 bytes each; others are unknown.
 * Plenty for a heap that is to be looked at block by block; a table of this size takes four
 * megabytes at the most. */
#define MAX_BLOCKS 65536u

/* Owner of a block, besides the number of a row. */
#define OWNER_INTERRUPT (-1)
#define OWNER_UNKNOWN   (-2)

struct owned_block {
    struct record record;
    struct sys_heap *heap;
    size_t bytes;
    const void *caller;
    int owner;
};

/* Guarded by EVENT_LOCK_STATS. */
static struct owner_slot slots[OWNER_HEAPS];
static struct record_table blocks; /* without memory until owners_make */

bool owners_make(void)
{
    return record_table_make(&blocks, sizeof(struct owned_block), MAX_BLOCKS,
                             "quarry: heap statistics");
}

struct owner_slot *owners_of(const struct sys_heap *heap)
{
    for (size_t i = 0; i < OWNER_HEAPS; i++) {
        if (__atomic_load_n(&slots[i].heap, __ATOMIC_RELAXED) == heap) {
            return &slots[i];
        }
    }
    return NULL;
}

static struct owned_block *find(const void *mem)
{
    return (struct owned_block *)(void *)record_find(&blocks, mem);
}

static struct owned_block *block_at(uint32_t index)
{
    return (struct owned_block *)(void *)record_at(&blocks, index);
}

static size_t *counter_of(struct owner_slot *slot, int owner)
{
    if (owner == OWNER_INTERRUPT) {
        return &slot->interrupt_bytes;
    }
    return owner == OWNER_UNKNOWN ? &slot->unknown_bytes : &slot->rows[owner].bytes;
}

static void subtract(size_t *counter, size_t bytes)
{
    *counter -= bytes < *counter ? bytes : *counter;
}

/* A thread's row; for NULL one that was never used. */
static int row_with(const struct owner_slot *slot, const void *thread)
{
    for (int row = 0; row < OWNER_ROWS; row++) {
        if (slot->rows[row].thread == thread) {
            return row;
        }
    }
    return OWNER_UNKNOWN;
}

static int row_to_reuse(const struct owner_slot *slot)
{
    for (int row = 0; row < OWNER_ROWS; row++) {
        if (slot->rows[row].bytes == 0) {
            return row;
        }
    }
    return OWNER_UNKNOWN;
}

/* The calling thread's row, made if need be. */
static int row_here(struct owner_slot *slot)
{
    const void *thread = os_thread_id();
    int row = row_with(slot, thread);

    if (row == OWNER_UNKNOWN) {
        row = row_with(slot, NULL);
        row = row != OWNER_UNKNOWN ? row : row_to_reuse(slot);
        if (row == OWNER_UNKNOWN) {
            return OWNER_UNKNOWN;
        }
        slot->rows[row] = (struct owner_row){.thread = thread};
    }
    if (slot->rows[row].name[0] == '\0') {
        os_thread_name(slot->rows[row].name, sizeof(slot->rows[row].name));
    }
    return row;
}

static void forget(struct owner_slot *slot, struct owned_block *block)
{
    subtract(counter_of(slot, block->owner), block->bytes);
    record_remove(&blocks, &block->record);
}

/* A block is made where, as far as is known, one is: another heap lay here and was given up. */
static void forget_stale(struct owned_block *stale)
{
    struct owner_slot *slot = owners_of(stale->heap);

    if (slot != NULL) {
        forget(slot, stale);
    }
}

static void forget_all(const struct sys_heap *heap)
{
    for (uint32_t i = 0; i < blocks.begun; i++) {
        struct owned_block *block = block_at(i);

        if (block != NULL && block->heap == heap) {
            record_remove(&blocks, &block->record);
        }
    }
}

bool owners_start(struct sys_heap *heap)
{
    struct owner_slot *slot = owners_of(heap);

    if (slot == NULL) {
        slot = owners_of(NULL);
    }
    if (slot == NULL) {
        return false;
    }
    forget_all(heap);
    slot->interrupt_bytes = 0;
    slot->unknown_bytes = 0;
    memset(slot->rows, 0, sizeof(slot->rows));
    __atomic_store_n(&slot->heap, heap, __ATOMIC_RELAXED);
    return true;
}

void owners_stop(struct owner_slot *slot)
{
    forget_all(slot->heap);
    __atomic_store_n(&slot->heap, NULL, __ATOMIC_RELAXED);
}

void owners_add(struct owner_slot *slot, const struct note_block *block, bool in_interrupt)
{
    struct owned_block *stale = find(block->mem);
    struct owned_block owned = {
        .heap = slot->heap,
        .bytes = block->usable_bytes,
        .caller = block->caller,
        .owner = in_interrupt ? OWNER_INTERRUPT : row_here(slot),
    };

    if (stale != NULL) {
        forget_stale(stale);
    }
    if (record_add(&blocks, block->mem, &owned) == NULL) {
        owned.owner = OWNER_UNKNOWN;
    }
    *counter_of(slot, owned.owner) += owned.bytes;
}

void owners_remove(struct owner_slot *slot, const void *mem, size_t bytes)
{
    struct owned_block *block = find(mem);

    if (block != NULL && block->heap == slot->heap) {
        forget(slot, block);
    } else {
        subtract(&slot->unknown_bytes, bytes);
    }
}

const void *owners_caller(const struct owner_slot *slot, const void *mem)
{
    const struct owned_block *block = find(mem);

    return block != NULL && block->heap == slot->heap ? block->caller : NULL;
}

/* What was being counted is counted or not. The counters are summed up anew, but for `unknown`,
 * much of which has no records. */
void owners_mend(void)
{
    if (blocks.capacity == 0) {
        return;
    }
    record_table_mend(&blocks);
    for (size_t i = 0; i < OWNER_HEAPS; i++) {
        slots[i].interrupt_bytes = 0;
        for (int row = 0; row < OWNER_ROWS; row++) {
            slots[i].rows[row].bytes = 0;
        }
    }
    for (uint32_t i = 0; i < blocks.begun; i++) {
        struct owned_block *block = block_at(i);
        struct owner_slot *slot = block != NULL ? owners_of(block->heap) : NULL;

        if (slot != NULL && block->owner != OWNER_UNKNOWN) {
            *counter_of(slot, block->owner) += block->bytes;
        }
    }
}
