/* SPDX-License-Identifier: Apache-2.0 */
/* The reference model: what sys_heap must do, said as plainly as possible.
 *
 * Chunks are an array in address order. Splitting inserts an element, merging removes one, and a
 * neighbour is the element before or after. A free list is an array whose first element is the one
 * to be tried next:
 *
 *                           Zephyr's buckets                fine buckets
 *     a rejected element    moves from the front to back    stays
 *     a freed chunk         joins at the back               joins at the front
 *     a removed element     comes to the front by           leaves; the others keep their order
 *                           rotation, then leaves
 *
 * Every operation is linear in the number of chunks. Nothing here is shared with the library, on
 * purpose: a mistake would have to be made twice, in two shapes, to go unseen.
 *
 * Rules, numbered for reference; H and T are the bytes of a header and of a trailer:
 *  1. The smallest chunk holds H + 1 bytes, rounded up to units, and T. A smaller one is free but
 *     on no list.
 *  2. Zephyr's bucket of u units is floor(log2(u - smallest + 1)). The fine bucket is u below 32;
 *     above, each range [2^k, 2^(k+1)) is cut into 32 equal parts.
 *  3. Zephyr's search looks at up to `tries` chunks of its own bucket, the fine one at the first;
 *     then both take the first of the lowest non-empty higher bucket.
 *  4. What an allocation does not need is split off and listed at once: in front, then behind.
 *  5. A freed chunk merges with its right, then with its left free neighbour, then is listed.
 *  6. Allocated is what all used chunks hold without H and T, free what all listed chunks hold. The
 *     high-water mark is taken when a block has been handed out, so a reallocation that moves
 *     counts both blocks. */
#include "reference_heap.h"

#include <stdlib.h>
#include <string.h>
#include "heap_picture.h"
#include "reference_heap_parts.h"

#define NO_CHUNK SIZE_MAX

/* ---- arithmetic ---- */

/* Units of a chunk that holds bytes + extra bytes; everything too large is the size of the heap. */
static uint32_t wanted_units(const struct reference_heap *heap, size_t bytes, size_t extra)
{
    uint64_t data = (uint64_t)(bytes / UNIT_BYTES) + extra / UNIT_BYTES;
    uint64_t rests = bytes % UNIT_BYTES + extra % UNIT_BYTES + heap->header_bytes;
    uint64_t trailer = heap->format.trailer_bytes / UNIT_BYTES;
    uint64_t units = data + reference_round_up(rests, UNIT_BYTES) / UNIT_BYTES + trailer;
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

void reference_insert_chunk(struct reference_heap *heap, size_t index, struct reference_chunk chunk)
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
    reference_insert_chunk(heap, index + 1, rest);
}

/* ---- free lists ---- */

static struct reference_bucket *bucket_of(struct reference_heap *heap, uint32_t size)
{
    return &heap->buckets[reference_bucket_of(heap, size)];
}

static void reject_first(struct reference_bucket *bucket)
{
    uint32_t first = bucket->starts[0];
    memmove(bucket->starts, bucket->starts + 1, (bucket->count - 1) * sizeof first);
    bucket->starts[bucket->count - 1] = first;
}

void reference_list(struct reference_heap *heap, size_t index)
{
    struct reference_chunk chunk = heap->chunks[index];
    if (!reference_is_listed(heap, chunk.size)) {
        return;
    }
    struct reference_bucket *bucket = bucket_of(heap, chunk.size);
    bucket->starts = grown(bucket->starts, bucket->count, &bucket->capacity, sizeof chunk.start);
    size_t place = reference_is_fine(heap) ? 0 : bucket->count;
    memmove(bucket->starts + place + 1, bucket->starts + place,
            (bucket->count - place) * sizeof chunk.start);
    bucket->starts[place] = chunk.start;
    bucket->count++;
}

static void unlist(struct reference_heap *heap, size_t index)
{
    struct reference_chunk chunk = heap->chunks[index];
    if (!reference_is_listed(heap, chunk.size)) {
        return;
    }
    struct reference_bucket *bucket = bucket_of(heap, chunk.size);
    size_t place = 0;
    while (bucket->starts[place] != chunk.start) {
        if (reference_is_fine(heap)) {
            place++;
        } else {
            reject_first(bucket);
        }
    }
    bucket->count--;
    memmove(bucket->starts + place, bucket->starts + place + 1,
            (bucket->count - place) * sizeof chunk.start);
}

/* Index of the first chunk of a bucket; NO_CHUNK if the bucket is empty. */
static size_t first_of(const struct reference_heap *heap, const struct reference_bucket *bucket)
{
    return bucket->count == 0 ? NO_CHUNK : chunk_at(heap, bucket->starts[0]);
}

