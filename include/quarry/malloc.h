/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Quarry's process allocator: malloc and its family under names of their own.
 *
 * libquarry-malloc.so exports the same functions under the C library's names; a program that links
 * libquarry.so can use them side by side with the C library's malloc. A block must go back through
 * the same family that made it.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Blocks:  for the lock of one arena, while another thread allocates or frees there; and in the
 *          kernel, when memory is taken from it or given back.
 * Threads: all functions may be called by any thread at any time; a block may be freed by any
 *          thread. Around fork() the child gets a working allocator, whatever other threads did.
 * Signals: allocation and free never damage anything and never deadlock against the code that a
 *          handler interrupted, but POSIX does not call them async-signal-safe, and neither do we
 *          for handlers that run in several threads at once.
 * errno:   is never changed.
 * Owner:   a returned block belongs to the caller until it is freed or reallocated.
 * Cost:    O(1) plus the kernel's work, except where said; sizes from the large threshold on
 *          (32 KiB unless changed) have pages that no other block shares.
 * Misuse:  freeing a block twice, or freeing an address inside our memory that is no block, is
 *          reported on standard error in one line, and the program aborts. An address outside of
 *          our memory is ignored and counted, or reported (QUARRY_OPTIONS=foreign=abort).
 * Source:  ISO C17 and C23, POSIX.1-2008, and glibc where it has more.
 */
#ifndef QUARRY_MALLOC_H
#define QUARRY_MALLOC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/**
 * Returns a block of at least @p bytes bytes, aligned to 16, with undefined contents.
 *
 * @param bytes 0 gives a unique block that can be freed
 * @return the block; NULL iff @p bytes is above PTRDIFF_MAX or there is no memory for it
 */
void *quarry_malloc(size_t bytes);

/**
 * Returns a block for @p count objects of @p bytes bytes each, all bytes that may be used zero.
 *
 * @return the block; NULL as for quarry_malloc, and if the product overflows
 * Cost: O(size), or O(1) where the memory comes zeroed from the kernel.
 */
void *quarry_calloc(size_t count, size_t bytes);

/**
 * Changes a block's size, in place if that is possible, else by moving it.
 *
 * @param block NULL makes this quarry_malloc
 * @param bytes 0 frees the block and returns NULL
 * @return the block with its contents up to the smaller size; NULL iff @p bytes is 0, is above
 *         PTRDIFF_MAX, @p block is not ours, or there is no memory: then the old block is as
 * before. Shrinking never fails. Cost: O(1) plus copying if the block moves; large blocks of 8
 * MiB or more move by remapping pages.
 */
void *quarry_realloc(void *block, size_t bytes);

/** quarry_realloc for @p count objects of @p bytes bytes; NULL also if the product overflows. */
void *quarry_reallocarray(void *block, size_t count, size_t bytes);

/** Frees a block made by any function of this file; NULL has no effect. */
void quarry_free(void *block);

/** quarry_free for a caller who knows the size that was asked for; it is not checked. */
void quarry_free_sized(void *block, size_t bytes);

/** quarry_free for a block of quarry_aligned_alloc; alignment and size are not checked. */
void quarry_free_aligned_sized(void *block, size_t align, size_t bytes);

/**
 * Returns a block of at least @p bytes bytes at a multiple of @p align.
 *
 * @param align a power of two of any size; less than 16 acts as 16
 * @param bytes need not be a multiple of @p align
 * @return the block; NULL iff @p align is not a power of two, or as for quarry_malloc
 */
void *quarry_aligned_alloc(size_t align, size_t bytes);

/** quarry_aligned_alloc; an @p align that is no power of two is rounded up to one, as glibc does.
 */
void *quarry_memalign(size_t align, size_t bytes);

/**
 * Stores a block at a multiple of @p align in @p out.
 *
 * @return 0; EINVAL if @p align is not a power of two or not a multiple of sizeof(void *); ENOMEM
 * if there is no memory. @p out is written only on success.
 */
int quarry_posix_memalign(void **out, size_t align, size_t bytes);

/** Returns a page-aligned block of at least @p bytes bytes; NULL as for quarry_malloc. */
void *quarry_valloc(size_t bytes);

