/* SPDX-License-Identifier: Apache-2.0 */
/* All numbers of the process allocator, as one look finds them: what every report is made of.
 *
 * A census takes some kilobytes. The stack of a signal handler may have no room for it. */
#ifndef QUARRY_PROCESS_CENSUS_H
#define QUARRY_PROCESS_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/arena.h"
#include "process/size_class.h"
#include <quarry/malloc.h>

/* The slabs of one size class. Blocks on the head list of another thread than that which looks, and
 * such as are on their way to their slab's thread, cannot be told from those in use. */
struct class_census {
    size_t slabs;
    size_t slices;
    size_t used;   /* blocks */
    size_t free;   /* blocks that were given back */
    size_t unused; /* blocks that never were in use, nor on a list */
};

struct census {
    struct quarry_malloc_stats total;
    struct quarry_malloc_stats arenas[ARENA_MAX]; /* the part of each */
    uint32_t busy_arenas; /* bit i: somebody is in arena i for whom was not waited: all zeros */
    struct class_census classes[SIZE_CLASSES];
    size_t slices_known;    /* that are usable */
    size_t slices_in_use;   /* that are taken, but for those in the next number */
    size_t slices_kept;     /* that are free, or a thread keeps, and still have memory */
    size_t orphans;         /* slabs, counted in `classes`, of threads that have ended */
    size_t caches;          /* of threads, and such as wait for one */
    size_t caches_in_use;   /* of threads */
    size_t caches_mailed;   /* that have letters which were not opened */
    uint64_t letters;       /* that were opened */
    uint64_t letter_blocks; /* blocks that were in these */
};

/* What the looker may do. */
enum census_way {
    CENSUS_SETTLED, /* wait for arenas, and bring home first what was freed and is on its way */
    CENSUS_AT_ONCE, /* neither: whatever this thread was doing, it is not disturbed */
};

/* What other threads do meanwhile may be counted or not; nothing is counted twice in one field. */
void census_take(struct census *census, enum census_way way);

/* Bytes of free blocks of a class, and of those in use. */
static inline size_t class_free_bytes(const struct census *census, size_t size_class)
{
    return census->classes[size_class].free * size_class_bytes(size_class);
}

static inline size_t class_used_bytes(const struct census *census, size_t size_class)
{
    return census->classes[size_class].used * size_class_bytes(size_class);
}

#endif
