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
    add(place, &place.counts->made_bytes, bytes);
}

void large_counts_freed(size_t bytes)
{
    struct place place = place_of_thread();

    add(place, &place.counts->freed, 1);
    add(place, &place.counts->freed_bytes, bytes);
}

void large_counts_resized(size_t old_bytes, size_t new_bytes)
{
    struct place place = place_of_thread();

    add(place, &place.counts->resized, 1);
    add(place, &place.counts->made_bytes, new_bytes);
    add(place, &place.counts->freed_bytes, old_bytes);
}

/* Acquire: what is read after this is of a later moment. */
static void add_place(struct large_counts *sum, const struct large_counts *counts)
{
    sum->made += __atomic_load_n(&counts->made, __ATOMIC_ACQUIRE);
    sum->freed += __atomic_load_n(&counts->freed, __ATOMIC_ACQUIRE);
    sum->resized += __atomic_load_n(&counts->resized, __ATOMIC_ACQUIRE);
    sum->made_bytes += __atomic_load_n(&counts->made_bytes, __ATOMIC_ACQUIRE);
    sum->freed_bytes += __atomic_load_n(&counts->freed_bytes, __ATOMIC_ACQUIRE);
}

static struct large_counts sum_of_all(void)
{
    struct large_counts sum = {0};

    add_place(&sum, &shared);
    for (const struct thread_cache *cache = thread_cache_first(); cache != NULL;
         cache = cache->next) {
        add_place(&sum, &cache->large);
    }
    return sum;
}

/* What was freed is counted first: it was made before, and is among those that were made. */
void large_counts_add_stats(struct quarry_malloc_stats *stats)
{
    struct large_counts before = sum_of_all();
    uint64_t freed = before.freed, freed_bytes = before.freed_bytes;

    struct large_counts sum = sum_of_all();
    size_t bytes = sum.made_bytes > freed_bytes ? (size_t)(sum.made_bytes - freed_bytes) : 0;
    stats->allocations += sum.made;
    stats->large += sum.made;
    stats->frees += freed;
    stats->resizes += sum.resized;
    stats->live_bytes += bytes;
    stats->large_blocks += sum.made > freed ? (size_t)(sum.made - freed) : 0;
    stats->large_bytes += bytes;
}
