/* SPDX-License-Identifier: Apache-2.0 */
/* Size classes: the sizes of blocks that slabs are cut into.
 *
 *    bytes      16  32  48 ...  512 |  576  640 ... 1024 | 1152 ... 2048 | ... 32768
 *    class       1   2   3 ...   32 |   33   34 ...   40 |   41 ...   48 | ...    80
 *    step           16              |        64          |      128      |
 *
 * Up to SIZE_CLASS_DIRECT_BYTES the class is the number of steps; beyond, eight classes to each
 * doubling, so that at most an eighth of a block is lost. Steps of 16 bytes up to 1024 would lose
 * less of a block, and more of memory: each class of each thread has a slab that is in part free.
 * Class 0 is that of requests for 0 bytes, and has no blocks of its own. */
#ifndef QUARRY_PROCESS_SIZE_CLASS_H
#define QUARRY_PROCESS_SIZE_CLASS_H

#include <stddef.h>
#include <stdint.h>

#include "core/bits.h"

#define SIZE_CLASS_STEP_SHIFT   4u
#define SIZE_CLASS_DIRECT_SHIFT 9u
#define SIZE_CLASS_DIRECT_BYTES ((size_t)1 << SIZE_CLASS_DIRECT_SHIFT)
#define SIZE_CLASS_DIRECT_LAST  (SIZE_CLASS_DIRECT_BYTES >> SIZE_CLASS_STEP_SHIFT)
#define SIZE_CLASS_TABLE_STEPS  64u /* that are in a table, see below */
#define SIZE_CLASS_TABLE_BYTES  ((size_t)SIZE_CLASS_TABLE_STEPS << SIZE_CLASS_STEP_SHIFT)
#define SIZE_CLASS_FINE_SHIFT   3u /* eight to a doubling */
#define SIZE_CLASS_DOUBLINGS    6u
#define SIZE_CLASS_MOST_BYTES   (SIZE_CLASS_DIRECT_BYTES << SIZE_CLASS_DOUBLINGS)
#define SIZE_CLASSES            (SIZE_CLASS_DIRECT_LAST + (SIZE_CLASS_DOUBLINGS << SIZE_CLASS_FINE_SHIFT) + 1)

/* The steps that a request takes. Up to SIZE_CLASS_DIRECT_BYTES that is its class. */
static inline size_t size_class_steps(size_t bytes)
{
    return (bytes + (1u << SIZE_CLASS_STEP_SHIFT) - 1) >> SIZE_CLASS_STEP_SHIFT;
}

/* Class of any request of at most SIZE_CLASS_MOST_BYTES. */
static inline size_t size_class_of(size_t bytes)
{
    if (bytes <= SIZE_CLASS_DIRECT_BYTES) {
        return size_class_steps(bytes);
    }
    size_t shift = floor_log2((uint32_t)bytes - 1);
    size_t eighth = (bytes - 1) >> (shift - SIZE_CLASS_FINE_SHIFT); /* 8 to 15 */

    return SIZE_CLASS_DIRECT_LAST + ((shift - SIZE_CLASS_DIRECT_SHIFT) << SIZE_CLASS_FINE_SHIFT) +
           eighth - (1u << SIZE_CLASS_FINE_SHIFT) + 1;
}

/* Classes by steps, of requests of at most SIZE_CLASS_TABLE_BYTES: a load, where a branch on the
 * size would be foretold wrong half the time in a program with sizes on both sides of 512 bytes. */
struct size_class_table {
    uint8_t of_steps[SIZE_CLASS_TABLE_STEPS + 1];
};
_Static_assert(SIZE_CLASSES <= UINT8_MAX, "a class fits into the table");

static inline void size_class_table_fill(struct size_class_table *table)
{
    for (size_t steps = 0; steps <= SIZE_CLASS_TABLE_STEPS; steps++) {
        table->of_steps[steps] = (uint8_t)size_class_of(steps << SIZE_CLASS_STEP_SHIFT);
    }
}

/* Bytes of a block. */
static inline size_t size_class_bytes(size_t size_class)
{
    if (size_class <= SIZE_CLASS_DIRECT_LAST) {
        return size_class << SIZE_CLASS_STEP_SHIFT;
    }
    size_t above = size_class - SIZE_CLASS_DIRECT_LAST - 1;
    size_t shift = SIZE_CLASS_DIRECT_SHIFT + (above >> SIZE_CLASS_FINE_SHIFT);
    size_t eighths =
        (above & ((1u << SIZE_CLASS_FINE_SHIFT) - 1)) + (1u << SIZE_CLASS_FINE_SHIFT) + 1;

    return eighths << (shift - SIZE_CLASS_FINE_SHIFT);
}

/* Class of a request at a multiple of align, a power of two from 16 on: one whose blocks' size is
 * such a multiple. SIZE_CLASSES if there is none. */
static inline size_t size_class_aligned(size_t align, size_t bytes)
{
    size_t rounded;

    if (!size_round_up(bytes != 0 ? bytes : 1, align, &rounded) ||
        rounded > SIZE_CLASS_MOST_BYTES) {
        return SIZE_CLASSES;
    }
    size_t size_class = size_class_of(rounded);
    while (size_class < SIZE_CLASSES && size_class_bytes(size_class) % align != 0) {
        size_class++; /* at most eight times: a power of two ends each doubling */
    }
    return size_class;
}

#endif
