/* SPDX-License-Identifier: Apache-2.0 */
/* A region: reserved address space with one growable chunk heap in it.
 *
 * A region has no lock: the arena that owns it serialises all calls. */
#ifndef QUARRY_PROCESS_REGION_H
#define QUARRY_PROCESS_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <zephyr/sys/sys_heap.h>

/* Every block of a region is aligned to this. */
#define REGION_ALIGN 16u

struct arena;

struct region {
    struct arena *arena;    /* owner; constant */
    size_t reserved_bytes;  /* from the region's start; constant */
    size_t committed_bytes; /* from the region's start; arena lock */
    struct region *next;    /* ring of the arena's regions; arena lock */
    size_t live_blocks;     /* arena lock */
    struct sys_heap heap;   /* arena lock */
    /* The thread that gives a tail to the kernel just now; NULL: none. Set with the arena's lock,
     * cleared without (release: then the kernel has it), read with (acquire). */
    _Atomic(const void *) trimming_thread;
};

/* A range of address space. */
struct range {
    void *start;
    size_t bytes;
};

/* Reserves about `reserve_bytes` for the arena and commits enough for a block of `bytes` at
 * `align`. NULL if the system refuses. */
struct region *region_create(struct arena *arena, size_t reserve_bytes, size_t align, size_t bytes);

/* Unmaps a region that has no live blocks. Needs no lock if nobody else knows the region. */
void region_destroy(struct region *region);

/* As malloc: a block at a multiple of align (at least REGION_ALIGN), or NULL if there is no room.
 */
void *region_alloc(struct region *region, size_t align, size_t bytes);
void region_free(struct region *region, void *block);
/* In place; false if that cannot be. */
bool region_resize(struct region *region, void *block, size_t bytes);
size_t region_usable_bytes(struct region *region, void *block);

/* Commits more memory, so that region_alloc(region, align, bytes) succeeds. False if the region's
 * address space is used up, or the system refuses. */
bool region_extend(struct region *region, size_t align, size_t bytes);

/* Whether a tail is on its way to the kernel. */
bool region_is_being_trimmed(const struct region *region);

/* Bytes at the region's end that are committed and free. */
size_t region_tail_bytes(const struct region *region);

/* Takes the free tail but for `keep_bytes` out of the heap. The caller then gives the range to the
 * kernel with os_decommit, without the lock, and calls region_end_trim. In between
 * region_is_being_trimmed, by `thread`, and the region does not grow. Zero bytes: nothing to trim.
 */
struct range region_begin_trim(struct region *region, size_t keep_bytes, const void *thread);
/* Needs no lock. */
void region_end_trim(struct region *region);

/* Lets the kernel have the pages inside of free chunks back; returns how many bytes it took. */
size_t region_discard_free(struct region *region);

#endif
