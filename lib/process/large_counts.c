/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of large blocks: in the caches of threads that have one, each owner's own, and in one
 * shared place for all others. */
#include "process/large_counts.h"

#include <quarry/malloc.h>
#include <stdbool.h>

#include "process/own.h"
#include "process/thread_cache.h"

static struct large_counts shared; /* by atomic instructions, relaxed */

/* A thread's counters, or those of all that have none. */
struct place {
    struct large_counts *counts;
    bool is_own;
};

static struct place place_of_thread(void)
{
    struct thread_cache *cache = thread_cache;
    bool is_own = cache != &no_cache;

    return (struct place){is_own ? &cache->large : &shared, is_own};
}

static void add(struct place place, uint64_t *counter, uint64_t more)
{
    if (place.is_own) {
        own_add_long(counter, more);
    } else {
        __atomic_fetch_add(counter, more, __ATOMIC_RELAXED);
    }
}

void large_counts_made(size_t bytes)
{
    struct place place = place_of_thread();

    add(place, &place.counts->made, 1);
    add(place, &place.counts->live, 1);
    add(place, &place.counts->live_bytes, bytes);
}

void large_counts_freed(size_t bytes)
{
    struct place place = place_of_thread();

    add(place, &place.counts->freed, 1);
    add(place, &place.counts->live, (uint64_t)0 - 1);
    add(place, &place.counts->live_bytes, (uint64_t)0 - bytes);
}

void large_counts_resized(size_t old_bytes, size_t new_bytes)
{
    struct place place = place_of_thread();

    add(place, &place.counts->resized, 1);
    add(place, &place.counts->live_bytes, (uint64_t)new_bytes - old_bytes);
}

static void add_place(struct large_counts *sum, const struct large_counts *counts)
{
    sum->made += __atomic_load_n(&counts->made, __ATOMIC_RELAXED);
    sum->freed += __atomic_load_n(&counts->freed, __ATOMIC_RELAXED);
    sum->resized += __atomic_load_n(&counts->resized, __ATOMIC_RELAXED);
    sum->live += __atomic_load_n(&counts->live, __ATOMIC_RELAXED);
    sum->live_bytes += __atomic_load_n(&counts->live_bytes, __ATOMIC_RELAXED);
}

/* A sum that is below 0 because a block was freed while the places were read, where it was made
 * having been read before. */
static size_t at_least_0(uint64_t sum)
{
    return sum <= PTRDIFF_MAX ? (size_t)sum : 0;
}

void large_counts_add_stats(struct quarry_malloc_stats *stats)
{
    struct large_counts sum = {0};

    add_place(&sum, &shared);
    for (const struct thread_cache *cache = thread_cache_first(); cache != NULL;
         cache = cache->next) {
        add_place(&sum, &cache->large);
    }
    stats->allocations += sum.made;
    stats->large += sum.made;
    stats->frees += sum.freed;
    stats->resizes += sum.resized;
    stats->live_bytes += at_least_0(sum.live_bytes);
    stats->large_blocks += at_least_0(sum.live);
    stats->large_bytes += at_least_0(sum.live_bytes);
}
