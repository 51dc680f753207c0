/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a whole heap without changing it: the walk, and the validator on top of it.
 *
 * The walk follows sizes from chunk 0 to the end marker, checking both directions of each step. The
 * validator checks the rest of chunk.h's invariants. That the free lists hold just the free chunks
 * (invariant 4) is shown without marking any chunk: the links of each list agree in both
 * directions, so it visits nothing twice; different lists hold different sizes; and the set of all
 * listed chunks equals the set of all listable chunks of the walk, because the two have the same
 * number of members and the same sum of a 64-bit mix of their ids. Unequal sets pass with a chance
 * of 2^-64; in exchange the validator is re-entrant and works on read-only memory. */
#include "core/sys_heap_walk.h"

#include "core/chunk.h"
#include "core/counters.h"
#include "core/free_list.h"
#include "core/harden.h"
#include "core/note.h"

/* The largest heap has 31 rings, and the heads fill units. Fine buckets take more words always, so
 * a heap with one kind is not taken for one with the other. */
#define RING_MOST_WORDS 32u

/* A set of chunks, as far as equality goes. */
struct chunk_set {
    uint64_t count;
    uint64_t sum;
};

static void chunk_set_insert(struct chunk_set *set, chunk_id c)
{
    /* Two odd multipliers with a fold between them: every bit of the id reaches the upper half. */
    uint64_t mixed = ((uint64_t)c.unit + 1) * 0x9e3779b97f4a7c15u;

    mixed = (mixed ^ (mixed >> 32)) * 0xd6e8feb86659fd93u;
    set->sum += mixed ^ (mixed >> 32);
    set->count++;
}

/* Invariants 1 and 2 at c: a size that leads to a chunk which knows c. */
static bool chunk_chains(const struct z_heap *h, chunk_id c)
{
    return chunk_size(h, c) != 0 && harden_right_agrees(h, c);
}

/* An undersized chunk has no room for a user's byte. */
static size_t mem_bytes_of(const struct z_heap *h, uint32_t units)
{
    return free_list_has(h, units) ? chunk_usable_bytes(h, units) : 0;
}

static struct heap_chunk_view view_of(const struct z_heap *h, chunk_id c)
{
    bool used = chunk_used(h, c);

    return (struct heap_chunk_view){
        .mem = chunk_mem(h, c),
        .mem_bytes = mem_bytes_of(h, chunk_size(h, c)),
        .offset_units = c.unit,
        .size_units = chunk_size(h, c),
        .used = used,
        .listed = !used && free_list_has(h, chunk_size(h, c)),
    };
}

/* Chunk 0 and the end marker are what format() in sys_heap_grow.c made of them. */
static bool ends_are_sound(const struct z_heap *h)
{
    chunk_id chunk0 = CHUNK_NONE;
    uint32_t fixed_bytes = sizeof(*h) + CHUNK_TRAILER_BYTES;

    return h->end_chunk <= CHUNK_MAX_UNITS && chunk_used(h, chunk0) &&
           chunk_size(h, chunk0) < CHUNK_BIG_MAX_UNITS / CHUNK_UNIT_BYTES &&
           chunk_size(h, chunk0) * CHUNK_UNIT_BYTES > fixed_bytes && chunk_chains(h, chunk0) &&
           harden_canary_is_right(h, chunk0);
}

static bool walk(const struct z_heap *h, heap_visit_fn visit, void *arg)
{
    if (!ends_are_sound(h)) {
        return false;
    }
    for (chunk_id c = chunk_first(h); c.unit != h->end_chunk; c = chunk_right(h, c)) {
        if (!chunk_chains(h, c)) {
            return false;
        }
        struct heap_chunk_view view = view_of(h, c);
        if (!visit(&view, arg)) {
            return true;
        }
    }
    return chunk_get(h, chunk_end(h), CHUNK_SIZE_AND_USED) == 1;
}

bool heap_walk(const struct sys_heap *heap, heap_visit_fn visit, void *arg)
{
    if (heap->heap == NULL) {
        return false;
    }
    note_enter();
    bool sound = walk(heap->heap, visit, arg);
    note_leave();
    return sound;
}

/* What the validator gathers on its walk. */
struct census {
    const struct z_heap *heap;
    struct chunk_set listable;
    size_t free_bytes;
    size_t allocated_bytes;
    bool left_is_free;
    bool sound;
};

static bool count_chunk(const struct heap_chunk_view *view, void *arg)
{
    struct census *census = (struct census *)arg;
    chunk_id c = {view->offset_units};
    bool unmerged = !view->used && census->left_is_free;

    if (view->listed) {
        chunk_set_insert(&census->listable, c);
        census->free_bytes += view->mem_bytes;
    }
    if (view->used) {
        bool undersized = view->size_units < chunk_min_units(census->heap);

        census->allocated_bytes += view->mem_bytes;
        census->sound = !undersized && harden_canary_is_right(census->heap, c);
    }
    census->left_is_free = !view->used;
    census->sound = census->sound && !unmerged;
    return census->sound;
}

