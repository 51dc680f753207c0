/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * sys_heap: blocks of any size out of one contiguous buffer that the caller owns.
 *
 * All bookkeeping lives inside the buffer, so a heap can sit in static memory, in a mapped file or
 * in shared memory, and it holds no address of itself: a copy of the buffer at another (8-aligned)
 * address is a working heap. The same sequence of calls on a buffer of the same size and alignment
 * returns the same offsets that Zephyr returns on a device with the same word size and the options
 * that <zephyr/autoconf.h> tells of.
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
 *          overwritten is reported in one line, and the program aborts (<quarry/fault.h>): from
 *          hardening level "basic" on, which is the default. Higher levels see more.
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
 * @return the block, aligned to 8 bytes (to 4 in a 32-bit heap with small headers); NULL iff
 *         @p bytes is 0, the heap was not initialised, or none of the chunks that the search looks
 *         at is large enough. The search looks at no more than three chunks of the bucket that
 *         @p bytes falls in and at one of a larger bucket; it always succeeds if a free chunk of at
 *         least twice the size exists.
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

/**
 * Remembers a heap for sys_heap_array_get. sys_heap_init and quarry_heap_init do it themselves.
 *
 * A heap is remembered for good, and again each time it is initialised.
 *
 * @param heap the handle
 * @return 0; -EINVAL iff @p heap is NULL or the array is full: it has room for the number of heaps
 *         that the library was built with (-Dheap_array_size, 32 unless said otherwise)
 *
 * Cost: O(1). Threads: from any at the same time.
 */
int sys_heap_array_save(struct sys_heap *heap);

/**
 * Gives the heaps that were initialised.
 *
 * @param heap where the address of the first element goes; it is followed by the others and a NULL
 * @return number of elements; -EINVAL iff @p heap is NULL
 *
 * Cost: O(1). Threads: from any at the same time; heaps may be added behind those that are counted.
 * Misuse: handles that no longer exist are still in the array.
 */
int sys_heap_array_get(struct sys_heap ***heap);

/**
 * Prints a heap for a person to read, on standard output.
 *
 * In this order: the heap's address, its size in units of 8 bytes and its number of buckets; for
 * each bucket that has free chunks their number and the largest; if wanted, every chunk with its
 * id (the unit it starts at), a mark (* used, - free, . free but too small to be allocated), its
 * size in units and the ids of its neighbours; the sums of free and allocated bytes, as
 * sys_heap_runtime_stats_get has them, and what bookkeeping and lost fragments take.
 *
 * A heap that is damaged is printed up to the damage, and said to be damaged.
 *
 * @param heap        the heap; NULL and one that was not initialised are said to be so
 * @param dump_chunks whether to print every chunk
 *
 * Cost: O(number of chunks) for each bucket that is printed, and printf, which may allocate from
 *       malloc, hence not for heaps that malloc itself uses. Signals: not from a handler.
 */
void sys_heap_print_info(struct sys_heap *heap, bool dump_chunks);

/** What sys_heap_stress did. */
struct z_heap_stress_result {
    uint32_t total_allocs;             /**< allocations that were tried */
    uint32_t successful_allocs;        /**< those that did not return NULL */
    uint32_t total_frees;              /**< blocks freed */
    uint64_t accumulated_in_use_bytes; /**< sum, over all steps, of the bytes live after it */
};

/**
 * Puts a random load on an allocator: the same on every machine, in a program that does the same.
 *
 * Each step allocates a block or frees one, so that the live blocks' bytes hover about a share of
 * the heap. Numbers come from one generator per process, which runs on from call to call. Blocks
 * that live at the end are not freed.
 *
 * @param alloc_fn       called to allocate, with @p arg and a size, which may be 0; may return NULL
 * @param free_fn        called to free a block, with @p arg
 * @param arg            passed on
 * @param total_bytes    what 100 percent are, in bytes; not 0, and less than 2^32 / 100 if the load
 *                       is to be the same as in Zephyr
 * @param op_count       number of steps
 * @param scratch_mem    room for the records of live blocks; aligned for a pointer
 * @param scratch_bytes  its size in bytes. When it is full of records (a pointer and a size_t
 *                       each), a block is freed; must have room for one
 * @param target_percent share of @p total_bytes to hover about; with 0 or less every block is freed
 *                       in the step after its allocation
 * @param result         where the counts go
 *
 * Cost: O(1) for each step, besides the functions. Threads: from any at the same time, which then
 * share the numbers out among them.
 */
void sys_heap_stress(void *(*alloc_fn)(void *arg, size_t bytes),
                     void (*free_fn)(void *arg, void *p), void *arg, size_t total_bytes,
                     uint32_t op_count, void *scratch_mem, size_t scratch_bytes, int target_percent,
                     struct z_heap_stress_result *result);

/**
 * Prints which threads have how much of a heap, on standard output.
 *
 * One line for each count that is not 0, in usable bytes: interrupts (allocations between two calls
 * of quarry_heap_track_interrupt), unknown threads (blocks that were there before the heap was
 * tracked, or for which there was no room in the tables), and each thread by its identity and name;
 * or one line that says that there are no allocations, or that the heap is not tracked.
 *
 * A block is the thread's that allocated it or last changed its size, whoever frees it. A thread
 * whose identity is that of an earlier one that has ended inherits its count.
 *
 * @param heap the heap; NULL has no effect
 *
 * Cost:    O(threads), and printf, which may allocate from malloc.
 * Blocks:  for a lock of the library.
 * Threads: any, without the heap's lock. Signals: not from a handler.
 * Differs from Zephyr: also for heaps tracked by quarry_heap_track; there is no count of
 *          allocations before the scheduler, which does not exist.
 */
