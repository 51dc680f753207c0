/* SPDX-License-Identifier: Apache-2.0 */
/* The book of heaps' extents, for memory checkers: which bytes each heap owns. */
#ifndef QUARRY_OS_EXTENTS_H
#define QUARRY_OS_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/sys_heap.h>

/* The bytes of one heap. All zero: no heap. */
struct extent {
    struct z_heap *heap;
    uintptr_t start;
    uintptr_t end;
    bool nested; /* lay in a block of another heap when it began */
};

/* The checker that keeps the book; no more than one does in a process. Both functions run under the
 * book's lock, and must not call back. */
struct extents_keeper {
    /* Whether the program may touch all of these bytes. No byte of a heap is its but live blocks.
     */
    bool (*accessible)(uintptr_t start, uintptr_t end);
    /* A heap began (*before is zero), its end moved, or it ended (*after is zero). */
    void (*changed)(const struct extent *before, const struct extent *after);
};

/* Before the first call of any other; the keeper lives for ever. */
void extents_keep(const struct extents_keeper *keeper);

/* A heap begins. What it does not lie in as in a block, it ends. */
void extents_begin(struct z_heap *heap, void *mem, size_t bytes);
void extents_extend(struct z_heap *heap, void *mem, size_t bytes);
/* The heap owns nothing from `end` on; it ends if that is all. An unknown heap is none. */
void extents_cut(struct z_heap *heap, void *end);
/* Whether a live heap lay in a block of another one when it began. */
bool extents_is_nested(const struct z_heap *heap);
/* A block is given back, and with it all heaps that lie in it end. */
void extents_end_inside(const void *mem, size_t bytes);

#endif
