/* SPDX-License-Identifier: Apache-2.0 */
/* Prints a heap for a person to read: what its buckets hold, every chunk, the sums.
 *
 * Everything comes from walks over the chunks, which check each step, so a damaged heap is printed
 * up to the damage. The free lists are not looked at: the chunks of a bucket are the listed chunks
 * of its sizes. A heap may have a thousand buckets of which few hold anything, so each walk is for
 * one bucket, and also finds the next that is not empty. */
#include <zephyr/sys/sys_heap.h>

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "core/chunk.h"
#include "core/heap.h"
#include "core/note.h"
#include "core/sys_heap_walk.h"

/* What one walk finds out about a bucket, and which is the next that has chunks. */
struct bucket_walk {
    const struct sys_heap *heap;
    unsigned int bucket;
    unsigned int next; /* UINT_MAX: none */
    uint32_t chunks;
    uint32_t largest_units;
    size_t largest_bytes;
};

struct sums {
    uint32_t first_unit; /* of the chunk behind the header chunk */
    uint32_t last_unit;  /* of the last chunk in front of the end marker */
    uint32_t end_unit;   /* of the end marker */
    size_t free_bytes;
    size_t allocated_bytes;
};

static bool add_to_bucket(const struct heap_chunk_view *chunk, void *arg)
{
    struct bucket_walk *walk = (struct bucket_walk *)arg;
    unsigned int bucket = chunk->listed ? heap_bucket_of(walk->heap, chunk->size_units) : UINT_MAX;

    if (bucket > walk->bucket && bucket < walk->next) {
        walk->next = bucket;
    }
    if (chunk->listed && bucket == walk->bucket) {
        walk->chunks++;
        if (chunk->size_units > walk->largest_units) {
            walk->largest_units = chunk->size_units;
            walk->largest_bytes = chunk->mem_bytes;
        }
    }
    return true;
}

static uint32_t bucket_min_units(const struct sys_heap *heap, unsigned int bucket)
{
    note_enter();
    uint32_t units = heap_bucket_min_units(heap, bucket);
    note_leave();
    return units;
}

/* 0 for a damaged heap that is too small to have any. */
static unsigned int bucket_count(const struct sys_heap *heap)
{
    const struct z_heap *h = heap->heap;

    note_enter();
    unsigned int count = h->end_chunk >= chunk_min_units(h) ? heap_bucket_count(heap) : 0;
    note_leave();
    return count;
}

static size_t header_bytes(const struct sys_heap *heap)
{
    note_enter();
    size_t bytes = chunk_header_bytes(heap->heap);
    note_leave();
    return bytes;
}

static void print_buckets(const struct sys_heap *heap)
{
    unsigned int bucket = 0;

    printf("  bucket  min units  free chunks  largest units  largest bytes\n");
    while (bucket != UINT_MAX) {
        struct bucket_walk walk = {.heap = heap, .bucket = bucket, .next = UINT_MAX};

        heap_walk(heap, add_to_bucket, &walk);
        if (walk.chunks != 0) {
            printf("  %6u  %9" PRIu32 "  %11" PRIu32 "  %13" PRIu32 "  %13zu\n", bucket,
                   bucket_min_units(heap, bucket), walk.chunks, walk.largest_units,
                   walk.largest_bytes);
        }
        bucket = walk.next;
    }
}

static bool add_to_sums(const struct heap_chunk_view *chunk, void *arg)
{
    struct sums *sums = (struct sums *)arg;

    if (sums->first_unit == 0) {
        sums->first_unit = chunk->offset_units;
    }
    sums->last_unit = chunk->offset_units;
    sums->end_unit = chunk->offset_units + chunk->size_units;
    if (chunk->used) {
        sums->allocated_bytes += chunk->mem_bytes;
    } else if (chunk->listed) {
        sums->free_bytes += chunk->mem_bytes;
    }
    return true;
}

static void print_chunk_line(uint32_t id, char mark, uint32_t units, uint32_t left, uint32_t right)
{
    printf("  %10" PRIu32 "  %c  %10" PRIu32 "  %10" PRIu32 "  %10" PRIu32 "\n", id, mark, units,
           left, right);
}

/* `arg`: where the chunk to the left starts. */
static bool print_chunk(const struct heap_chunk_view *chunk, void *arg)
{
    uint32_t *left = (uint32_t *)arg;
    char free_mark = chunk->listed ? '-' : '.';

    print_chunk_line(chunk->offset_units, chunk->used ? '*' : free_mark, chunk->size_units, *left,
                     chunk->offset_units + chunk->size_units);
    *left = chunk->offset_units;
    return true;
}

/* The walk shows neither the header chunk, which takes the units in front of the first chunk, nor
 * the end marker, of size 0. */
static void print_chunks(const struct sys_heap *heap, const struct sums *sums, bool sound)
{
    uint32_t left = 0;

    printf("\n       chunk  *used -free .undersized\n"
           "          id         units        left       right\n");
    print_chunk_line(0, '*', sums->first_unit, 0, sums->first_unit);
    heap_walk(heap, print_chunk, &left);
    if (sound) {
        print_chunk_line(sums->end_unit, '*', 0, sums->last_unit, sums->end_unit);
    }
}

static void print_sums(const struct sys_heap *heap, const struct sums *sums)
{
    size_t total = (size_t)sums->end_unit * CHUNK_UNIT_BYTES + header_bytes(heap);
    size_t overhead = total - sums->free_bytes - sums->allocated_bytes;
    uint64_t per_mille = (uint64_t)overhead * 1000 / total;

    printf("\n%zu free bytes, %zu allocated bytes, %zu overhead bytes (%" PRIu64 ".%" PRIu64
           " %%)\n",
           sums->free_bytes, sums->allocated_bytes, overhead, per_mille / 10, per_mille % 10);
}

void sys_heap_print_info(struct sys_heap *heap, bool dump_chunks)
{
    struct sums sums = {0};

    if (heap == NULL || heap->heap == NULL) {
        printf("heap is not initialised\n");
        return;
    }
    bool sound = heap_walk(heap, add_to_sums, &sums);
    printf("heap at %p, %" PRIu32 " units of %u bytes, %u buckets\n\n", (void *)heap->heap,
           sums.end_unit, CHUNK_UNIT_BYTES, bucket_count(heap));
    print_buckets(heap);
    if (dump_chunks) {
        print_chunks(heap, &sums, sound);
    }
    print_sums(heap, &sums);
    if (!sound) {
        printf("heap is damaged behind unit %" PRIu32 ": the rest is not shown\n", sums.end_unit);
    }
}
