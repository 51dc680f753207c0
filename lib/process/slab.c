/* SPDX-License-Identifier: Apache-2.0 */
/* Slabs: how they begin and end, and how their blocks come onto lists. */
#include "process/slab.h"

#include <string.h>

#include "core/bits.h"
#include "core/check.h"
#include "os/os.h"
#include "process/link.h"
#include "process/options.h"
#include "process/own.h"
#include "process/shuffle.h"
#include "process/size_class.h"

/* A slab has room for so many blocks at least: fewer, and it becomes empty too often, so that its
 * slices go from class to class; more, and what a few blocks of a class keep grows. */
#define LEAST_BLOCKS 16u

/* What descriptors have in common that were a run's; one that was never used has 0 blocks. */
#define RUN_BLOCKS 1u

/* Whether a slice is in a run, but not its first. */
static bool is_inside_run(const struct slab *slab)
{
    const struct slab *first = slab;

    while (first > slice_range_slabs && first->slices == 0) {
        first--;
    }
    return slab_is_run(first) && (size_t)(slab - first) < first->slices;
}

/* Whether an address was that of a run, and of nothing since. */
static bool was_run(const struct slab *slab, const void *block)
{
    return slab_is_run(slab) && slab->blocks == RUN_BLOCKS && block == slab_start(slab);
}

_Noreturn void slab_refuse(const struct slab *slab, const void *block)
{
    REQUIRE(!is_inside_run(slab), "address is far behind the start of a large block", NULL, block);
    REQUIRE(!was_run(slab, block), "large block was freed before", NULL, block);
    REQUIRE(false, "block is not in use: its slab was given back", NULL, block);
}

static uint32_t slices_for(size_t block_bytes)
{
    return (uint32_t)((LEAST_BLOCKS * block_bytes + SLICE_BYTES - 1) >> SLICE_SHIFT);
}

struct slab *slab_make(size_t size_class)
{
    size_t block_bytes = size_class_bytes(size_class);
    uint32_t slices = slices_for(block_bytes);
    size_t slice = slices_take(slices);

    if (slice == SLICE_NONE) {
        return NULL;
    }
    struct slab *slab = slab_of_slice(slice);
    slab->free = NULL;
    slab->used = slab->threaded = 0;
    slab->blocks = (uint32_t)(((size_t)slices << SLICE_SHIFT) / block_bytes);
    slab->slices = slices;
    slab->size_class = (uint32_t)size_class;
    for (uint32_t i = 0; i < slices; i++) {
        slab_set_owner(&slab[i], 0);
        slab[i].lead = i;
    }
    return slab;
}

/* Overwrites what lists have written to free blocks, so that all of the slab is zero. */
static void wipe_links(const struct slab *slab)
{
    size_t block_bytes = size_class_bytes(slab->size_class);

    for (uint32_t i = 0; i < slab->threaded; i++) {
        memset((char *)slab_start(slab) + i * block_bytes, 0, LINK_BYTES);
    }
}

void slab_drop(struct slab *slab)
{
    uint32_t slices = slab->slices;

    if (HARDENED && options_zero_on_free()) {
        wipe_links(slab);
    }
    slab_set_owner(slab, 0);
    slab->slices = 0;
    atomic_store_explicit(&slab->cache, NULL, memory_order_relaxed);
    slices_give(slab_slice(slab), slices);
}

void slab_make_run(size_t slice, uint32_t slices)
{
    struct slab *run = slab_of_slice(slice);

    run->free = NULL;
    run->used = run->threaded = 0;
    run->blocks = RUN_BLOCKS;
    run->size_class = 0;
    run->lead = 0;
    run->slices = slices;
}

size_t slab_drop_run(struct slab *run)
{
    uint32_t slices = __atomic_exchange_n(&run->slices, 0, __ATOMIC_ACQ_REL);

    REQUIRE(slices != 0, "large block was freed by two threads at a time", run, slab_start(run));
    return slices;
}

/* Links `count` blocks from `start` on, one behind the other. Returns the first. */
static void *link_blocks(char *start, size_t block_bytes, uint32_t count)
{
    if (HARDENED) {
        return shuffle_link(start, block_bytes, count);
    }
    char *last = start + (count - 1) * block_bytes;
    for (char *block = start; block != last; block += block_bytes) {
        link_set(block, block + block_bytes);
    }
    link_set(last, NULL);
    return start;
}