/* Whether c, reached over a link or a head, can be a member of a list. */
static bool is_member(const struct z_heap *h, chunk_id c)
{
    return c.unit >= chunk_first(h).unit && c.unit < h->end_chunk && !chunk_used(h, c) &&
           free_list_has(h, chunk_size(h, c));
}

/* Each adds the members of a list that is not empty to `listed`. False if the list is broken, has a
 * member that belongs elsewhere, or is longer than `longest` chunks in all. */
static bool ring_is_sound(const struct z_heap *h, unsigned int bucket, uint64_t longest,
                          struct chunk_set *listed)
{
    chunk_id head = {h->buckets[bucket].next};
    chunk_id c = head;

    do {
        if (listed->count == longest || !is_member(h, c) ||
            ring_bucket(h, chunk_size(h, c)) != bucket) {
            return false;
        }
        chunk_id next = {chunk_get(h, c, CHUNK_FREE_NEXT)};
        if (!is_member(h, next) || chunk_get(h, next, CHUNK_FREE_PREV) != c.unit) {
            return false;
        }
        chunk_set_insert(listed, c);
        c = next;
    } while (!chunk_same(c, head));
    return true;
}

static bool slot_is_sound(const struct z_heap *h, unsigned int slot, uint64_t longest,
                          struct chunk_set *listed)
{
    chunk_id c = {fine_lists_of(h)->heads[slot]};
    chunk_id prev = c; /* at either end a chunk links to itself */

    for (;;) {
        if (listed->count == longest || !is_member(h, c) || fine_slot(chunk_size(h, c)) != slot ||
            chunk_get(h, c, CHUNK_FREE_PREV) != prev.unit) {
            return false;
        }
        chunk_set_insert(listed, c);
        prev = c;
        c.unit = chunk_get(h, c, CHUNK_FREE_NEXT);
        if (chunk_same(c, prev)) {
            return true;
        }
    }
}

/* Bit i of a mask, for any i. */
static bool mask_has(uint32_t mask, uint32_t i)
{
    return i < 32 && (mask >> i & 1u) != 0;
}

static bool rings_are_sound(const struct z_heap *h, uint32_t words, uint64_t longest,
                            struct chunk_set *listed)
{
    for (uint32_t bucket = 0; bucket < 32 || bucket < words; bucket++) {
        bool empty = !mask_has(h->avail_buckets, bucket);

        if (bucket >= words ? !empty : empty != (h->buckets[bucket].next == CHUNK_NONE.unit)) {
            return false;
        }
        if (!empty && !ring_is_sound(h, bucket, longest, listed)) {
            return false;
        }
    }
    return true;
}

static bool slots_are_sound(const struct z_heap *h, uint32_t words, uint64_t longest,
                            struct chunk_set *listed)
{
    const struct fine_lists *lists = fine_lists_of(h);
    uint32_t slots = words - FINE_LEVELS;

    for (uint32_t slot = 0; slot < slots || slot < FINE_LEVELS * FINE_SUB_BUCKETS; slot++) {
        uint32_t level = slot / FINE_SUB_BUCKETS;
        uint32_t sub = level < FINE_LEVELS ? lists->sub[level] : 0;
        bool empty = !mask_has(sub, slot % FINE_SUB_BUCKETS);

        if (mask_has(h->avail_buckets, level) != (sub != 0)) {
            return false;
        }
        if (slot >= slots ? !empty : empty != (lists->heads[slot] == CHUNK_NONE.unit)) {
            return false;
        }
        if (!empty && !slot_is_sound(h, slot, longest, listed)) {
            return false;
        }
    }
    return h->avail_buckets >> FINE_LEVELS == 0;
}

/* Invariants 4 and 6, and that there are lists enough for any chunk that there can be. */
static bool lists_are_sound(const struct z_heap *h, const struct chunk_set *listable)
{
    uint32_t chunk0_bytes = chunk_size(h, CHUNK_NONE) * CHUNK_UNIT_BYTES;
    uint32_t words =
        (uint32_t)((chunk0_bytes - CHUNK_TRAILER_BYTES - sizeof(*h)) / sizeof(h->buckets[0]));
    struct chunk_set listed = {0, 0};
    bool fine = free_list_is_fine(h);

    if (words < free_list_words(h->end_chunk, chunk_is_big(h), fine) ||
        (!fine && words > RING_MOST_WORDS)) {
        return false;
    }
    bool sound = fine ? slots_are_sound(h, words, listable->count, &listed)
                      : rings_are_sound(h, words, listable->count, &listed);

    return sound && listed.count == listable->count && listed.sum == listable->sum;
}

/* Walks the heap and its lists; the census holds what was found. */
static bool take_census(const struct z_heap *h, struct census *census)
{
    *census = (struct census){.heap = h, .sound = true};
    return walk(h, count_chunk, census) && census->sound && lists_are_sound(h, &census->listable);
}

bool heap_is_sound(const struct z_heap *h)
{
    struct census census;

    return take_census(h, &census);
}

bool sys_heap_validate(struct sys_heap *heap)
{
    const struct z_heap *h = heap->heap;
    struct census census;

    if (h == NULL) {
        return false;
    }
    note_enter();
    bool sound =
        take_census(h, &census) && counters_agree(h, census.free_bytes, census.allocated_bytes);
    note_leave();
    return sound;
}