/** Returns a page-aligned block of whole pages, one at least; NULL as for quarry_malloc. */
void *quarry_pvalloc(size_t bytes);

/** Returns how many bytes of a block may be used, at least what was asked for; 0 for NULL and for
 *  addresses that are not ours. Stays the same until the block is reallocated. */
size_t quarry_malloc_usable_size(void *block);

/**
 * Gives unused memory back to the kernel now, without the usual delay.
 *
 * @param keep_bytes how much to keep at the end of each region for the next allocations
 * @return 1 if any memory was given back, else 0
 * Cost: O(number of chunks). Holds each arena's lock while the kernel works on its pages.
 */
int quarry_malloc_trim(size_t keep_bytes);

/** What the allocator counts. Together the numbers are exact when no other thread allocates
 *  meanwhile, but that blocks which other threads have ready for their next allocations, and such
 * as are on their way to the thread that they came from, count as live. */
struct quarry_malloc_stats {
    uint64_t allocations;    /**< blocks made, since the process started */
    uint64_t frees;          /**< blocks freed */
    uint64_t resizes;        /**< reallocations that kept the block in place or remapped it */
    uint64_t large;          /**< those of the allocations that are large blocks */
    uint64_t foreign;        /**< addresses given to us that were not ours, and ignored */
    size_t live_bytes;       /**< usable bytes of all live blocks */
    size_t large_blocks;     /**< live large blocks */
    size_t large_bytes;      /**< their usable bytes */
    size_t arenas;           /**< arenas that have memory */
    size_t regions;          /**< regions of address space reserved */
    size_t reserved_bytes;   /**< bytes of address space reserved for regions and slices */
    size_t committed_bytes;  /**< bytes that the kernel has given and not got back: of regions made
                                  usable, of slabs, of large blocks, and of what is kept free */
    size_t trimmable_bytes;  /**< those of them that are free and not in between others */
    size_t free_chunks;      /**< free chunks that can be allocated from, in all regions */
    uint64_t refused;        /**< blocks that were not made, because there was no memory */
    size_t free_blocks;      /**< blocks of slabs that were used before, and are free */
    size_t free_block_bytes; /**< their bytes */
    size_t reserve_bytes;    /**< the reserve of the real-time mode; 0: it is not on */
    uint64_t exhausted; /**< how often that did not suffice: more was taken, or a call failed */
};

/** Fills @p stats. An arena that is held for a fork by another thread is left out. Cost: O(number
 * of chunks), because of free_chunks. */
void quarry_malloc_stats_get(struct quarry_malloc_stats *stats);

/** Forms of a report on the allocator. */
enum quarry_malloc_report_form {
    QUARRY_MALLOC_REPORT_LINE,  /**< one line of name=value fields */
    QUARRY_MALLOC_REPORT_TABLE, /**< that line, and slabs by size class, arenas and threads */
    QUARRY_MALLOC_REPORT_XML,   /**< what malloc_info writes */
};

/** Takes a part of a report, which ends with a line feed. @p text is without a final 0. */
typedef void (*quarry_malloc_writer)(const char *text, size_t bytes, void *arg);

/**
 * Writes a report on the allocator, which is what QUARRY_OPTIONS=stats=PATH writes at exit.
 *
 * @param write is called for each line, with nothing locked; it may allocate
 * @param arg is passed on to it
 * Cost: O(memory in use): some milliseconds for a GiB. Takes some kilobytes of stack.
 */
void quarry_malloc_report(enum quarry_malloc_report_form form, quarry_malloc_writer write,
                          void *arg);

/** What quarry_malloc_option can set. */
enum quarry_malloc_option {
    QUARRY_MALLOC_LARGE_THRESHOLD, /**< bytes from which a block is large */
    QUARRY_MALLOC_ARENAS,          /**< arenas that new threads are spread over */
    QUARRY_MALLOC_PURGE_DELAY_MS,  /**< how long unused memory is kept, in milliseconds */
};

/**
 * Sets an option while the program runs.
 *
 * @return 0; EINVAL if @p value is out of the option's range (the README has the table)
 */
int quarry_malloc_option_set(enum quarry_malloc_option option, size_t value);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
