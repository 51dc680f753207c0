/* SPDX-License-Identifier: Apache-2.0 */
/* What a heap's chunks add up to.
 *
 * Every byte of the heap is counted in one place: a used or free chunk's usable bytes under its
 * kind, an undersized chunk as a whole, and the rest (bookkeeping, headers, canaries, end marker)
 * as overhead. The sum is the heap.
 *
 * The heap is validated first: what can be allocated now is read off the free lists, which must not
 * be followed in a damaged heap. */
#include <errno.h>

#include "core/heap.h"
#include "debug/heap_chunks.h"

#define PERMILLE 1000u

static void count(const struct quarry_heap_chunk *chunk, void *arg)
{
    struct quarry_heap_report *sums = (struct quarry_heap_report *)arg;

    sums->heap_bytes += chunk->size_bytes;
    if (chunk->kind == QUARRY_HEAP_CHUNK_UNDERSIZED) {
        sums->undersized_chunks++;
        sums->undersized_bytes += chunk->size_bytes;
        return;
    }
    sums->overhead_bytes += chunk->size_bytes - chunk->usable_bytes;
    if (chunk->kind == QUARRY_HEAP_CHUNK_USED) {
        sums->used_blocks++;
        sums->used_bytes += chunk->usable_bytes;
    } else if (chunk->kind == QUARRY_HEAP_CHUNK_FREE) {
        sums->free_chunks++;
        sums->free_bytes += chunk->usable_bytes;
        if (chunk->usable_bytes > sums->largest_free_bytes) {
            sums->largest_free_bytes = chunk->usable_bytes;
        }
    }
}

/* No overflow: a heap has less than 2^34 bytes. */
static unsigned int fragmentation(const struct quarry_heap_report *sums)
{
    uint64_t scattered = sums->free_bytes - sums->largest_free_bytes;

    return scattered == 0 ? 0 : (unsigned int)(scattered * PERMILLE / sums->free_bytes);
}

int quarry_heap_report_get(struct sys_heap *heap, struct quarry_heap_report *report)
{
    struct quarry_heap_report sums = {.heap_bytes = 0};

    if (heap == NULL || report == NULL || !sys_heap_validate(heap)) {
        return -EINVAL;
    }
    if (!heap_chunks_each(heap, count, &sums)) {
        return -EINVAL;
    }
    sums.fragmentation_permille = fragmentation(&sums);
    sums.largest_allocatable_bytes = heap_largest_allocatable_bytes(heap);
    sums.lowest_largest_allocatable_bytes = heap_always_allocatable_bytes(heap);
    *report = sums;
    return 0;
}
