/* SPDX-License-Identifier: Apache-2.0 */
/* What the caches say of themselves, and giving memory back at once. */
#include <limits.h>

#include "process/cache_parts.h"
#include "process/census.h"

/* All slabs without a used block, also the last one of its class. Busy. */
static void drop_empty(struct thread_cache *cache, size_t size_class)
{
    cache_give_up_current(cache, size_class);
    struct slab *slab = cache->waiting[size_class];
    while (slab != NULL) {
        struct slab *next = slab->next;

        if (slab->used == 0) {
            cache_unlink(&cache->waiting[size_class], slab);
            slab_drop(slab);
        }
        slab = next;
    }
}

/* Counts of a list's slabs that handlers have spoilt become right. Busy. */
static void correct(struct thread_cache *cache, struct slab *slab)
{
    for (; slab != NULL; slab = slab->next) {
        cache->handed_out -= (uint64_t)(int32_t)slab_correct_used(slab);
    }
}

static void correct_all(struct thread_cache *cache)
{
    for (size_t size_class = 1; size_class < SIZE_CLASSES; size_class++) {
        if (cache->current[size_class] != NULL) {
            cache->handed_out -= (uint64_t)(int32_t)slab_correct_used(cache->current[size_class]);
        }
        correct(cache, cache->waiting[size_class]);
    }
}

/* What this thread and others have freed comes home, as far as that can be done here. */
static void settle(struct thread_cache *cache)
{
    if (cache != &no_cache && !cache->busy) {
        cache_enter(cache);
        mail_flush(cache);
        mail_open(cache, UINT_MAX);
        correct_all(cache);
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
        kept_runs_give(&cache->runs);
        cache_enter(cache);
        for (size_t size_class = 1; size_class < SIZE_CLASSES; size_class++) {
            if (!thread_cache_is_claimed(cache, size_class)) {
                drop_empty(cache, size_class);
            }
        }
        mail_flush(cache);
        cache_leave(cache);
    }
    while ((purged_bytes = slices_purge()) != 0) {
        bytes += purged_bytes;
    }
    return bytes;
}

/* The blocks on the calling thread's head lists are free; their number. Those on others' lists
 * cannot be told from such as are in use. */
static size_t leave_out_heads(struct census *census)
{
    const struct thread_cache *cache = thread_cache;
    size_t blocks = 0;

    for (size_t size_class = 1; size_class < SIZE_CLASSES; size_class++) {
        void *block = thread_cache_is_claimed(cache, size_class) ? NULL : cache->heads[size_class];

        for (; block != NULL; block = link_next(block)) {
            census->classes[size_class].used--;
            census->classes[size_class].free++;
            blocks++;
        }
    }
    return blocks;
}

static size_t at_most(size_t number, size_t most)
{
    return number < most ? number : most;
}

/* Its thread may change it meanwhile: all blocks are counted, each once. */
static void count_slab(struct census *census, const struct slab *slab)
{
    struct class_census *of_class = &census->classes[slab->size_class];
    size_t blocks = slab->blocks;
    size_t used = at_most(__atomic_load_n(&slab->used, __ATOMIC_RELAXED), blocks);
    size_t threaded = at_most(__atomic_load_n(&slab->threaded, __ATOMIC_RELAXED), blocks);

    threaded = threaded > used ? threaded : used;
    of_class->slabs++;
    of_class->slices += slab->slices;
    of_class->used += used;
    of_class->free += threaded - used;
    of_class->unused += blocks - threaded;
    census->orphans += cache_is_orphan(slab);
}

/* Slices without a class are not a slab's. */
static void count_slabs(struct census *census)
{
    for (size_t slice = 0; slice_is_known(slice); slice++) {
        const struct slab *slab = slab_of_slice(slice);

        if (slab->slices != 0 && slab->size_class != 0) {
            count_slab(census, slab);
        }
    }
}

static void count_cache(struct census *census, struct thread_cache *cache)
{
    size_t kept_runs = at_most(kept_runs_count(&cache->runs), census->slices_in_use);

    census->caches++;
    census->caches_in_use += atomic_load_explicit(&cache->in_use, memory_order_relaxed);
    census->caches_mailed += mail_is_there(cache);
    census->letters += __atomic_load_n(&cache->letters, __ATOMIC_RELAXED);
    census->letter_blocks += __atomic_load_n(&cache->letter_blocks, __ATOMIC_RELAXED);
    census->slices_in_use -= kept_runs;
    census->slices_kept += kept_runs;
    census->total.resizes += __atomic_load_n(&cache->resizes, __ATOMIC_RELAXED);
}

/* Adds up what is in the classes; returns the blocks in use. */
static size_t add_classes(struct census *census)
{
    struct quarry_malloc_stats *total = &census->total;
    size_t used = 0;

    for (size_t size_class = 1; size_class < SIZE_CLASSES; size_class++) {
        used += census->classes[size_class].used;
        total->live_bytes += class_used_bytes(census, size_class);
        total->free_blocks += census->classes[size_class].free;
        total->free_block_bytes += class_free_bytes(census, size_class);
    }
    return used;
}

/* The caches' counts come after those of slabs. Where a thread is in between two of its own, more
 * may be in use than were handed out. */
void thread_cache_count(struct census *census, bool settled)
{
    uint64_t handed_out = 0;

    if (settled) {
        settle(thread_cache);
    }
    count_slabs(census);
    slices_count(census);
    for (struct thread_cache *cache = thread_cache_first(); cache != NULL; cache = cache->next) {
        handed_out += __atomic_load_n(&cache->handed_out, __ATOMIC_RELAXED);
        count_cache(census, cache);
    }
    size_t heads = leave_out_heads(census);
    size_t used = add_classes(census);
    uint64_t made = handed_out > heads ? handed_out - heads : 0;
    census->total.allocations += made;
    census->total.frees += made > used ? made - used : 0;
    census->letters += orphans.letters;
    census->letter_blocks += orphans.letter_blocks;
}