/* How many blocks are to be threaded together of which `count` begin on a page. */
static uint32_t threaded_together(uint32_t count)
{
    if (HARDENED && count < SHUFFLE_LEAST_BLOCKS) {
        return SHUFFLE_LEAST_BLOCKS;
    }
    return HARDENED && count > SHUFFLE_MOST_BLOCKS ? SHUFFLE_MOST_BLOCKS : count;
}

/* Threads the blocks that begin on the page where the next one does. */
struct block_list slab_thread_page(struct slab *slab)
{
    size_t block_bytes = size_class_bytes(slab->size_class);
    size_t offset = slab->threaded * block_bytes;
    size_t end = round_down(offset, os_page_bytes()) + os_page_bytes();
    uint32_t count = threaded_together((uint32_t)((end - offset + block_bytes - 1) / block_bytes));
    uint32_t left = slab->blocks - slab->threaded;
    uint32_t most = options_rt() ? SLAB_PORTION_BLOCKS : SLAB_LIST_BLOCKS;
    void *first;

    left = left < most ? left : most;
    count = count < left ? count : left;
    if (count == 0) {
        return (struct block_list){NULL, 0};
    }
    first = link_blocks((char *)slab_start(slab) + offset, block_bytes, count);
    own_add(&slab->used, count);
    slab->threaded += count;
    return (struct block_list){first, count};
}

/* In the hardened library the block could be foretold. */
void *slab_take_untouched(struct slab *slab)
{
    size_t block_bytes = size_class_bytes(slab->size_class);
    size_t offset = slab->threaded * block_bytes;
    size_t on_page = offset % os_page_bytes();
    bool is_alone = on_page < block_bytes || on_page + block_bytes >= os_page_bytes();

    if (HARDENED || !is_alone || !slab_has_room(slab)) {
        return NULL;
    }
    own_add(&slab->used, 1);
    slab->threaded++;
    return (char *)slab_start(slab) + offset;
}

/* A handler's free that comes in between makes `used` too high by one, never too low: then the slab
 * is not given back until slab_correct_used. `used` has come below 0 if a block of an
 * otherwise free slab was freed twice. */
struct block_list slab_take_free(struct slab *slab)
{
    struct block_list list = {NULL, 0};

    REQUIRE(slab->used <= slab->threaded, "more blocks of a slab were freed than were in use", slab,
            slab->free);
    list.first = own_take(&slab->free);
    list.first = HARDENED ? shuffle_list(list.first) : list.first;
    list.count = slab->threaded - __atomic_load_n(&slab->used, __ATOMIC_RELAXED);
    own_add(&slab->used, list.count);
    return list;
}

/* The block of a list that so many are in front of; NULL: there are not so many. */
static void *nth_block(const struct block_list *list, uint32_t n)
{
    void *block = list->first;

    while (n > 0 && block != NULL) {
        block = link_next(block);
        n--;
    }
    return block;
}

/* What is cut off is counted as free first (rule 2), and goes back as the slab's only list: to add
 * it to another one would take a walk to its end. */
struct block_list slab_take_some_free(struct slab *slab)
{
    struct block_list list = slab_take_free(slab);
    void *last = list.count > SLAB_LIST_BLOCKS ? nth_block(&list, SLAB_LIST_BLOCKS - 1) : NULL;
    void *rest = last != NULL ? link_next(last) : NULL;
    void *none = NULL;

    if (rest == NULL) {
        return list;
    }
    link_set(last, NULL);
    own_add(&slab->used, SLAB_LIST_BLOCKS - list.count);
    if (own_swap(&slab->free, &none, rest)) {
        return (struct block_list){list.first, SLAB_LIST_BLOCKS};
    }
    own_add(&slab->used, list.count - SLAB_LIST_BLOCKS);
    link_set(last, rest);
    return list;
}

static uint32_t free_blocks(const struct slab *slab)
{
    uint32_t count = 0;

    for (void *block = __atomic_load_n(&slab->free, __ATOMIC_RELAXED); block != NULL;
         block = link_next(block)) {
        count++;
    }
    return count;
}

/* A handler that frees a block of the slab meanwhile has changed `used`: then once more. */
uint32_t slab_correct_used(struct slab *slab)
{
    uint32_t before;
    uint32_t after;

    do {
        before = __atomic_load_n(&slab->used, __ATOMIC_RELAXED);
        after = slab->threaded - free_blocks(slab);
    } while (!own_correct(&slab->used, before, after));
    return before - after;
}

void slab_give_chain(struct slab *slab, void *first, void *last, uint32_t count)
{
    REQUIRE(slab->used >= count, "block of a slab came back that was free already", slab, first);
    own_add(&slab->used, -count);
    own_push(&slab->free, first, last);
}
