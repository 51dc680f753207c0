/* SPDX-License-Identifier: Apache-2.0 */
/* The fields in the order in which they are found:
 *
 *     | notes, size | end, mask, counters, base | masks, heads, T | left, size (links) T | ...
 *     '-------------------- header chunk -------------------------' '- chunks, end marker -'
 *
 * T is the trailer of a used chunk. Where a field lies and how wide it is, and which list a size
 * belongs to, comes from the headers of lib/core. */
#include "heap_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <core/chunk.h>
#include <core/free_list.h>
#include <core/sys_heap_walk.h>

/* What the walk carries with it. */
struct finder {
    struct z_heap *h;
    struct heap_fields *fields;
};

/* ---- the format, as lib/core has it ---- */

static size_t field_bytes(const struct z_heap *h)
{
    return chunk_header_bytes(h) / 2u;
}

static uint8_t *field_at(const struct z_heap *h, uint32_t unit, enum chunk_word word)
{
    return (uint8_t *)chunk_start(h, (chunk_id){unit}) + (size_t)word * field_bytes(h);
}

/* 4-byte words behind the fixed part of the header chunk: heads, and masks before them. */
static size_t list_words(const struct z_heap *h)
{
    size_t chunk_bytes = (size_t)chunk_size(h, CHUNK_NONE) * CHUNK_UNIT_BYTES;
    return (chunk_bytes - CHUNK_TRAILER_BYTES - sizeof *h) / sizeof h->buckets[0];
}

static size_t mask_words(const struct z_heap *h)
{
    return free_list_is_fine(h) ? FINE_LEVELS : 0;
}

static uint32_t bucket_of(const struct z_heap *h, uint32_t size)
{
    return free_list_is_fine(h) ? fine_slot(size) : ring_bucket(h, size);
}

/* ---- finding ---- */

static _Noreturn void give_up(const char *problem)
{
    fprintf(stderr, "heap_fields: %s\n", problem);
    exit(2);
}

static void add(const struct finder *finder, struct heap_field_place place)
{
    struct heap_fields *fields = finder->fields;
    if (fields->count == HEAP_FIELDS_MAX) {
        give_up("too many fields");
    }
    fields->places[fields->count++] = place;
}

static void add_chunk_field(const struct finder *finder, uint32_t unit, enum chunk_word word,
                            const char *name)
{
    bool first = unit == 0 && word == CHUNK_LEFT_SIZE;
    add(finder, (struct heap_field_place){
                    .at = field_at(finder->h, unit, word),
                    .bytes = field_bytes(finder->h),
                    .kind = first ? HEAP_FIELD_NOTES : HEAP_FIELD_OF_CHUNK,
                    .name = name,
                    .unit = unit,
                });
}

static void add_header(const struct finder *finder, uint32_t unit)
{
    add_chunk_field(finder, unit, CHUNK_LEFT_SIZE, "left size");
    add_chunk_field(finder, unit, CHUNK_SIZE_AND_USED, "size and used");
}

/* The trailer of a used chunk, in builds that have one. */
static void add_trailer(const struct finder *finder, uint32_t unit)
{
    chunk_id c = {unit};
    if (CHUNK_TRAILER_BYTES > 0) {
        add(finder, (struct heap_field_place){
                        .at = (uint8_t *)chunk_trailer(finder->h, c, chunk_size(finder->h, c)),
                        .bytes = CHUNK_TRAILER_BYTES,
                        .kind = HEAP_FIELD_OF_CHUNK,
                        .name = "trailer",
                        .unit = unit,
                    });
    }
}

static bool add_chunk(const struct heap_chunk_view *view, void *arg)
{
    const struct finder *finder = arg;
    struct heap_fields *fields = finder->fields;
    struct heap_field_chunk chunk = {.unit = view->offset_units, .size = view->size_units};
    add_header(finder, chunk.unit);
    if (view->listed) {
        chunk.listed = true;
        chunk.bucket = bucket_of(finder->h, chunk.size);
        add_chunk_field(finder, chunk.unit, CHUNK_FREE_PREV, "previous in list");
        add_chunk_field(finder, chunk.unit, CHUNK_FREE_NEXT, "next in list");
    }
    if (view->used) {
        fields->allocated_bytes += view->mem_bytes;
        add_trailer(finder, chunk.unit);
    }
    if (fields->chunk_count == HEAP_FIELD_CHUNKS_MAX) {
        give_up("too many chunks");
    }
    fields->chunks[fields->chunk_count++] = chunk;
    return true;
}

