/* SPDX-License-Identifier: Apache-2.0 */
/* realloc: what becomes of a block that is to have another size.
 *
 *   is                | and is to be larger                  | or much smaller
 *   ------------------+--------------------------------------+-----------------------------
 *   a slab's block    | is copied                            | is copied
 *   a run             | takes the slices that follow;        | gives slices back;
 *                     | or moves out, or is copied           | or is copied, into a slab
 *   a chunk           | takes what follows it; or is copied  | gives its end back
 *   a mapping         | grows, or is moved, by the system    | likewise; or is copied
 *
 * A block that is only a little too large stays as it is. One that has grown, and must be copied
 * for that, gets more than it needs: it may grow again. */
#include <quarry/malloc.h>
#include <string.h>

#include "core/bits.h"
#include "process/arena.h"
#include "process/large.h"
#include "process/malloc.h"
#include "process/options.h"
#include "process/run.h"
#include "process/thread_cache.h"

/* Bytes to ask for when a block grows to `bytes`: above the sizes of slabs an eighth more, as
 * slabs' blocks have it, so that a block which grows in small steps is not resized in each of them.
 */
static size_t grown_bytes(size_t bytes)
{
    return bytes > SIZE_CLASS_MOST_BYTES ? bytes + bytes / 8 : bytes;
}

/* Moves a block by copying; NULL if there is no memory. */
static void *move(void *block, size_t bytes)
{
    size_t old_usable = quarry_malloc_usable_size(block);
    void *moved = bytes > old_usable ? quarry_malloc(grown_bytes(bytes)) : NULL;

    if (moved == NULL) {
        moved = quarry_malloc(bytes);
    }
    if (moved != NULL) {
        memcpy(moved, block, old_usable < bytes ? old_usable : bytes);
        quarry_free(block);
    }
    return moved;
}

/* Below half the threshold a large block goes to an arena; above, its pages are moved. Each is
 * tried if the other fails: a sandbox may refuse to remap. */
static void *resize_large(struct address_owner owner, void *block, size_t bytes)
{
    bool to_arena = bytes < options_large_threshold() / 2;
    void *resized = to_arena ? move(block, bytes) : NULL;

    if (resized == NULL) {
        resized = large_resize(block, owner.large_bytes, bytes);
    }
    return resized != NULL || to_arena ? resized : move(block, bytes);
}

/* A run is not moved if it can be resized where it is; but for less than half the smallest one. */
static void *resize_run(struct slab *run, void *block, size_t bytes)
{
    size_t threshold = options_large_threshold();
    bool is_small = bytes < (threshold > SLICE_BYTES ? threshold : SLICE_BYTES) / 2;
    void *resized = is_small ? move(block, bytes) : NULL;

    if (resized != NULL) {
        return resized;
    }
    if (run_resize(run, block, bytes)) {
        return block;
    }
    resized = options_rt() ? NULL : run_move_out(run, block, bytes); /* its memory is to stay */
    return resized != NULL ? resized : move(block, bytes);
}

static void *resize_in_arena(struct region *region, void *block, size_t bytes)
{
    size_t usable = bytes > SIZE_CLASS_MOST_BYTES ? arena_usable_bytes(region, block) : 0;

    if (bytes <= usable && grown_bytes(bytes) >= usable) {
        return block;
    }
    if (usable != 0 && bytes > usable && arena_resize(region, block, grown_bytes(bytes))) {
        return block;
    }
    return arena_resize(region, block, bytes) ? block : move(block, bytes);
}

/* A block that is in no slice. */
static void *resize_other(void *block, size_t bytes)
{
    struct address_owner owner = malloc_owner_of(block);

    if (owner.kind == ADDRESS_FOREIGN) {
        malloc_meet_foreign(block);
        return NULL;
    }
    if (bytes > PTRDIFF_MAX) {
        return NULL;
    }
    if (owner.kind == ADDRESS_LARGE) {
        return resize_large(owner, block, bytes);
    }
    return resize_in_arena(owner.region, block, bytes);
}

/* `slab` is that of the block, which may not stay as it is; or NULL. */
static __attribute__((noinline)) void *slow_realloc(struct slab *slab, void *block, size_t bytes)
{
    if (block == NULL) {
        return quarry_malloc(bytes);
    }
    if (bytes == 0) {
        quarry_free(block);
        return NULL;
    }
    if (slab == NULL) {
        return resize_other(block, bytes);
    }
    if (bytes > PTRDIFF_MAX) {
        return NULL;
    }
    return slab_is_run(slab) ? resize_run(slab, block, bytes) : move(block, bytes);
}

/* Whether a block of a slab or a run is to stay as it is: unless it is too small, or more than half
 * of it, or a slice, would be of no use that another block would be. Not for 0 bytes. */
static inline bool may_stay(const struct slab *slab, const void *block, size_t bytes)
{
    if (slab_is_run(slab)) {
        size_t usable = run_usable_bytes(slab, block);

        return bytes <= usable && usable - bytes < SLICE_BYTES && bytes >= usable / 2;
    }
    size_t usable = size_class_bytes(slab->size_class);
    size_t least = usable != size_class_bytes(1) ? usable / 2 : 1;

    return bytes <= usable && bytes >= least;
}

void *quarry_realloc(void *block, size_t bytes)
{
    struct slab *slab = slab_of_block(block);

    if (slab != NULL && __builtin_expect(may_stay(slab, block, bytes), 1)) {
        thread_cache_count_resize();
        return block;
    }
    return slow_realloc(slab, block, bytes);
}

void *quarry_reallocarray(void *block, size_t count, size_t bytes)
{
    size_t total;

    return size_multiply(count, bytes, &total) ? quarry_realloc(block, total) : NULL;
}
