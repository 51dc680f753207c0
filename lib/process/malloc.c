/* SPDX-License-Identifier: Apache-2.0 */
/* The process allocator's public face: which of its parts serves a call.
 *
 *   size of a slab's block         --> the thread's slabs (thread_cache.c)
 *   size below the large threshold --> an arena (arena.c: chunk heaps in regions)
 *   all others                     --> a run of slices (run.c), or a mapping (large.c)
 *   address                        --> address_map.c says whose it is
 *
 * A block that no arena can serve, because address space for a region is not to be had or because
 * others are in all arenas for whom the caller must not wait, becomes a large block, too. Of large
 * blocks runs are the usual kind, and begin where slabs' blocks end: then arenas have only what
 * slabs cannot serve, as signal handlers' blocks. The arenas' front end has no runs. In the
 * real-time mode all that is not served by slabs is a run. What realloc does is in realloc.c. */
#include <errno.h>
#include <quarry/malloc.h>
#include <string.h>

#include "core/bits.h"
#include "core/check.h"
#include "os/os.h"
#include "process/address_map.h"
#include "process/arena.h"
#include "process/fast.h"
#include "process/large.h"
#include "process/malloc.h"
#include "process/options.h"
#include "process/region.h"
#include "process/run.h"
#include "process/setup.h"
#include "process/slice_reserve.h"
#include "process/stats.h"

/* What should be a run, and cannot, is rather a chunk than a mapping if it is smaller. */
#define MAPPING_LEAST_BYTES ((size_t)512 << 10)

/* A block, and whether all its bytes are known to be zero. */
struct allocation {
    void *block;
    bool zeroed;
};

/* Whether a block may be had that is not made of slices: not if there is only the reserve of the
 * real-time mode. There it counts. */
static bool may_leave_slices(void)
{
    if (options_rt()) {
        slice_reserve_count_exhausted();
    }
    return !options_exhausted_fails();
}

static struct allocation allocate_once(size_t align, size_t bytes, bool zeroed)
{
    struct allocation result = {NULL, false};
    size_t larger = bytes > align ? bytes : align;
    size_t threshold = options_large_threshold();

    if (!options_rt() && larger < threshold) {
        result.block = arena_alloc(align, bytes);
    }
    if (result.block == NULL) {
        result.block = run_alloc(align, bytes, zeroed);
        result.zeroed = zeroed;
    }
    if (result.block != NULL || !may_leave_slices()) {
        return result;
    }
    if (larger < MAPPING_LEAST_BYTES && runs_are_usual()) {
        result = (struct allocation){arena_alloc(align, bytes), false};
    }
    if (result.block == NULL) {
        result.block = large_alloc(align, bytes);
        result.zeroed = true;
    }
    return result;
}

/* Gives all unused memory back; returns how many bytes. */
static size_t reclaim(void)
{
    size_t bytes = thread_cache_trim();

    return bytes + arena_reclaim();
}

/* `align` a power of two; zeroed if a large block is to be new. Where the system has no more to
 * give, what is unused goes back to it first, since it may be address space of the wrong kind that
 * is missing. */
static struct allocation allocate(size_t align, size_t bytes, bool zeroed)
{
    struct allocation result = {NULL, false};

    setup();
    if (bytes > PTRDIFF_MAX) {
        return result;
    }
    result = allocate_once(align, bytes, zeroed);
    if (result.block == NULL && !options_exhausted_fails() && reclaim() != 0) {
        result = allocate_once(align, bytes, zeroed);
    }
    if (result.block == NULL) {
        stats_count_refused();
    }
    return result;
}

void malloc_meet_foreign(const void *address)
{
    REQUIRE(!address_map_is_inside_large(address), "address is in the middle of a large block",
            NULL, address);
    REQUIRE(!options_foreign_aborts(), "address is not from this allocator", NULL, address);
    stats_count_foreign();
}

static size_t usable_bytes(struct address_owner owner, void *block)
{
    switch (owner.kind) {
    case ADDRESS_REGION:
        return arena_usable_bytes(owner.region, block);
    case ADDRESS_LARGE:
        return large_usable_bytes(owner.large_bytes);
    default:
        return 0;
    }
}

void *slow_malloc(size_t bytes)
{
    void *block = NULL;

    if (bytes <= SIZE_CLASS_MOST_BYTES) {
        block = thread_cache_alloc_slowly(size_class_of(bytes));
    }
    return block != NULL ? block : allocate(REGION_ALIGN, bytes, false).block;
}