void sys_heap_stats_log(struct sys_heap *heap);

/**
 * Tells which call allocated a block.
 *
 * @param heap the heap
 * @param mem  the block; any address is allowed
 * @return return address of the call that allocated or last resized it; NULL iff @p heap is NULL or
 *         not tracked (quarry_heap_track), or no block is known at @p mem: it is free, older than
 *         the tracking, or there was no room for it in the table
 *
 * Cost:    O(1) expected, two system calls.
 * Blocks:  for a lock of the library.
 * Threads: any, without the heap's lock. Signals: also from a handler, whatever it interrupted.
 */
void *sys_heap_get_caller(struct sys_heap *heap, void *mem);

#pragma GCC visibility pop

/** @cond internal: the arithmetic behind Z_HEAP_MIN_SIZE_FOR, which lib/core/chunk.h shares. */
#define Z_HEAP_UNIT_BYTES_        8u
#define Z_HEAP_ROUND_UNIT_(bytes) (((bytes) + 7u) / 8u * 8u)
#define Z_HEAP_LOG2_(n)           (63u - (unsigned int)__builtin_clzll(n))

/* Bytes of a chunk's header, and of the end marker: by the heap's size in units on 32-bit machines,
 * unless the build fixes it. */
#define Z_HEAP_BIG_HEADER_BYTES_   8u
#define Z_HEAP_SMALL_HEADER_BYTES_ 4u
#define Z_HEAP_SMALL_MAX_UNITS_    0x7fffu
#if __SIZEOF_POINTER__ > 4 || QUARRY_HEAP_BIG_ONLY
#define Z_HEAP_IS_BIG_(units) 1
#elif QUARRY_HEAP_SMALL_ONLY
#define Z_HEAP_IS_BIG_(units) 0
#else
#define Z_HEAP_IS_BIG_(units) ((units) > Z_HEAP_SMALL_MAX_UNITS_)
#endif

/* Bytes behind the user's bytes of a used chunk: the canary. */
#define Z_HEAP_TRAILER_BYTES_ (QUARRY_HEAP_HARDENING >= 3 ? 8u : 0u)
/* Bytes of struct z_heap without the heads of its free lists. */
#define Z_HEAP_STRUCT_BYTES_                                                                       \
    (16u + (QUARRY_HEAP_RUNTIME_STATS ? 3u * __SIZEOF_POINTER__ : 0u) +                            \
     (QUARRY_HEAP_HARDENING >= 3 && QUARRY_HEAP_CANARIES_RANDOM ? 8u : 0u))
/* Bytes of the header chunk of a heap with that many free lists (one 4-byte head each). */
#define Z_HEAP_CHUNK0_(lists)                                                                      \
    (Z_HEAP_ROUND_UNIT_(Z_HEAP_STRUCT_BYTES_ + 4u * (size_t)(lists)) + Z_HEAP_TRAILER_BYTES_)
/* Bytes of the chunk that holds a block of n bytes. */
#define Z_HEAP_CHUNK_(header, n)                                                                   \
    (Z_HEAP_ROUND_UNIT_((header) + (size_t)(n)) + Z_HEAP_TRAILER_BYTES_)
/* Units of the smallest chunk that can be allocated. */
#define Z_HEAP_MIN_UNITS_(header) (Z_HEAP_CHUNK_(header, 1) / Z_HEAP_UNIT_BYTES_)
/* Free lists of a heap which holds a header chunk for `lists` lists and a block of n bytes. */
#define Z_HEAP_LISTS_(header, lists, n)                                                            \
    (Z_HEAP_LOG2_((Z_HEAP_CHUNK0_(lists) + Z_HEAP_CHUNK_(header, n)) / Z_HEAP_UNIT_BYTES_ -        \
                  Z_HEAP_MIN_UNITS_(header) + 1u) +                                                \
     1u)
/* The number of lists depends on the size and the size on the number: three rounds settle it. */
#define Z_HEAP_SETTLED_LISTS_(header, n)                                                           \
    Z_HEAP_LISTS_(header, Z_HEAP_LISTS_(header, Z_HEAP_LISTS_(header, 1u, n), n), n)
#define Z_HEAP_SIZE_WITH_(header, n)                                                               \
    (Z_HEAP_CHUNK0_(Z_HEAP_SETTLED_LISTS_(header, n)) + Z_HEAP_CHUNK_(header, n) + (header))
/* The header that a heap has which is just large enough for a block of n bytes. */
#define Z_HEAP_HEADER_FOR_(n)                                                                      \
    (Z_HEAP_IS_BIG_(Z_HEAP_SIZE_WITH_(Z_HEAP_SMALL_HEADER_BYTES_, n) / Z_HEAP_UNIT_BYTES_)         \
         ? Z_HEAP_BIG_HEADER_BYTES_                                                                \
         : Z_HEAP_SMALL_HEADER_BYTES_)
/** @endcond */

/**
 * The smallest 8-aligned buffer, in bytes, from which a fresh heap serves one block of @p n bytes.
 *
 * A constant expression; @p n at least 1 and at most a few gigabytes (no overflow check). It is
 * that of the build that <quarry/config.h> describes.
 */
#define Z_HEAP_MIN_SIZE_FOR(n) Z_HEAP_SIZE_WITH_(Z_HEAP_HEADER_FOR_(n), n)

/** The smallest 8-aligned buffer, in bytes, that sys_heap_init accepts. */
#define Z_HEAP_MIN_SIZE Z_HEAP_MIN_SIZE_FOR(1)

#ifdef __cplusplus
}
#endif

#endif
