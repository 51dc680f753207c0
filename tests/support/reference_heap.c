/* SPDX-License-Identifier: Apache-2.0 */
/* The reference model: what sys_heap must do, said as plainly as possible.
 *
 * Chunks are an array in address order. Splitting inserts an element, merging removes one, and a
 * neighbour is the element before or after. A free list is an array whose first element is the one
 * to be tried next:
 *
 *     a rejected element    moves from the front to the back
 *     a freed chunk         joins at the back
 *     a removed element     comes to the front by rotation, then leaves: what followed it is next
 *
 * Every operation is linear in the number of chunks. Nothing here is shared with the library, on
 * purpose: a mistake would have to be made twice, in two shapes, to go unseen.
 *
 * Rules, numbered for reference:
 *  1. A chunk of fewer than 2 units is free but on no list.
 *  2. Bucket i holds free chunks of 2^i + 1 to 2^(i+1) units.
 *  3. A search looks at up to `tries` chunks of its own bucket, then takes the first of the lowest
 *     non-empty higher bucket.
 *  4. What an allocation does not need is split off and listed at once: in front, then behind.
 *  5. A freed chunk merges with its right, then with its left free neighbour, then is listed. */
#include "reference_heap.h"

#include <stdlib.h>
#include <string.h>
#include "heap_picture.h"

#define UNIT_BYTES        8u
#define HEADER_BYTES      8u
#define MIN_CHUNK_UNITS   2u
#define FOOTER_BYTES      8u
#define HEAP_STRUCT_BYTES 16u
#define LIST_HEAD_BYTES   4u
#define MAX_HEAP_UNITS    0x7fffffffu
#define NO_CHUNK          SIZE_MAX

/* ---- arithmetic ---- */

static uint64_t round_up(uint64_t value, uint64_t multiple)
{
    return (value + multiple - 1u) / multiple * multiple;
}

static unsigned int log2_floor(uint64_t value)
{
    unsigned int result = 0;
    while (value > 1) {
        value /= 2;
        result++;
    }
    return result;
}

unsigned int reference_bucket_of(uint32_t units)
{
    return log2_floor(units - MIN_CHUNK_UNITS + 1u);
}

/* Units of a chunk that holds bytes + extra bytes; everything too large is the size of the heap. */
static uint32_t wanted_units(const struct reference_heap *heap, size_t bytes, size_t extra)
{
    size_t rests = bytes % UNIT_BYTES + extra % UNIT_BYTES + HEADER_BYTES;
    size_t units =
        bytes / UNIT_BYTES + extra / UNIT_BYTES + round_up(rests, UNIT_BYTES) / UNIT_BYTES;
    return units > heap->end_units ? heap->end_units : (uint32_t)units;
}

/* ---- arrays ---- */

static void *grown(void *array, size_t count, size_t *capacity, size_t element_bytes)
{
    if (count < *capacity) {
        return array;
    }
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    void *larger = realloc(array, *capacity * element_bytes);
    if (larger == NULL) {
        abort(); /* the machine, not the heap under test, is out of memory */
    }
    return larger;
}

