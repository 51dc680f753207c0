/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What a heap looks like: its chunks as an array, what they add up to, and pictures of them.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Heaps:   any sys_heap: Zephyr's buckets or fine ones, in a buffer or behind another allocator.
 * Threads: the heap is only read. It must not be changed meanwhile, which is up to the caller;
 *          different heaps are independent.
 * Damage:  a heap whose bookkeeping was overwritten is told from a good one, and never followed
 *          outside of what its own header says it is.
 */
#ifndef QUARRY_HEAP_SNAPSHOT_H_
#define QUARRY_HEAP_SNAPSHOT_H_

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <zephyr/sys/sys_heap.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** What a part of a heap is for. */
enum quarry_heap_chunk_kind {
    QUARRY_HEAP_CHUNK_BOOKKEEPING, /**< the heap's own fields and list heads, at its start */
    QUARRY_HEAP_CHUNK_USED,        /**< holds a block */
    QUARRY_HEAP_CHUNK_FREE,        /**< free, and found by a search */
    QUARRY_HEAP_CHUNK_UNDERSIZED,  /**< free, but too small for any block until it is merged */
    QUARRY_HEAP_CHUNK_END,         /**< the marker behind the last chunk */
    QUARRY_HEAP_CHUNK_DAMAGED,     /**< here the chain of chunks is broken; what follows is lost */
};

/** One chunk. The chunks of a heap lie side by side: each begins where the one before it ends. */
struct quarry_heap_chunk {
    size_t offset_bytes; /**< start of the chunk, counted from heap->heap */
    size_t size_bytes;   /**< all of it, its header included; 0 if damaged */
    size_t usable_bytes; /**< what its block can use or could use, counted from mem; 0 for the
                              other kinds and for undersized chunks */
    void *mem;           /**< first byte behind the header: the block of a used chunk, unless that
                              was aligned to more than 8 bytes and begins later. NULL for
                              bookkeeping, end marker and damage */
    enum quarry_heap_chunk_kind kind; /**< what it is for */
};

/** Returned by quarry_heap_snapshot of a heap whose chain of chunks is broken. */
#define QUARRY_HEAP_SNAPSHOT_DAMAGED SIZE_MAX

/**
 * Tells all chunks of a heap in the order of their addresses, as snprintf tells characters.
 *
 * The first chunk is the heap's bookkeeping, the last one the end marker.
 *
 * @param heap     the heap, or NULL
 * @param chunks   where they go; may be NULL if @p capacity is 0
 * @param capacity how many chunks there is room for; chunks beyond it are counted only
 * @return how many chunks the heap has, at least 3; 0 iff @p heap is NULL or was not initialised;
 *         QUARRY_HEAP_SNAPSHOT_DAMAGED iff the chain of chunks is broken. Then the chunks before
 *         the damage and one of the kind QUARRY_HEAP_CHUNK_DAMAGED are stored, as far as there is
 *         room
 *
 * Cost: O(number of chunks), whatever @p capacity is.
 * Blocks: never. Signals: may be called as long as no call on the same heap was interrupted.
 * Source: none in Zephyr, whose sys_heap_print_info prints the chunks instead.
 */
size_t quarry_heap_snapshot(struct sys_heap *heap, struct quarry_heap_chunk *chunks,
                            size_t capacity);

/**
 * What a heap's chunks add up to.
 *
 * heap_bytes = used_bytes + free_bytes + undersized_bytes + overhead_bytes.
 */
struct quarry_heap_report {
    size_t heap_bytes;         /**< from the heap's first byte to the end of its end marker */
    size_t used_blocks;        /**< live blocks */
    size_t used_bytes;         /**< that they can use */
    size_t free_chunks;        /**< free chunks that a search may find */
    size_t free_bytes;         /**< that blocks in them could use, if each became one block */
    size_t undersized_chunks;  /**< free chunks too small for any block */
    size_t undersized_bytes;   /**< that they take */
    size_t overhead_bytes;     /**< bookkeeping, the end marker, and what used and free chunks have
                                    beside usable bytes: headers, and canaries if configured */
    size_t largest_free_bytes; /**< usable bytes of the largest free chunk */
    /** The largest size for which sys_heap_alloc succeeds now. Smaller than largest_free_bytes if
     *  the search would not get to the largest chunk. */
    size_t largest_allocatable_bytes;
    /** A size for which sys_heap_alloc would have succeeded at any moment since the heap was made
     *  or sys_heap_runtime_stats_reset_max was called. It is known to a power of two only: up to
     *  twice as much might have been had. 0 if no size would, or if the library was built with
     *  -Dheap_runtime_stats=false. */
    size_t lowest_largest_allocatable_bytes;
    /** 1000 * (1 - largest_free_bytes / free_bytes), rounded down; 0 if nothing is free. 0: all
     *  that is free is in one piece; 999: it is in very many. */
    unsigned int fragmentation_permille;
};

/**
 * Adds up a heap.
 *
 * @param heap   the heap
 * @param report where the sums go; left as it was on failure
 * @return 0; -EINVAL iff @p heap or @p report is NULL, or sys_heap_validate says false of the heap
 *
 * Cost: O(number of chunks).
 * Blocks: never. Signals: may be called as long as no call on the same heap was interrupted.
 */
int quarry_heap_report_get(struct sys_heap *heap, struct quarry_heap_report *report);

/** @name Pictures
 *
 * Both draw what the heap was when they were called: they look first and print then, so the stream
 * may take its buffer from the very heap. Memory for that comes from the system, not from malloc.
 *
 * Equal heaps give equal pictures: no address, time or locale is in them.
 *
 * @return 0; -EINVAL iff @p out is NULL or quarry_heap_report_get refuses the heap; -ENOMEM iff the
 *         system has no memory for the snapshot, 40 bytes for each chunk (20 on 32-bit machines);
 *         -EIO iff @p out has its error indicator set in the end, the last step being fflush
 *
 * Cost: O(number of chunks), and a system call or two beside those of @p out.
 * Blocks: as writing to @p out does. Signals: not to be called from a handler.
 * @{
 */

/**
 * Draws a heap as ASCII text: a map in at most 16 rows, a scale, a legend and a summary.
 *
 * A character of the map stands for 8 bytes if the heap fits into the map that way, else for as
 * many bytes as are needed, a power of two; it then tells how much of them is in used chunks.
 *
 * @param out     a stream open for writing
 * @param heap    the heap
 * @param columns width of the map and its scale in characters: 0 means 80; below 28 it counts as
 *                28, above 1036 as 1036. A row has the largest power of two of characters that
 *                fits. Legend and summary take up to 78
 */
int quarry_heap_draw_text(FILE *out, struct sys_heap *heap, unsigned int columns);

/**
 * Draws a heap as an SVG image of 960 units' width, in the colours that the viewer prefers, light
 * or dark.
 *
 * Chunks are rectangles to scale, in at most 24 rows, their headers darker. Resting on a rectangle
 * tells its offset and size. In a heap of very many chunks, small neighbours share a rectangle,
 * filled from below as far as they are in use. The file is smaller than 1 MB, whatever the heap.
 *
 * @param out  a stream open for writing
 * @param heap the heap
 */
int quarry_heap_draw_svg(FILE *out, struct sys_heap *heap);

/** @} */

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