/* Index of a chunk of that bucket which holds size units, or NO_CHUNK. */
static size_t search_own_bucket(struct reference_heap *heap, struct reference_bucket *bucket,
                                uint32_t size)
{
    size_t tries = reference_is_fine(heap) ? 1 : heap->format.tries;
    size_t looks = bucket->count < tries ? bucket->count : tries;
    for (size_t look = 0; look < looks; look++) {
        size_t index = first_of(heap, bucket);
        if (heap->chunks[index].size >= size) {
            return index;
        }
        if (!reference_is_fine(heap)) {
            reject_first(bucket);
        }
    }
    return NO_CHUNK;
}

/* Takes a free chunk of at least size units from its list; NO_CHUNK if the search finds none. */
static size_t take_chunk(struct reference_heap *heap, uint32_t size)
{
    unsigned int own = reference_bucket_of(heap, size);
    size_t index = search_own_bucket(heap, &heap->buckets[own], size);
    for (size_t above = own + 1u; index == NO_CHUNK && above < heap->bucket_count; above++) {
        index = first_of(heap, &heap->buckets[above]);
    }
    if (index != NO_CHUNK) {
        unlist(heap, index);
        heap->chunks[index].used = true;
    }
    return index;
}

/* ---- statistics ---- */

/* What a chunk holds, or could hold, for its user. */
static size_t chunk_bytes(const struct reference_heap *heap, const struct reference_chunk *chunk)
{
    return (size_t)chunk->size * UNIT_BYTES - heap->header_bytes - heap->format.trailer_bytes;
}

struct sys_memory_stats reference_stats(const struct reference_heap *heap)
{
    struct sys_memory_stats stats = {.max_allocated_bytes = heap->max_allocated_bytes};
    for (size_t i = 1; i + 1 < heap->chunk_count; i++) {
        const struct reference_chunk *chunk = &heap->chunks[i];
        if (chunk->used) {
            stats.allocated_bytes += chunk_bytes(heap, chunk);
        } else if (reference_is_listed(heap, chunk->size)) {
            stats.free_bytes += chunk_bytes(heap, chunk);
        }
    }
    return stats;
}

static void raise_max(struct reference_heap *heap)
{
    size_t allocated = reference_stats(heap).allocated_bytes;
    if (heap->max_allocated_bytes < allocated) {
        heap->max_allocated_bytes = allocated;
    }
}

void reference_reset_max(struct reference_heap *heap)
{
    heap->max_allocated_bytes = reference_stats(heap).allocated_bytes;
}

/* ---- pieces of the operations ---- */

static size_t data_offset(const struct reference_heap *heap, size_t index)
{
    return (size_t)heap->chunks[index].start * UNIT_BYTES + heap->header_bytes;
}

static size_t chunk_of_block(const struct reference_heap *heap, size_t offset)
{
    return chunk_at(heap, (uint32_t)((offset - heap->header_bytes) / UNIT_BYTES));
}

/* Keeps the first size units of a used chunk; the rest becomes free and is listed, unmerged. */
static void give_back_behind(struct reference_heap *heap, size_t index, uint32_t size)
{
    if (heap->chunks[index].size > size) {
        split(heap, index, size);
        heap->chunks[index + 1].used = false;
        reference_list(heap, index + 1);
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
    reference_list(heap, index);
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
    reference_list(heap, index);
}

/* ---- the operations ---- */

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
    raise_max(heap);
    return data_offset(heap, index);
}

size_t reference_aligned_alloc(struct reference_heap *heap, size_t align, size_t bytes)
{
    size_t lowest_bit = align & (~align + 1u);
    bool rewinds = align != lowest_bit;
    if (!rewinds && align <= heap->header_bytes) {
        return reference_alloc(heap, bytes);
    }
    size_t rewind = rewinds ? lowest_bit : 0;
    size_t boundary = align - rewind;
    size_t gap = rewinds && rewind < heap->header_bytes ? rewind : heap->header_bytes;
    if (bytes == 0) {
        return REFERENCE_NULL;
    }
    size_t index = take_chunk(heap, wanted_units(heap, bytes, boundary - gap));
    if (index == NO_CHUNK) {
        return REFERENCE_NULL;
    }
    uint64_t lowest = (uint64_t)heap->base + data_offset(heap, index);
    uint64_t address = reference_round_up(lowest + rewind, boundary) - rewind;
    size_t offset = (size_t)(address - heap->base);
    uint32_t start = (uint32_t)((offset - heap->header_bytes) / UNIT_BYTES);
    uint64_t end = reference_round_up(offset + bytes, UNIT_BYTES) + heap->format.trailer_bytes;
    index = give_back_in_front(heap, index, start);
    give_back_behind(heap, index, (uint32_t)(end / UNIT_BYTES) - start);
    raise_max(heap);
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
    size_t end = ((size_t)chunk->start + chunk->size) * UNIT_BYTES;
    return end - heap->format.trailer_bytes - offset;
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
    raise_max(heap);
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
        char free_kind = reference_is_listed(heap, chunk->size) ? 'F' : 'S';
        picture_add(&picture, chunk->used ? 'U' : free_kind, chunk->size);
    }
}
