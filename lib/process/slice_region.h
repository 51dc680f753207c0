/* SPDX-License-Identifier: Apache-2.0 */
/* One large range of address space, cut into slices, and a descriptor for each of them that lies
 * outside. Slabs are made of slices. No lock: any thread, any signal handler, any time. */
#ifndef QUARRY_PROCESS_SLICE_REGION_H
#define QUARRY_PROCESS_SLICE_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/sanitized.h"

#define SLICE_SHIFT 16u
#define SLICE_BYTES ((size_t)1 << SLICE_SHIFT)

struct slab;
struct quarry_malloc_stats;

#pragma GCC visibility push(hidden)
/* What a look-up reads. Variables of their own, because that is an instruction less. */
extern uintptr_t slice_region_start;    /* of slice 0; constant once it is not 0 */
extern size_t slice_region_known;       /* slices from 0 on with a descriptor to read; only grows */
extern struct slab *slice_region_slabs; /* descriptors; constant likewise */
#pragma GCC visibility pop

/* Reserves the range, as large as the system lets it be. False if there is none: then no slice can
 * be had, and no address is in one. Once, before anything else. */
bool slice_region_reserve(void);

/* In the child of a fork. */
void slice_region_after_fork(void);

/* Number of the slice that holds an address, or one for which slice_is_known is false. */
static inline size_t slice_of(const void *address)
{
    return ((uintptr_t)address - slice_region_start) >> SLICE_SHIFT;
}

#if QUARRY_SANITIZED
#define SLICE_REGION_KNOWN_ __atomic_load_n(&slice_region_known, __ATOMIC_RELAXED)
#else
#define SLICE_REGION_KNOWN_ slice_region_known /* a comparison with memory, not a load besides */
#endif

/* Whoever has a block also sees a number that is large enough for it. */
static inline bool slice_is_known(size_t slice)
{
    return slice < SLICE_REGION_KNOWN_;
}

static inline void *slice_start(size_t slice)
{
    return (void *)(slice_region_start + (slice << SLICE_SHIFT));
}

/* Whether there is a range at all. */
bool slice_region_exists(void);

#define SLICE_NONE SIZE_MAX

/* Takes so many neighbouring slices; returns the number of the first, or SLICE_NONE. Their contents
 * are undefined, their descriptors as they were left, zero at first. */
size_t slices_take(size_t count);

/* Gives them back. Their memory goes to the kernel after the purge delay. */
void slices_give(size_t slice, size_t count);

/* To be called now and then without a lock: gives some memory to the kernel that has been free for
 * the purge delay, or that is more than is to be kept. */
void slices_purge_if_due(void);

/* Gives the memory of free slices to the kernel now; returns its bytes. */
size_t slices_purge(void);

/* Slices that are taken. */
size_t slices_in_use(void);

/* Adds the slices' part to *stats. */
void slices_add_stats(struct quarry_malloc_stats *stats);

#endif
