/* SPDX-License-Identifier: Apache-2.0 */
/* When and how an arena gives unused memory back. For arena.c. */
#ifndef QUARRY_PROCESS_ARENA_PURGE_H
#define QUARRY_PROCESS_ARENA_PURGE_H

#include <stdbool.h>

struct arena;
struct region;

/* Whether the arena, entered, is to be purged now that a block of `region` was freed. */
bool arena_purge_is_due(struct arena *arena, const struct region *region);

/* Gives back what is unused, but for a little. Not entered; not in a signal handler. */
void arena_purge(struct arena *arena);

#endif
