/* SPDX-License-Identifier: Apache-2.0 */
/* The sum of all counters, and those that are of no part in particular. */
#include "process/stats.h"

#include <stdatomic.h>
#include <string.h>

#include "process/census.h"
#include "process/large.h"
#include "process/slice_reserve.h"
#include "process/thread_cache.h"

/* Relaxed: numbers for statistics. */
static _Atomic(uint64_t) foreign;
static _Atomic(uint64_t) refused;

void stats_count_foreign(void)
{
    atomic_fetch_add_explicit(&foreign, 1, memory_order_relaxed);
}

void stats_count_refused(void)
{
    atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed);
}

static void add_arena(struct quarry_malloc_stats *total, const struct quarry_malloc_stats *arena)
{
    total->allocations += arena->allocations;
    total->frees += arena->frees;
    total->resizes += arena->resizes;
    total->live_bytes += arena->live_bytes;
    total->arenas += arena->arenas;
    total->regions += arena->regions;
    total->reserved_bytes += arena->reserved_bytes;
    total->committed_bytes += arena->committed_bytes;
    total->trimmable_bytes += arena->trimmable_bytes;
    total->free_chunks += arena->free_chunks;
}

void census_take(struct census *census, enum census_way way)
{
    struct quarry_malloc_stats *total = &census->total;

    memset(census, 0, sizeof(*census)); /* an initialiser may be built on the stack first */
    total->foreign = atomic_load_explicit(&foreign, memory_order_relaxed);
    total->refused = atomic_load_explicit(&refused, memory_order_relaxed);
    for (unsigned int i = 0; i < ARENA_MAX; i++) {
        bool was_there = arena_stats(i, way == CENSUS_SETTLED, &census->arenas[i]);

        census->busy_arenas |= (uint32_t)!was_there << i;
        add_arena(total, &census->arenas[i]);
    }
    large_add_stats(total);
    slice_reserve_add_stats(total);
    thread_cache_count(census, way == CENSUS_SETTLED);
}

void quarry_malloc_stats_get(struct quarry_malloc_stats *stats)
{
    struct census census;

    census_take(&census, CENSUS_SETTLED);
    *stats = census.total;
}
