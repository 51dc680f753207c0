/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that a thread frees and another one has the slab of.
 *
 * Where a thread allocates such blocks, too, those above a KiB go onto its own head list, in front
 * of the current slab's: what it has freed just now is in its processor's caches, and need not
 * travel; and where threads free each other's blocks, one does not run out of memory while what it
 * has freed waits for another one that does not run. The list is no longer than two slabs have
 * blocks, so a thread keeps no more than if all of the list were of slabs of its own. When a thread
 * gives up a list, they are freed once more. Smaller blocks share cache lines with their
 * neighbours, which others write to; and slabs have so many of them that it is better to adopt the
 * slab of a thread that has ended. Not in the real-time mode, since the list is counted now and
 * then; nor in the hardened library, where nobody is to foretell the next block.
 *
 * All others are batched by slab, at most REMOTE_BATCH_MOST and REMOTE_BATCH_BYTES in each of
 * REMOTE_BATCHES batches, so that a thread that only frees keeps no more than that. A full batch,
 * or one that must make way for another slab's, is a letter: a chain of blocks whose last one says
 * where it begins, and goes into the owner's inbox by one compare-and-swap. A thread without a
 * cache has no batches: its first blocks are letters of their own, then it gets a cache for them.
 *
 *    inbox --> | first of chain | next letter, count |     the last block of a chain
 *                    |
 *                    +--> | link | --> | link | --> (the last block)
 *
 * The owner looks into its inbox when a head list is empty, and opens a few letters each time; more
 * of them before it takes memory that it did not use yet. What
 * is sent to a cache whose thread has ended, or to the orphans, is put in order by whoever tends
 * these (orphans.c): the sender tries to.
 *
 * Invariants:
 *   1. A block in a batch or a letter counts as used in its slab. So the slab is not given back,
 * and its descriptor is good.
 *   2. A slab's cache is changed by the cache's thread, or with the orphans' lock if that is
 * theirs, or without a thread. So a letter that comes too late is forwarded, and arrives. */
#include "core/check.h"
#include "process/cache_parts.h"
#include "process/options.h"

/* A letter's second word: an address below 2^48, and the number of blocks above. */
#define COUNT_SHIFT 48u

static _Atomic(uint64_t) *letter_word(void *letter)
{
    return (_Atomic(uint64_t) *)letter + 1;
}

static uint64_t read_letter(void *letter)
{
    return atomic_load_explicit(letter_word(letter), memory_order_relaxed) ^
           link_code(letter_word(letter));
}

static void *next_letter(void *letter)
{
    uint64_t word = read_letter(letter);
    void *next = (void *)(uintptr_t)(word & (((uint64_t)1 << COUNT_SHIFT) - 1));

    REQUIRE(!HARDENED || next == NULL || slab_at(next) != NULL,
            "letter of free blocks is damaged: it was written to after it was freed", NULL, letter);
    return next;
}

static uint32_t letter_count(void *letter)
{
    return (uint32_t)(read_letter(letter) >> COUNT_SHIFT);
}

static void put_into(struct thread_cache *cache, void *letter, uint32_t count)
{
    void *top = atomic_load_explicit(&cache->inbox, memory_order_relaxed);

    do {
        atomic_store_explicit(letter_word(letter),
                              ((uint64_t)count << COUNT_SHIFT | (uint64_t)(uintptr_t)top) ^
                                  link_code(letter_word(letter)),
                              memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&cache->inbox, &top, letter,
                                                    memory_order_seq_cst, memory_order_relaxed));
}

/* Sends a chain; `last` becomes the letter. Returns to whom. */
static struct thread_cache *post(struct slab *slab, void *first, void *last, uint32_t count)
{
    struct thread_cache *cache = atomic_load_explicit(&slab->cache, memory_order_acquire);

    REQUIRE(cache != NULL, "block belongs to a slab that nobody has", NULL, first);
    link_set(last, first);
    put_into(cache, last, count);
    return cache;
}

void mail_send(struct slab *slab, void *first, void *last, uint32_t count)
{
    struct thread_cache *cache = post(slab, first, last, count);

    if (!atomic_load_explicit(&cache->in_use, memory_order_seq_cst)) {
        orphans_call_for(cache);
        orphans_tend(ORPHANS_FEW);
    }
}

/* A chain for a slab of the cache, or by now of another one, which is sent on. */
static void open_letter(struct thread_cache *cache, void *letter)
{
    struct slab *slab = slab_first(slab_of_slice(slice_of(letter)));
    void *first = link_next(letter);
    uint32_t count = letter_count(letter);

    if (atomic_load_explicit(&slab->cache, memory_order_acquire) == cache) {
        cache->letters++;
        cache->letter_blocks += count;
        cache_bring_home(cache, slab, first, letter, count);
    } else {
        mail_send(slab, first, letter, count);
    }
}

/* The next letter: of those that were taken out of the inbox and are not opened yet, or all that
 * are in it now are taken out first. */