/* Index of the chunk that the unit belongs to: the last chunk that starts at or before it. */
static size_t chunk_at(const struct reference_heap *heap, uint32_t unit)
{
    size_t low = 0;
    size_t high = heap->chunk_count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (heap->chunks[middle].start <= unit) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static void insert_chunk(struct reference_heap *heap, size_t index, struct reference_chunk chunk)
{
    heap->chunks = grown(heap->chunks, heap->chunk_count, &heap->chunk_capacity, sizeof chunk);
    memmove(heap->chunks + index + 1, heap->chunks + index,
            (heap->chunk_count - index) * sizeof chunk);
    heap->chunks[index] = chunk;
    heap->chunk_count++;
}

/* Gives the units of chunk index + 1 to chunk index. */
static void merge_with_next(struct reference_heap *heap, size_t index)
{
    heap->chunks[index].size += heap->chunks[index + 1].size;
    heap->chunk_count--;
    memmove(heap->chunks + index + 1, heap->chunks + index + 2,
            (heap->chunk_count - index - 1) * sizeof heap->chunks[0]);
}

/* Shortens chunk index to size units; the rest becomes chunk index + 1, of the same state. */
static void split(struct reference_heap *heap, size_t index, uint32_t size)
{
    struct reference_chunk rest = heap->chunks[index];
    rest.start += size;
    rest.size -= size;
    heap->chunks[index].size = size;
    insert_chunk(heap, index + 1, rest);
}

/* ---- free lists ---- */

static struct reference_bucket *bucket_of(struct reference_heap *heap, uint32_t size)
{
    return &heap->buckets[reference_bucket_of(size)];
}

static void reject_first(struct reference_bucket *bucket)
{
    uint32_t first = bucket->starts[0];
    memmove(bucket->starts, bucket->starts + 1, (bucket->count - 1) * sizeof first);
    bucket->starts[bucket->count - 1] = first;
}

static void list(struct reference_heap *heap, size_t index)
{
    struct reference_chunk chunk = heap->chunks[index];
    if (chunk.size < MIN_CHUNK_UNITS) {
        return;
    }
    struct reference_bucket *bucket = bucket_of(heap, chunk.size);
    bucket->starts = grown(bucket->starts, bucket->count, &bucket->capacity, sizeof chunk.start);
    bucket->starts[bucket->count++] = chunk.start;
}

static void unlist(struct reference_heap *heap, size_t index)
{
    struct reference_chunk chunk = heap->chunks[index];
    if (chunk.size < MIN_CHUNK_UNITS) {
        return;
    }
    struct reference_bucket *bucket = bucket_of(heap, chunk.size);
    while (bucket->starts[0] != chunk.start) {
        reject_first(bucket);
    }
    bucket->count--;
    memmove(bucket->starts, bucket->starts + 1, bucket->count * sizeof chunk.start);
}

/* Index of a chunk of that bucket which holds size units, or NO_CHUNK. */
static size_t search_own_bucket(struct reference_heap *heap, struct reference_bucket *bucket,
                                uint32_t size)
{
    size_t looks = bucket->count < heap->tries ? bucket->count : heap->tries;
    for (size_t look = 0; look < looks; look++) {
        size_t index = chunk_at(heap, bucket->starts[0]);
        if (heap->chunks[index].size >= size) {
            return index;
        }
        reject_first(bucket);
    }
    return NO_CHUNK;
}

/* Takes a free chunk of at least size units from its list; NO_CHUNK if the search finds none. */
static size_t take_chunk(struct reference_heap *heap, uint32_t size)
{
    unsigned int own = reference_bucket_of(size);
    size_t index = search_own_bucket(heap, &heap->buckets[own], size);
    for (unsigned int above = own + 1; index == NO_CHUNK && above < REFERENCE_BUCKETS; above++) {
        if (heap->buckets[above].count > 0) {
            index = chunk_at(heap, heap->buckets[above].starts[0]);
        }
    }
    if (index != NO_CHUNK) {
        unlist(heap, index);
        heap->chunks[index].used = true;
    }
    return index;
}

/* ---- pieces of the operations ---- */

static size_t data_offset(const struct reference_heap *heap, size_t index)
{
    return (size_t)heap->chunks[index].start * UNIT_BYTES + HEADER_BYTES;
}

static size_t chunk_of_block(const struct reference_heap *heap, size_t offset)
{
    return chunk_at(heap, (uint32_t)((offset - HEADER_BYTES) / UNIT_BYTES));
}

/* Keeps the first size units of a used chunk; the rest becomes free and is listed, unmerged. */
static void give_back_behind(struct reference_heap *heap, size_t index, uint32_t size)
{
    if (heap->chunks[index].size > size) {
        split(heap, index, size);
        heap->chunks[index + 1].used = false;
        list(heap, index + 1);
    }
}

/* The same for the units in front of start; returns the new index of the used chunk. */
static size_t give_back_in_front(struct reference_heap *heap, size_t index, uint32_t start)
{
    uint32_t front = start - heap->chunks[index].start;
    if (front == 0) {
        return index;
    }
    split(heap, index, front);
    heap->chunks[index].used = false;
    list(heap, index);
    return index + 1;
}

static void free_chunk(struct reference_heap *heap, size_t index)
{
    heap->chunks[index].used = false;
    if (!heap->chunks[index + 1].used) {
        unlist(heap, index + 1);
        merge_with_next(heap, index);
    }
    if (!heap->chunks[index - 1].used) {
        index--;
        unlist(heap, index);
        merge_with_next(heap, index);
    }
    list(heap, index);
}

/* ---- the operations ---- */

bool reference_init(struct reference_heap *heap, uintptr_t mem, size_t bytes)
{
    memset(heap, 0, sizeof *heap);
    if (mem == 0 || bytes <= FOOTER_BYTES || bytes > UINTPTR_MAX - mem) {
        return false;
    }
    uintptr_t limit = mem + bytes - FOOTER_BYTES;
    limit -= limit % UNIT_BYTES;
    heap->base = round_up(mem, UNIT_BYTES);
    if (heap->base < mem || limit <= heap->base) {
        return false;
    }
    size_t units = (limit - heap->base) / UNIT_BYTES;
    if (units < MIN_CHUNK_UNITS || units > MAX_HEAP_UNITS) {
        return false;
    }
    heap->end_units = (uint32_t)units;
    heap->tries = QUARRY_HEAP_ALLOC_LOOPS;

    size_t buckets = reference_bucket_of(heap->end_units) + 1u;
    uint64_t header_bytes = HEAP_STRUCT_BYTES + LIST_HEAD_BYTES * buckets;
    uint32_t header_units = (uint32_t)(round_up(header_bytes, UNIT_BYTES) / UNIT_BYTES);
    if (header_units + MIN_CHUNK_UNITS > heap->end_units) {
        return false;
    }
    uint32_t space = heap->end_units - header_units;
    insert_chunk(heap, 0, (struct reference_chunk){.size = header_units, .used = true});
    insert_chunk(heap, 1, (struct reference_chunk){.start = header_units, .size = space});
    insert_chunk(heap, 2, (struct reference_chunk){.start = heap->end_units, .used = true});
    list(heap, 1);
    return true;
}

void reference_destroy(struct reference_heap *heap)
{
    free(heap->chunks);
    for (unsigned int i = 0; i < REFERENCE_BUCKETS; i++) {
        free(heap->buckets[i].starts);
    }
    memset(heap, 0, sizeof *heap);
}

size_t reference_alloc(struct reference_heap *heap, size_t bytes)
{
    if (bytes == 0) {
        return REFERENCE_NULL;
    }
    uint32_t size = wanted_units(heap, bytes, 0);
    size_t index = take_chunk(heap, size);
    if (index == NO_CHUNK) {
        return REFERENCE_NULL;
    }
    give_back_behind(heap, index, size);
    return data_offset(heap, index);
}

size_t reference_aligned_alloc(struct reference_heap *heap, size_t align, size_t bytes)
{
    size_t lowest_bit = align & (~align + 1u);
    bool rewinds = align != lowest_bit;
    if (!rewinds && align <= HEADER_BYTES) {
        return reference_alloc(heap, bytes);
    }
    size_t rewind = rewinds ? lowest_bit : 0;
    size_t boundary = align - rewind;
    size_t gap = rewinds && rewind < HEADER_BYTES ? rewind : HEADER_BYTES;
    if (bytes == 0) {
        return REFERENCE_NULL;
    }
    size_t index = take_chunk(heap, wanted_units(heap, bytes, boundary - gap));
    if (index == NO_CHUNK) {
        return REFERENCE_NULL;
    }
    uintptr_t lowest = heap->base + data_offset(heap, index);
    uintptr_t address = round_up(lowest + rewind, boundary) - rewind;
    size_t offset = address - heap->base;
    uint32_t start = (uint32_t)((offset - HEADER_BYTES) / UNIT_BYTES);
    uint32_t end = (uint32_t)(round_up(offset + bytes, UNIT_BYTES) / UNIT_BYTES);
    index = give_back_in_front(heap, index, start);
    give_back_behind(heap, index, end - start);
    return offset;
}

void reference_free(struct reference_heap *heap, size_t offset)
{
    if (offset != REFERENCE_NULL) {
        free_chunk(heap, chunk_of_block(heap, offset));
    }
}

size_t reference_usable_size(const struct reference_heap *heap, size_t offset)
{
    const struct reference_chunk *chunk = &heap->chunks[chunk_of_block(heap, offset)];
    return ((size_t)chunk->start + chunk->size) * UNIT_BYTES - offset;
}

/* Changes the size of the block where it is; false, and nothing changed, if that is impossible. */
static bool resize_in_place(struct reference_heap *heap, size_t offset, size_t bytes)
{
    size_t index = chunk_of_block(heap, offset);
    struct reference_chunk *chunk = &heap->chunks[index];
    struct reference_chunk *right = chunk + 1;
    uint32_t need = wanted_units(heap, bytes, offset - data_offset(heap, index));
    if (need <= chunk->size) {
        if (need < chunk->size) {
            split(heap, index, need);
            free_chunk(heap, index + 1);
        }
        return true;
    }
    if (right->used || chunk->size + right->size < need) {
        return false;
    }
    unlist(heap, index + 1);
    merge_with_next(heap, index);
    give_back_behind(heap, index, need);
    return true;
}

/* align 0 asks for no particular alignment. */
size_t reference_aligned_realloc(struct reference_heap *heap, size_t offset, size_t align,
                                 size_t bytes)
{
    if (offset == REFERENCE_NULL) {
        return reference_aligned_alloc(heap, align, bytes);
    }
    if (bytes == 0) {
        reference_free(heap, offset);
        return REFERENCE_NULL;
    }
    bool aligned = align == 0 || (heap->base + offset) % align == 0;
    if (aligned && resize_in_place(heap, offset, bytes)) {
        return offset;
    }
    size_t moved = reference_aligned_alloc(heap, align, bytes);
    if (moved != REFERENCE_NULL) {
        reference_free(heap, offset);
    }
    return moved;
}

size_t reference_realloc(struct reference_heap *heap, size_t offset, size_t bytes)
{
    return reference_aligned_realloc(heap, offset, 0, bytes);
}

void reference_picture(const struct reference_heap *heap, char *text, size_t size)
{
    struct picture picture = picture_begin(text, size);
    for (size_t i = 1; i + 1 < heap->chunk_count; i++) {
        const struct reference_chunk *chunk = &heap->chunks[i];
        char free_kind = chunk->size < MIN_CHUNK_UNITS ? 'S' : 'F';
        picture_add(&picture, chunk->used ? 'U' : free_kind, chunk->size);
    }
}
