/* SPDX-License-Identifier: Apache-2.0 */
/* A heap made anew from a record of its blocks, after a process died in the middle of a call.
 *
 *   ledger    . . . . . . .[A      ]. .[B  ][C  ]. . . . .
 *   heap    | chunk 0 |free| A      |S | B  | C  | free   |end|
 *
 * Death leaves any prefix of a call's stores: headers of which one half is written, lists that lead
 * astray, counters of before or after. To know which, one would have to know every order of stores
 * in the library. Instead nothing in the heap is believed: what is no block is written once, from
 * left to right. Chunk 0 follows from the buffer's size; each chunk in use has its place and size
 * from the ledger; what lies between two of them is one free chunk, S if it is undersized.
 *
 * Numbered rules:
 *   1. Nothing is written before all of the ledger has been found possible.
 *   2. Nothing is written to what users have: a chunk in use gets a header and a trailer, neither
 *      of which is theirs, also if the block is aligned.
 *   3. Nothing in the heap is read but the two marks of counters.h: each is one word, so death
 *      leaves it whole. A mark that cannot be is not kept.
 *   4. The heap's words are those that calls would have written: invariants 1 to 6 of chunk.h. Free
 *      chunks are listed from left to right.
 *
 * Watchers (note.h) are told of no event, because there is none for them: blocks stay as they are,
 * and what a dead process' call began was its own watchers' matter, who died with it. The heap's
 * words are written between enter and leave, as in any call.
 *
 * Not promised: that a user's bytes are right. A block in use that the dead process was writing to
 * is as it left it. */
#include "core/chunk.h"
#include "core/counters.h"
#include "core/free_list.h"
#include "core/harden.h"
#include "core/heap.h"
#include "core/heap_layout.h"
#include "core/heap_ledger.h"
#include "core/note.h"

/* Whether chunk 0 and the end marker leave room for that chunk. */
static bool chunk_fits(const struct heap_layout *layout, const struct ledger_chunk *chunk)
{
    return chunk->first_unit >= layout_chunk0_units(layout) && chunk->first_unit < layout->units &&
           chunk->units >= chunk_min_units_if(layout->big) &&
           chunk->units <= layout->units - chunk->first_unit;
}

/* Whether there can be a heap with the chunks of the ledger. */
static bool ledger_fits(const struct heap_ledger *ledger, const struct heap_layout *layout)
{
    struct ledger_chunk chunk;
    uint32_t unit = 0;

    while (ledger_next(ledger, unit, &chunk)) {
        if (!chunk_fits(layout, &chunk)) {
            return false;
        }
        unit = chunk.first_unit + chunk.units;
    }
    return true;
}

/* The marks of counters.h. */
struct marks {
    size_t high_bytes;
    uint32_t low_buckets;
};

#if QUARRY_HEAP_RUNTIME_STATS

/* h knows its size already. */
static struct marks marks_of(const struct z_heap *h)
{
    return (struct marks){h->max_allocated_bytes, counters_low_water(h)};
}

/* Sets the marks of a heap that is complete. Rule 3. */
static void keep_marks(struct z_heap *h, const struct marks *old)
{
    size_t most_bytes = chunk_usable_bytes(h, h->end_chunk - chunk_first(h).unit);

    if (old->high_bytes > h->allocated_bytes && old->high_bytes <= most_bytes) {
        h->max_allocated_bytes = old->high_bytes;
    }
    counters_set_low_water(h, old->low_buckets);
    if (old->low_buckets > h->avail_buckets) {
        counters_reset_low_water(h);
    }
}

#else

static struct marks marks_of(const struct z_heap *h)
{
    (void)h;
    return (struct marks){0, 0};
}

static void keep_marks(struct z_heap *h, const struct marks *old)
{
    (void)h, (void)old;
}

#endif

/* Where the next chunk goes. */
struct row {
    struct z_heap *h;
    chunk_id next;
    uint32_t left_units; /* of the chunk before it */
};

static chunk_id append(struct row *row, uint32_t units, bool used)
{
    chunk_id c = row->next;

    chunk_set_left_size(row->h, c, row->left_units);
    chunk_set_size(row->h, c, units, used);
    row->left_units = units;
    row->next = chunk_after(c, units);
    return c;
}

/* Fills the row with a free chunk up to a unit, unless it is there already. */
static void append_free(struct row *row, uint32_t end_unit)
{
    uint32_t units = end_unit - row->next.unit;

    if (units != 0) {
        free_list_add(row->h, append(row, units, false), units);
    }
}

static void append_used(struct row *row, uint32_t units)
{
    harden_occupy(row->h, append(row, units, true), units);
    counters_allocated(row->h, units);
}

/* Writes all chunks behind chunk 0. */
static void write_chunks(struct z_heap *h, const struct heap_ledger *ledger)
{
    struct row row = {h, chunk_first(h), chunk_first(h).unit};
    struct ledger_chunk chunk;

    while (ledger_next(ledger, row.next.unit, &chunk)) {
        append_free(&row, chunk.first_unit);
        append_used(&row, chunk.units);
    }
    append_free(&row, h->end_chunk);
    layout_write_end(h, row.next, row.left_units);
}

bool heap_rebuild(struct sys_heap *heap, const struct heap_ledger *ledger, size_t bytes,
                  enum quarry_heap_buckets buckets)
{
    struct z_heap *h = heap->heap;
    struct heap_layout layout;
    bool fine = buckets == QUARRY_HEAP_FINE_BUCKETS;

    if (h == NULL || !layout_find((uintptr_t)h, bytes, bytes, fine, &layout) ||
        !ledger_is_for(ledger, bytes) || !ledger_fits(ledger, &layout)) {
        return false;
    }
    note_enter();
    h->end_chunk = layout.units; /* says where the marks are */
    struct marks marks = marks_of(h);
    layout_write_chunk0(h, &layout);
    write_chunks(h, ledger);
    keep_marks(h, &marks);
    note_leave();
    return true;
}