static void *next_unopened(struct thread_cache *cache)
{
    void *letter = cache->unopened;

    if (letter == NULL && mail_is_there(cache)) {
        letter = atomic_exchange_explicit(&cache->inbox, NULL, memory_order_acquire);
    }
    __atomic_store_n(&cache->unopened, letter != NULL ? next_letter(letter) : NULL,
                     __ATOMIC_RELAXED);
    return letter;
}

void mail_open(struct thread_cache *cache, unsigned int most)
{
    void *letter;

    while (most > 0 && (letter = next_unopened(cache)) != NULL) {
        open_letter(cache, letter);
        most--;
    }
}

/* --- Blocks to use again --- */

/* Of cache->listed: no more until the next list begins. */
#define LISTED_ENOUGH UINT8_MAX
/* Slabs' worth of blocks that a list has at the most. Measured: with one, churn-4 takes 4 % more
 * time and a fifth more memory; with four, no less of either. */
#define LIST_SLABS 2u
_Static_assert(SLICE_BYTES / CACHE_GO_HOME_BYTES * LIST_SLABS < LISTED_ENOUGH,
               "a list has fewer blocks");

/* The blocks of a head list that is not claimed, as far as `most`. Handlers must not take them
 * meanwhile; while the cache is busy nobody adds any. */
static uint8_t count_list(struct thread_cache *cache, size_t size_class, uint32_t most)
{
    void *list = own_take(&cache->heads[size_class]);
    uint8_t count = 0;

    for (void *block = list; block != NULL && count < most; block = link_next(block)) {
        count++;
    }
    __atomic_store_n(&cache->heads[size_class], list, __ATOMIC_RELAXED);
    return count;
}

/* What malloc has taken off the list since it began is not in cache->listed, and is looked for when
 * that says that the list is full. If it is, nobody looks again before the next one; nor if it is
 * time to look for memory that is to go back to the kernel, which is done when a list has ended. */
static bool has_room_on_list(struct thread_cache *cache, const struct slab *slab)
{
    uint8_t *listed = &cache->listed[slab->size_class];
    uint32_t most = slab->blocks * LIST_SLABS;

    if (*listed != LISTED_ENOUGH && *listed >= most) {
        *listed = count_list(cache, slab->size_class, most);
        if (*listed >= most || cache->blocks_to_look <= 0) {
            *listed = LISTED_ENOUGH;
        }
    }
    return *listed != LISTED_ENOUGH;
}

bool mail_reuse(struct thread_cache *cache, struct slab *slab, void *block)
{
    size_t size_class = slab->size_class;

    if (cache->current[size_class] == NULL || options_rt() ||
        thread_cache_is_claimed(cache, size_class) || !has_room_on_list(cache, slab)) {
        return false;
    }
    REQUIRE(block != cache->heads[size_class], "block was freed twice in a row", slab, block);
    cache->listed[size_class]++;
    cache->handed_out++;
    cache->blocks_to_look--;
    own_push(&cache->heads[size_class], block, block);
    return true;
}

void mail_list_begins(struct thread_cache *cache, size_t size_class, uint32_t count)
{
    cache->listed[size_class] = (uint8_t)count;
}

static void add_reused(struct thread_cache *cache, struct slab *slab, void *block)
{
    cache->handed_out--;
    if (atomic_load_explicit(&slab->cache, memory_order_relaxed) == cache) {
        cache_bring_home(cache, slab, block, block, 1);
    } else {
        mail_add(cache, slab, block);
    }
}

void *mail_add_reused(struct thread_cache *cache, size_t size_class, void *list)
{
    void *others = NULL;

    while (list != NULL) {
        void *block = list;
        struct slab *slab = slab_of_block(block);

        list = link_next(block);
        if (slab == cache->current[size_class]) {
            own_push(&others, block, block);
        } else {
            add_reused(cache, slab, block);
        }
    }
    return others;
}

/* --- Batches --- */

static void flush(struct remote_batch *batch)
{
    struct slab *slab = batch->slab;

    if (slab != NULL) {
        batch->slab = NULL;
        mail_send(slab, batch->first, batch->last, batch->count);
    }
}

void mail_flush(struct thread_cache *cache)
{
    for (size_t i = 0; i < REMOTE_BATCHES; i++) {
        flush(&cache->batches[i]);
    }
}

void mail_add(struct thread_cache *cache, struct slab *slab, void *block)
{
    size_t slice = (size_t)(slab - slice_range_slabs);
    struct remote_batch *batch = &cache->batches[slice % REMOTE_BATCHES];

    if (batch->slab != slab) {
        flush(batch);
        *batch = (struct remote_batch){slab, block, block, 1};
    } else {
        link_set(block, batch->first);
        batch->first = block;
        batch->count++;
    }
    if (batch->count == REMOTE_BATCH_MOST ||
        batch->count * size_class_bytes(slab->size_class) >= REMOTE_BATCH_BYTES) {
        flush(batch);
    }
}
