/* SPDX-License-Identifier: Apache-2.0 */
/* What an arena is, and the only ways into it. Shared by the files arena*.c, and nobody else.
 *
 * "Entered" means: this thread has the arena to itself. */
#ifndef QUARRY_PROCESS_ARENA_ENTRY_H
#define QUARRY_PROCESS_ARENA_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/sync.h"
#include "process/arena.h"
#include "process/region.h"

struct deferred_block;

struct arena {
    struct lock lock;
    /* All of these: only while entered. */
    struct region
        *current; /* tried first; a member of the ring of regions, NULL if there is none */
    unsigned int doublings; /* how often the size of the next region was doubled */
    uint64_t
        purge_at_ns; /* when unused memory will have been unused for the delay; 0: there is none */
    uint64_t allocations;
    uint64_t frees;
    uint64_t resizes;
    size_t live_bytes;
    /* Atomic: pushed by those who cannot enter; release, because the block's link goes with it. */
    _Atomic(struct deferred_block *) deferred;
} __attribute__((aligned(64))); /* neighbours in the table do not share a cache line */

extern struct arena arenas[ARENA_MAX];

/* For walking the ring from arena->current: the next region, or NULL after the last. Entered. */
static inline struct region *arena_next_region(const struct arena *arena,
                                               const struct region *region)
{
    return region->next != arena->current ? region->next : NULL;
}

/* Enters a given arena. False iff somebody is in it for whom the caller must not wait. */
bool arena_enter(struct arena *arena);

/* Enters a given arena. False iff somebody is in it. */
bool arena_try(struct arena *arena);

/* Enters some arena and makes it the thread's home. NULL iff somebody is in every one for whom the
 * caller must not wait. */
struct arena *arena_enter_any(void);

/* Also frees what was deferred meanwhile. */
void arena_leave(struct arena *arena);

/* The calling thread's identity: an address that no other living thread has, and that the thread
 * which forks keeps in the child. */
const void *arena_this_thread(void);

/* Frees a block of the arena as soon as somebody leaves it. Never waits. */
void arena_defer_free(struct arena *arena, void *block);

/* Frees a block of the arena. Entered. In arena.c. */
void arena_free_entered(struct arena *arena, struct region *region, void *block);

#endif
