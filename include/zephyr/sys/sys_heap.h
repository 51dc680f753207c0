/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * sys_heap: blocks of any size out of one contiguous buffer that the caller owns.
 *
 * All bookkeeping lives inside the buffer, so a heap can sit in static memory, in a mapped file or
 * in shared memory, and it holds no address of itself: a copy of the buffer at another (8-aligned)
 * address is a working heap. On 64-bit machines the same sequence of calls on a buffer of the same
 * size and alignment returns the same offsets that Zephyr returns on a 64-bit device.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Blocks:  never; no system call, no lock.
 * Threads: a heap has no lock of its own. Calls on one heap must be serialised by the caller;
 *          different heaps are independent.
 * Signals: may be called from a signal handler as long as no call on the same heap was interrupted.
 * Owner:   the caller owns the buffer, and must keep it in place and untouched while the heap is in
 *          use. Blocks belong to the caller from allocation to free. There is no destroy function:
 *          a heap ends when it is no longer used, and sys_heap_init on the same buffer restarts it.
 * Misuse:  a block that was freed already, that is no block of this heap, or whose end was
 *          overwritten is reported on standard error in one line, and the program aborts.
 * Source:  Zephyr's <zephyr/sys/sys_heap.h>, v4.4 and later.
 */
#ifndef ZEPHYR_INCLUDE_SYS_SYS_HEAP_H_
#define ZEPHYR_INCLUDE_SYS_SYS_HEAP_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/autoconf.h>
#include <zephyr/sys/mem_stats.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct z_heap;

/** A handle to one heap; the heap itself lives in the buffer. */
struct sys_heap {
    struct z_heap *heap; /**< start of the formatted heap, or NULL if there is none */
    void *init_mem;      /**< buffer that a static definition carries to start-up code */
    size_t init_bytes;   /**< its size in bytes */
};

/**
 * Makes an empty heap out of a buffer.
 *
 * After success one free chunk spans the buffer, heap->heap is not NULL, and whatever the buffer
 * held is lost. After failure heap->heap is NULL; every allocation from such a heap returns NULL.
 *
 * @param heap  the handle to fill; not NULL
 * @param mem   the buffer, of any alignment: up to 7 bytes at either end stay unused
 * @param bytes its size in bytes. Fails if @p mem is NULL, if the buffer is too small to hold the
 *              bookkeeping and one block of one byte (see Z_HEAP_MIN_SIZE), if it would wrap around
 *              the end of the address space, or if it holds more than 0x7fffffff units of 8 bytes
 *
 * Cost: O(1), writes the first and the last bytes of the buffer only.
 * Differs from Zephyr: there the failures are assertions, and memory corruption without them.
 */
void sys_heap_init(struct sys_heap *heap, void *mem, size_t bytes);

/**
 * Returns a block of at least @p bytes bytes, with undefined contents.
 *
 * @param heap  the heap
 * @param bytes wanted size in bytes, 0 to SIZE_MAX
 * @return the block, aligned to 8 bytes; NULL iff @p bytes is 0, the heap was not initialised, or
 *         none of the chunks that the search looks at is large enough. The search looks at no more
 *         than three chunks of the bucket that @p bytes falls in and at one of a larger bucket; it
 *         always succeeds if a free chunk of at least twice the size exists.
 *
 * Cost: O(1).
 */
void *sys_heap_alloc(struct sys_heap *heap, size_t bytes);

/**
 * Returns a block of at least @p bytes bytes at an aligned address, with undefined contents.
 *
 * @param heap  the heap
 * @param align 0 or a power of two: the returned address is a multiple of it (8 at the least).
 *              One lower bit may be set in addition, the "rewind": for align = A + r, where r is
 *              the lowest set bit, the returned address p is such that p + r is a multiple of A.
 *              0x28 asks for an address 8 bytes below a 32-byte boundary.
 * @param bytes wanted size in bytes, 0 to SIZE_MAX
 * @return the block; NULL iff @p bytes is 0, the heap was not initialised, or no chunk was found
 *         for @p bytes plus the alignment's worst-case padding. Padding that turns out to be
 *         unneeded goes back to the heap at once.
 *
 * Cost: O(1).
 * Misuse: an @p align of any other form is reported, and the program aborts.
 */
void *sys_heap_aligned_alloc(struct sys_heap *heap, size_t align, size_t bytes);

/**
 * Does what sys_heap_alloc does and ignores @p align.
 *
 * Exists so that a function pointer can hold either this or sys_heap_aligned_alloc.
 */
void *sys_heap_noalign_alloc(struct sys_heap *heap, size_t align, size_t bytes);

/**
 * Gives a block back and merges it with free neighbours at once.
 *
 * @param heap the heap that the block came from
 * @param mem  the block, or NULL, which has no effect
 *
 * Cost: O(1).
 */
void sys_heap_free(struct sys_heap *heap, void *mem);

/**
 * Changes the size of a block, in place if that is possible, else by moving it.
 *
 * In place: shrinking, and growing into a free chunk to the right. Contents are kept up to the
 * smaller of the two sizes. A move keeps 8-byte alignment only.
 *
 * @param heap  the heap that the block came from
 * @param ptr   the block; NULL makes this sys_heap_alloc
 * @param bytes new size in bytes; 0 frees the block and returns NULL
 * @return the block, at the same or another address; NULL iff @p bytes is 0 or there is no room for
 *         it, in which case the old block stays as it was. Shrinking never fails.
 *
 * Cost: O(1), plus copying the block if it moves.
 */
