/* SPDX-License-Identifier: Apache-2.0 */
/* One large range of address space, cut into slices, and a descriptor for each of them that lies
 * outside. No lock: any thread, any signal handler, any time. */
#ifndef QUARRY_PROCESS_SLICE_RANGE_H
#define QUARRY_PROCESS_SLICE_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bits.h"
#include "os/sanitized.h"

#define SLICE_SHIFT 16u
#define SLICE_BYTES ((size_t)1 << SLICE_SHIFT)

/* Of a window of addresses, 512 GiB (slice_window.c). */
#define SLICE_WINDOW_SHIFT 39u

/* Slices are made usable so many at a time at least: what a page of descriptors is for. In the
 * hardened library the last of each is a guard. */
#define SLICE_STEP 64u

struct slab;

/* Memory for a bit for each slice, zeros. On the page where `touched` begins the first one ends. */
struct slice_tables {
    uint32_t *taken;
    uint32_t *touched;
};

#pragma GCC visibility push(hidden)
/* What a look-up reads. Variables of their own, because that is an instruction less. */
extern uintptr_t slice_range_start;    /* of slice 0; constant once it is not 0 */
extern size_t slice_range_known;       /* slices from 0 on with a descriptor to read; only grows */
extern struct slab *slice_range_slabs; /* descriptors; constant likewise */
#pragma GCC visibility pop

/* Number of the slice that holds an address, or one for which slice_is_known is false. */
static inline size_t slice_of(const void *address)
{
    return ((uintptr_t)address - slice_range_start) >> SLICE_SHIFT;
}

/* Whoever has a block also sees a number that is large enough for it. */
static inline bool slice_is_known(size_t slice)
{
    return slice < READ_RELAXED(slice_range_known);
}

static inline void *slice_start(size_t slice)
{
    return (void *)(slice_range_start + (slice << SLICE_SHIFT));
}

/* Reserves the range, as large as the system lets it be. False if there is none: then no address is
 * in a slice. Once, before anything else. */
bool slice_range_reserve(struct slice_tables *bits);

/* In the child of a fork. */
void slice_range_after_fork(void);

/* Whether there is a range at all; and how many slices are reserved. */
bool slice_range_exists(void);
size_t slice_range_slices(void);

/* Where the bits of all slices begin, and end. */
void *slice_range_bits(void);
void *slice_range_bits_end(void);

/* Makes all slices below `end` usable. False if they cannot be, or not now. */
bool slice_range_make_known(size_t end);

/* Gives back the address space of all slices that are not known: there are no more slices than that
 * from now on. For a process that is to have less address space than the range takes. */
void slice_range_end(void);

/* For who takes slices from one number to before another, which are usable: does a part of what
 * those behind will need, so that their calls have less to do. */
void slice_range_get_ready(size_t first, size_t end);

/* How many are known, and how many of these are no guards. */
size_t slice_range_known_slices(void);
size_t slice_range_usable_slices(void);

/* The first guard from a slice on (hardened). */
static inline size_t slice_range_next_guard(size_t slice)
{
    return round_up(slice + 1, SLICE_STEP) - 1;
}

#endif