void *quarry_malloc(size_t bytes)
{
    void *block = fast_malloc(bytes);

    return __builtin_expect(block != NULL, 1) ? block : slow_malloc(bytes);
}

void *quarry_calloc(size_t count, size_t bytes)
{
    size_t total;

    if (!size_multiply(count, bytes, &total)) {
        return NULL;
    }
    if (total <= SIZE_CLASS_MOST_BYTES) {
        void *block = quarry_malloc(total);

        return block != NULL ? memset(block, 0, quarry_malloc_usable_size(block)) : NULL;
    }
    struct allocation made = allocate(REGION_ALIGN, total, true);
    if (made.block != NULL && !made.zeroed) {
        /* Also the bytes beyond the request, which a later realloc shows without a move. */
        memset(made.block, 0, quarry_malloc_usable_size(made.block));
    }
    return made.block;
}

void slow_free(void *block)
{
    struct slab *slab = slab_of_block(block);

    if (slab != NULL && slab_is_run(slab)) {
        run_free(slab, block);
        return;
    }
    if (slab != NULL) {
        thread_cache_free_slowly(slab, block);
        return;
    }
    if (block == NULL) {
        return;
    }
    struct address_owner owner = malloc_owner_of(block);
    switch (owner.kind) {
    case ADDRESS_REGION:
        arena_free(owner.region, block);
        break;
    case ADDRESS_LARGE:
        large_free(block, owner.large_bytes);
        break;
    default:
        malloc_meet_foreign(block);
    }
}

void quarry_free(void *block)
{
    if (__builtin_expect(!fast_free(block), 0)) {
        slow_free(block);
    }
}

void quarry_free_sized(void *block, size_t bytes)
{
    (void)bytes;
    quarry_free(block);
}

void quarry_free_aligned_sized(void *block, size_t align, size_t bytes)
{
    (void)align;
    (void)bytes;
    quarry_free(block);
}

static void *allocate_aligned(size_t align, size_t bytes)
{
    if (align <= REGION_ALIGN) {
        return quarry_malloc(bytes);
    }
    size_t size_class = size_class_aligned(align, bytes);
    void *block = size_class < SIZE_CLASSES ? thread_cache_alloc_slowly(size_class) : NULL;

    return block != NULL ? block : allocate(align, bytes, false).block;
}

void *quarry_aligned_alloc(size_t align, size_t bytes)
{
    return is_power_of_two(align) ? allocate_aligned(align, bytes) : NULL;
}

void *quarry_memalign(size_t align, size_t bytes)
{
    size_t power = REGION_ALIGN;

    while (power < align && power != 0) {
        power *= 2;
    }
    return power != 0 ? allocate_aligned(power, bytes) : NULL;
}

int quarry_posix_memalign(void **out, size_t align, size_t bytes)
{
    if (!is_power_of_two(align) || align % sizeof(void *) != 0) {
        return EINVAL;
    }
    void *block = allocate_aligned(align, bytes);
    if (block == NULL) {
        return ENOMEM;
    }
    *out = block;
    return 0;
}

void *quarry_valloc(size_t bytes)
{
    return allocate_aligned(os_page_bytes(), bytes);
}

void *quarry_pvalloc(size_t bytes)
{
    size_t page_bytes = os_page_bytes();
    size_t rounded;

    if (!size_round_up(bytes != 0 ? bytes : 1, page_bytes, &rounded)) {
        return NULL;
    }
    return allocate_aligned(page_bytes, rounded);
}

size_t quarry_malloc_usable_size(void *block)
{
    const struct slab *slab = slab_of_block(block);

    if (slab != NULL) {
        return slab_is_run(slab) ? run_usable_bytes(slab, block)
                                 : size_class_bytes(slab->size_class);
    }
    return block != NULL ? usable_bytes(malloc_owner_of(block), block) : 0;
}

int quarry_malloc_trim(size_t keep_bytes)
{
    setup();
    if (options_rt()) {
        return 0;
    }
    size_t bytes = thread_cache_trim();

    bytes += arena_trim(keep_bytes);
    return bytes != 0;
}

int quarry_malloc_option_set(enum quarry_malloc_option option, size_t value)
{
    bool set = false;

    setup();
    switch (option) {
    case QUARRY_MALLOC_LARGE_THRESHOLD:
        set = options_set_large_threshold(value);
        break;
    case QUARRY_MALLOC_ARENAS:
        set = options_set_arenas(value);
        break;
    case QUARRY_MALLOC_PURGE_DELAY_MS:
        set = options_set_purge_delay_ms(value);
        break;
    }
    return set ? 0 : EINVAL;
}