void *sys_heap_realloc(struct sys_heap *heap, void *ptr, size_t bytes);

/**
 * Does what sys_heap_realloc does and returns an address that is a multiple of @p align.
 *
 * A block that is not so aligned is moved even if it could stay, also for a smaller size.
 *
 * @param heap  the heap that the block came from
 * @param ptr   the block; NULL makes this sys_heap_aligned_alloc
 * @param align 0 or a power of two (no rewind bit)
 * @param bytes new size in bytes; 0 frees the block and returns NULL
 * @return as for sys_heap_realloc
 *
 * Cost: O(1), plus copying the block if it moves.
 * Misuse: an @p align of any other form is reported, and the program aborts.
 */
void *sys_heap_aligned_realloc(struct sys_heap *heap, void *ptr, size_t align, size_t bytes);

/**
 * Returns how many bytes may be used at a block: at least as many as were asked for.
 *
 * @param heap the heap that the block came from
 * @param mem  the block; not NULL
 * @return size in bytes, the same for the life of the block between two reallocations of it
 *
 * Cost: O(1).
 */
size_t sys_heap_usable_size(struct sys_heap *heap, void *mem);

/**
 * Tells whether all of a heap's bookkeeping is consistent.
 *
 * True means that any allocation can be served and any live block freed. Only reads the heap, so it
 * may run on a read-only mapping and beside other readers.
 *
 * @param heap the heap
 * @return true iff every chunk and every free list is consistent; false for a heap that was never
 *         successfully initialised
 *
 * Cost: O(number of chunks).
 * Differs from Zephyr: always built; Zephyr's writes to the heap while it walks.
 */
bool sys_heap_validate(struct sys_heap *heap);

/**
 * Reads the counters of a heap.
 *
 * allocated_bytes is the sum of what sys_heap_usable_size says of all live blocks (the bytes that
 * an alignment skipped included), free_bytes the sum of what could be used in all free chunks that
 * are large enough to be allocated.
 *
 * @param heap  the heap
 * @param stats where the counters go
 * @return 0; -EINVAL iff @p heap or @p stats is NULL or the heap was not initialised; -ENOTSUP iff
 *         the library was built with -Dheap_runtime_stats=false
 *
 * Cost: O(1).
 */
int sys_heap_runtime_stats_get(struct sys_heap *heap, struct sys_memory_stats *stats);

/**
 * Lowers max_allocated_bytes to what is allocated now.
 *
 * @param heap the heap
 * @return 0; -EINVAL iff @p heap is NULL or was not initialised; -ENOTSUP iff the library was built
 *         with -Dheap_runtime_stats=false
 *
 * Cost: O(1).
 */
int sys_heap_runtime_stats_reset_max(struct sys_heap *heap);

#pragma GCC visibility pop

/** @cond internal: the arithmetic behind Z_HEAP_MIN_SIZE_FOR, for the 64-bit chunk format. */
#define Z_HEAP_UNIT_BYTES_        8u
#define Z_HEAP_STRUCT_BYTES_      16u
#define Z_HEAP_MIN_CHUNK_UNITS_   2u
#define Z_HEAP_ROUND_UNIT_(bytes) (((bytes) + 7u) / 8u * 8u)
#define Z_HEAP_LOG2_(n)           (63u - (unsigned int)__builtin_clzll(n))
/* Bytes of the header chunk of a heap with that many buckets (one 4-byte list head each). */
#define Z_HEAP_CHUNK0_(buckets) Z_HEAP_ROUND_UNIT_(Z_HEAP_STRUCT_BYTES_ + 4u * (size_t)(buckets))
/* Bytes of the chunk that holds a block of n bytes. */
#define Z_HEAP_CHUNK_(n) Z_HEAP_ROUND_UNIT_(Z_HEAP_UNIT_BYTES_ + (size_t)(n))
/* Buckets that a heap needs which holds a header chunk for `buckets` buckets and a block of n
 * bytes. */
#define Z_HEAP_BUCKETS_(buckets, n)                                                                \
    (Z_HEAP_LOG2_((Z_HEAP_CHUNK0_(buckets) + Z_HEAP_CHUNK_(n)) / Z_HEAP_UNIT_BYTES_ -              \
                  Z_HEAP_MIN_CHUNK_UNITS_ + 1u) +                                                  \
     1u)
/* The bucket count depends on the size and the size on the bucket count: three rounds settle it. */
#define Z_HEAP_SETTLED_BUCKETS_(n) Z_HEAP_BUCKETS_(Z_HEAP_BUCKETS_(Z_HEAP_BUCKETS_(1u, n), n), n)
/** @endcond */

/**
 * The smallest 8-aligned buffer, in bytes, from which a fresh heap serves one block of @p n bytes.
 *
 * A constant expression; @p n at least 1 and at most a few gigabytes (no overflow check).
 */
#define Z_HEAP_MIN_SIZE_FOR(n)                                                                     \
    (Z_HEAP_CHUNK0_(Z_HEAP_SETTLED_BUCKETS_(n)) + Z_HEAP_CHUNK_(n) + Z_HEAP_UNIT_BYTES_)

/** The smallest 8-aligned buffer, in bytes, that sys_heap_init accepts. */
#define Z_HEAP_MIN_SIZE Z_HEAP_MIN_SIZE_FOR(1)

#ifdef __cplusplus
}
#endif

#endif
