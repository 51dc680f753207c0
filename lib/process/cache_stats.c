/* SPDX-License-Identifier: Apache-2.0 */
/* What the caches say of themselves, and giving memory back at once. */
#include <limits.h>

#include "process/cache_parts.h"
#include <quarry/malloc.h>

/* All slabs without a used block, also the last one of its class. Busy. */
static void drop_empty(struct thread_cache *cache, size_t size_class)
{
    cache_give_up_current(cache, size_class);
    struct slab *slab = cache->partial[size_class];
    while (slab != NULL) {
        struct slab *next = slab->next;

        if (slab->used == 0) {
            cache_unlink(&cache->partial[size_class], slab);
            slab_drop(slab);
        }
        slab = next;
    }
}

/* What this thread and others have freed comes home, as far as that can be done here. */
static void settle(struct thread_cache *cache)
{
    if (cache != &no_cache && !cache->busy) {
        cache_enter(cache);
        mail_flush(cache);
        mail_open(cache, UINT_MAX);
        cache_leave(cache);
    }
    orphans_tend(ORPHANS_ALL);
}

size_t thread_cache_trim(void)
{
    struct thread_cache *cache = thread_cache;
    size_t bytes = 0;
    size_t purged_bytes;

    settle(cache);
    if (cache != &no_cache && !cache->busy) {
        cache_enter(cache);
        for (size_t size_class = 1; size_class < SIZE_CLASSES; size_class++) {
            if (!thread_cache_is_claimed(cache, size_class)) {
                drop_empty(cache, size_class);
            }
        }
        cache_leave(cache);
    }
    while ((purged_bytes = slices_purge()) != 0) {
        bytes += purged_bytes;
    }
    return bytes;
}

void thread_cache_count_resize(void)
{
    if (thread_cache != &no_cache) {
        thread_cache->resizes++;
    }
}

/* Takes the blocks on the calling thread's head lists out of the sum, and returns their number.
 * Those on others' lists cannot be told from such as are in use. */
static size_t leave_out_heads(struct quarry_malloc_stats *stats)
{
    const struct thread_cache *cache = thread_cache;
    size_t blocks = 0;

    for (size_t size_class = 1; size_class < SIZE_CLASSES; size_class++) {
        void *block = thread_cache_is_claimed(cache, size_class) ? NULL : cache->heads[size_class];

        for (; block != NULL; block = link_next(block)) {
            stats->live_bytes -= size_class_bytes(size_class);
            blocks++;
        }
    }
    return blocks;
}

static size_t add_slabs(struct quarry_malloc_stats *stats)
{
    size_t blocks = 0;

    for (size_t slice = 0; slice_is_known(slice); slice++) {
        const struct slab *slab = slab_of_slice(slice);

        if (slab->slices != 0) {
            size_t used = __atomic_load_n(&slab->used, __ATOMIC_RELAXED);

            blocks += used;
            stats->live_bytes += used * size_class_bytes(slab->size_class);
        }
    }
    return blocks;
}

void thread_cache_add_stats(struct quarry_malloc_stats *stats)
{
    settle(thread_cache);
    size_t used = add_slabs(stats);
    uint64_t handed_out = 0;

    for (const struct thread_cache *cache = cache_first(); cache != NULL; cache = cache->next) {
        handed_out += cache->handed_out;
        stats->resizes += cache->resizes;
    }
    stats->allocations += handed_out - leave_out_heads(stats);
    stats->frees += handed_out - used;
    slices_add_stats(stats);
}
