/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a whole heap without changing it: the walk, and the validator on top of it.
 *
 * The walk follows sizes from chunk 0 to the end marker, checking both directions of each step. The
 * validator checks the rest of chunk.h's invariants. That the free lists hold just the free chunks
 * (invariant 4) is shown without marking any chunk: each list is a ring whose links agree in both
 * directions, so it visits nothing twice; different lists hold different sizes; and the set of all
 * listed chunks equals the set of all listable chunks of the walk, because the two have the same
 * number of members and the same sum of a 64-bit mix of their ids. Unequal sets pass with a chance
 * of 2^-64; in exchange the validator is re-entrant and works on read-only memory. */
#include "core/sys_heap_walk.h"

#include "core/chunk.h"
#include "core/free_list.h"
#include "core/note.h"

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
    uint32_t units = chunk_size(h, c);

    return units != 0 && units <= h->end_chunk - c.unit &&
           chunk_left_size(h, chunk_right(h, c)) == units;
}

static struct heap_chunk_view view_of(const struct z_heap *h, chunk_id c)
{
    bool used = chunk_used(h, c);

    return (struct heap_chunk_view){
        .mem = chunk_mem(h, c),
        .mem_bytes = chunk_bytes_from(h, c, chunk_mem(h, c)),
        .offset_units = c.unit,
        .size_units = chunk_size(h, c),
        .used = used,
        .listed = !used && !chunk_undersized(h, c),
    };
}

/* Chunk 0 and the end marker are what format() in sys_heap_grow.c made of them. */
static bool ends_are_sound(const struct z_heap *h)
{
    chunk_id chunk0 = CHUNK_NONE;

    return h->end_chunk <= CHUNK_MAX_UNITS && chunk_left_size(h, chunk0) == 0 &&
           chunk_used(h, chunk0) && chunk_size(h, chunk0) * CHUNK_UNIT_BYTES > sizeof(*h) &&
           chunk_chains(h, chunk0);
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
    struct chunk_set listable;
    bool left_is_free;
    bool sound;
};

static bool count_chunk(const struct heap_chunk_view *view, void *arg)
{
    struct census *census = (struct census *)arg;
    bool undersized_block = view->used && view->size_units < CHUNK_MIN_UNITS;
    bool unmerged = !view->used && census->left_is_free;

    if (view->listed) {
        chunk_set_insert(&census->listable, (chunk_id){view->offset_units});
    }
    census->left_is_free = !view->used;
    census->sound = !undersized_block && !unmerged;
    return census->sound;
}

/* Whether c, reached over a link, can be a member of the bucket's ring. */
static bool member_is_sound(const struct z_heap *h, chunk_id c, unsigned int bucket)
{
    if (c.unit < chunk_first(h).unit || c.unit >= h->end_chunk) {
        return false;
    }
    if (chunk_used(h, c) || chunk_undersized(h, c) || chunk_bucket(chunk_size(h, c)) != bucket) {
        return false;
    }
    chunk_id next = free_list_next(h, c);
    return next.unit >= chunk_first(h).unit && next.unit < h->end_chunk &&
           chunk_same(free_list_prev(h, next), c);
}

/* Adds the members of a non-empty ring to `listed`. False if the ring is broken, or longer than the
 * number of listable chunks. */
static bool ring_is_sound(const struct z_heap *h, unsigned int bucket, uint64_t longest,
                          struct chunk_set *listed)
{
    chunk_id head = free_list_head(h, bucket);
    chunk_id c = head;

    do {
        if (listed->count == longest || !member_is_sound(h, c, bucket)) {
            return false;
        }
        chunk_set_insert(listed, c);
        c = free_list_next(h, c);
    } while (!chunk_same(c, head));
    return true;
}

/* Invariants 4 and 6. */
static bool lists_are_sound(const struct z_heap *h, const struct chunk_set *listable)
{
    uint32_t chunk0_bytes = chunk_size(h, CHUNK_NONE) * CHUNK_UNIT_BYTES;
    size_t slots = (chunk0_bytes - sizeof(*h)) / sizeof(h->buckets[0]);
    struct chunk_set listed = {0, 0};

    if (slots > 32 || (slots < 32 && h->avail_buckets >> slots != 0)) {
        return false;
    }
    for (unsigned int bucket = 0; bucket < slots; bucket++) {
        bool empty = (h->avail_buckets >> bucket & 1u) == 0;

        if (empty != chunk_same(free_list_head(h, bucket), CHUNK_NONE)) {
            return false;
        }
        if (!empty && !ring_is_sound(h, bucket, listable->count, &listed)) {
            return false;
        }
    }
    return listed.count == listable->count && listed.sum == listable->sum;
}

bool sys_heap_validate(struct sys_heap *heap)
{
    struct census census = {.sound = true};
    struct z_heap *h = heap->heap;

    if (h == NULL) {
        return false;
    }
    note_enter();
    bool sound =
        walk(h, count_chunk, &census) && census.sound && lists_are_sound(h, &census.listable);
    note_leave();
    return sound;
}