static void add_heap_word(const struct finder *finder, void *word, size_t bytes,
                          enum heap_field_kind kind, const char *name)
{
    add(finder, (struct heap_field_place){.at = word, .bytes = bytes, .kind = kind, .name = name});
}

#define ADD_WORD(finder, member, kind, name)                                                       \
    add_heap_word((finder), &(finder)->h->member, sizeof(finder)->h->member, (kind), (name))

#if QUARRY_HEAP_RUNTIME_STATS
static void add_counters(const struct finder *finder)
{
    ADD_WORD(finder, free_bytes, HEAP_FIELD_OF_HEAP, "free bytes");
    ADD_WORD(finder, allocated_bytes, HEAP_FIELD_OF_HEAP, "allocated bytes");
    ADD_WORD(finder, max_allocated_bytes, HEAP_FIELD_HIGH_WATER, "most allocated bytes");
}
#else
static void add_counters(const struct finder *finder)
{
    (void)finder;
}
#endif

#if QUARRY_HEAP_HARDENING >= 3 && QUARRY_HEAP_CANARIES_RANDOM
static void add_canary_base(const struct finder *finder)
{
    ADD_WORD(finder, canary_base[0], HEAP_FIELD_OF_HEAP, "canary base, low");
    ADD_WORD(finder, canary_base[1], HEAP_FIELD_OF_HEAP, "canary base, high");
}
#else
static void add_canary_base(const struct finder *finder)
{
    (void)finder;
}
#endif

static void add_lists(const struct finder *finder)
{
    struct z_heap_bucket *words = finder->h->buckets;
    size_t masks = mask_words(finder->h);
    size_t count = list_words(finder->h);
    for (size_t i = 0; i < count; i++) {
        bool is_mask = i < masks;
        add(finder, (struct heap_field_place){
                        .at = (uint8_t *)&words[i].next,
                        .bytes = sizeof words[i].next,
                        .kind = is_mask ? HEAP_FIELD_OF_HEAP : HEAP_FIELD_LIST_HEAD,
                        .name = is_mask ? "second-level mask" : "list head",
                        .bucket = (uint32_t)(is_mask ? i : i - masks),
                    });
    }
}

void heap_fields_find(const struct sys_heap *heap, struct heap_fields *fields)
{
    struct finder finder = {.h = heap->heap, .fields = fields};
    fields->count = 0;
    fields->chunk_count = 0;
    fields->end_unit = finder.h->end_chunk;
    fields->allocated_bytes = 0;
    fields->low_water_max =
        finder.h->avail_buckets == 0 ? 0 : UINT32_MAX >> __builtin_clz(finder.h->avail_buckets);
    add_header(&finder, 0);
    ADD_WORD(&finder, end_chunk, HEAP_FIELD_OF_HEAP, "end of the heap");
    ADD_WORD(&finder, avail_buckets, HEAP_FIELD_OF_HEAP, "mask of lists");
    add_counters(&finder);
    add_canary_base(&finder);
    add_lists(&finder);
    add_trailer(&finder, 0);
    if (!heap_walk(heap, add_chunk, &finder)) {
        give_up("the heap is not good");
    }
    add_header(&finder, fields->end_unit);
}

/* ---- values ---- */

void heap_fields_chain(const struct sys_heap *heap, uint32_t unit, uint32_t size)
{
    struct z_heap *h = heap->heap;
    chunk_id c = {unit};
    chunk_set_size(h, c, size, true);
    chunk_set_left_size(h, chunk_after(c, size), size);
    harden_occupy(h, c, size);
}

uint64_t heap_field_get(const struct heap_field_place *place)
{
    uint64_t value = 0;
    memcpy(&value, place->at, place->bytes); /* the lowest byte comes first */
    return value;
}

void heap_field_set(const struct heap_field_place *place, uint64_t value)
{
    memcpy(place->at, &value, place->bytes);
}
