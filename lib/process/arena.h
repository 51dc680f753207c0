/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: several sets of regions, each with a lock, that threads are spread over.
 *
 * All functions may be called by any thread, and by a signal handler that interrupted one of them.
 * A handler never waits for a lock, and nobody waits for a thread that forks. */
#ifndef QUARRY_PROCESS_ARENA_H
#define QUARRY_PROCESS_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#define ARENA_MAX 32u

struct quarry_malloc_stats;
struct region;

/* A block from the calling thread's arena, or another; `align` a power of two. NULL if there is no
 * memory, or if all arenas are in use by those whom the caller must not wait for. */
void *arena_alloc(size_t align, size_t bytes);

void arena_free(struct region *region, void *block);

/* In place; false if that cannot be. */
bool arena_resize(struct region *region, void *block, size_t bytes);

size_t arena_usable_bytes(struct region *region, void *block);

/* Gives back what is unused; keeps keep_bytes at each region's end. Returns the bytes given back.
 */
size_t arena_trim(size_t keep_bytes);

/* Gives back what is unused, down to the last empty region, because memory has run out. Returns the
 * bytes given back. */
size_t arena_reclaim(void);

/* Fills *stats with one arena's part, all of it. False, and zeros, iff somebody is in it for whom
 * the caller must not wait, or need not, unless `wait`. */
bool arena_stats(unsigned int index, bool wait, struct quarry_malloc_stats *stats);

/* Around fork, in the thread that forks: all arenas are held in between, so that the child's copy
 * of each is whole. That thread itself may go on allocating. */
void arena_before_fork(void);
void arena_after_fork_in_parent(void);
void arena_after_fork_in_child(void);

#endif
