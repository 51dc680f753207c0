/* SPDX-License-Identifier: Apache-2.0 */
/* What free looks an address up in: a table that has a readable descriptor for each value of a
 * pointer, which is the right one for what is in a slice, and else nobody's, or somebody else's. */
#ifndef QUARRY_PROCESS_SLICE_WINDOW_H
#define QUARRY_PROCESS_SLICE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/slab.h"

#define SLICE_WINDOW_SLICES ((size_t)1 << (SLICE_WINDOW_SHIFT - SLICE_SHIFT))
#define SLICE_WINDOW_BYTES  (SLICE_WINDOW_SLICES * sizeof(struct slab))

#define SLICE_WINDOW_DESCRIPTOR_SHIFT 6u
_Static_assert(sizeof(struct slab) == 1u << SLICE_WINDOW_DESCRIPTOR_SHIFT,
               "of the table's entries");

/* Of an open window: what is left of an address, shifted, is where its descriptor is. */
#define SLICE_WINDOW_OPEN_MASK ((uintptr_t)(SLICE_WINDOW_BYTES - sizeof(struct slab)))

/* On one cache line. */
struct slice_window {
    char *table;
    uintptr_t mask; /* SLICE_WINDOW_OPEN_MASK; 0 while the window is closed */
} __attribute__((aligned(2 * sizeof(void *))));

#pragma GCC visibility push(hidden)
extern struct slice_window slice_window;
#pragma GCC visibility pop

/* Of a window's table, where the descriptor for an address is; in bytes. */
static inline size_t slice_window_offset(const void *address, uintptr_t mask)
{
    return ((uintptr_t)address >> (SLICE_SHIFT - SLICE_WINDOW_DESCRIPTOR_SHIFT)) & mask;
}

/* The descriptor at an address's place in its window. */
static inline struct slab *slice_window_slab(const void *address)
{
    size_t offset = slice_window_offset(address, READ_RELAXED(slice_window.mask));

    return (struct slab *)(void *)(slice_window.table + offset);
}

/* Whether the range may be there: in one window, and not at its first place. */
bool slice_window_holds(const void *start, size_t bytes);

/* From now on addresses are looked up in this table, SLICE_WINDOW_BYTES of zeros that are readable.
 * Once, while there is one thread. */
void slice_window_open(void *table);

/* What was opened may be unmapped but for its first page: no address is looked up in it any more.
 * False, and nothing is changed, if some thread may be doing so just now. */
bool slice_window_close(void);

bool slice_window_is_open(void);

#endif
