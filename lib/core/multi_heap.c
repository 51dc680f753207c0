/* SPDX-License-Identifier: Apache-2.0 */
/* Several heaps under one handle. The user's function serves requests; what comes back finds its
 * heap by its address.
 *
 *    heaps[0]             heaps[1]           heaps[2], in a block of heaps[1]
 *    +-----------+        +------------------[=========]----+
 *    | chunks    |        | chunks           | chunks  |    |
 *    +-----------+        +------------------[=========]----+      --> addresses
 *          ^      ^                   ^           ^       ^
 *          0     none                 1           2       1
 *
 * Invariants:
 *   1. heaps[0] to heaps[nheaps - 1] are in the order of their addresses, no two at the same one.
 *   2. Heaps lie apart, or one in a block of the other. So of those that an address lies in the
 *      last one in the array is the innermost, and it is that one's block.
 *
 * A heap's end is read from the heap itself, since it may grow. Not promised: that a handle which
 * sys_multi_heap_init has never seen is noticed, but for one that is all zeros. */
#include <zephyr/sys/multi_heap.h>

#include "core/check.h"
#include "core/heap.h"

void sys_multi_heap_init(struct sys_multi_heap *heap, sys_multi_heap_fn_t choice_fn)
{
    *heap = (struct sys_multi_heap){.choice = choice_fn};
}

/* Number of the heap that the address lies in; nheaps: in none. */
static unsigned int heap_of(const struct sys_multi_heap *mheap, const void *addr)
{
    unsigned int number = mheap->nheaps;

    while (number > 0) {
        number--;
        if (heap_contains(mheap->heaps[number].heap, addr)) {
            return number;
        }
    }
    return mheap->nheaps;
}

static struct sys_heap *owner_of(const struct sys_multi_heap *mheap, const void *block)
{
    unsigned int number = heap_of(mheap, block);

    REQUIRE(number < mheap->nheaps, "address lies in none of a multi heap's heaps", mheap, block);
    return mheap->heaps[number].heap;
}

void sys_multi_heap_add_heap(struct sys_multi_heap *mheap, struct sys_heap *heap, void *user_data)
{
    unsigned int place = mheap->nheaps;

    REQUIRE(place < MAX_MULTI_HEAPS, "multi heap has no room for one more heap", mheap, heap);
    REQUIRE(heap->heap != NULL, "heap was added to a multi heap before it was made", mheap, heap);
    while (place > 0 && (uintptr_t)mheap->heaps[place - 1].heap->heap > (uintptr_t)heap->heap) {
        mheap->heaps[place] = mheap->heaps[place - 1];
        place--;
    }
    REQUIRE(place == 0 || mheap->heaps[place - 1].heap->heap != heap->heap,
            "heap was added to a multi heap twice", mheap, heap->heap);
    mheap->heaps[place] = (struct sys_multi_heap_rec){heap, user_data};
    mheap->nheaps++;
}

void *sys_multi_heap_aligned_alloc(struct sys_multi_heap *mheap, void *cfg, size_t align,
                                   size_t bytes)
{
    REQUIRE(mheap->choice != NULL, "multi heap is not initialised", mheap, NULL);
    return mheap->choice(mheap, cfg, align, bytes);
}

void *sys_multi_heap_alloc(struct sys_multi_heap *mheap, void *cfg, size_t bytes)
{
    return sys_multi_heap_aligned_alloc(mheap, cfg, 0, bytes);
}

void sys_multi_heap_free(struct sys_multi_heap *mheap, void *block)
{
    if (block != NULL) {
        sys_heap_free(owner_of(mheap, block), block);
    }
}

const struct sys_multi_heap_rec *sys_multi_heap_get_heap(const struct sys_multi_heap *mheap,
                                                         void *addr)
{
    unsigned int number = heap_of(mheap, addr);

    return number < mheap->nheaps ? &mheap->heaps[number] : NULL;
}

/* Moves a block of `owner` to wherever the user's function finds room. NULL: nowhere. */
static void *move_elsewhere(struct sys_multi_heap *mheap, void *cfg, struct sys_heap *owner,
                            void *ptr, size_t align, size_t bytes)
{
    void *moved = sys_multi_heap_aligned_alloc(mheap, cfg, align, bytes);

    if (moved != NULL) {
        heap_copy_block(owner, ptr, sys_heap_usable_size(owner, ptr), moved, bytes);
        sys_heap_free(owner, ptr);
    }
    return moved;
}

void *sys_multi_heap_aligned_realloc(struct sys_multi_heap *mheap, void *cfg, void *ptr,
                                     size_t align, size_t bytes)
{
    if (ptr == NULL) {
        return sys_multi_heap_aligned_alloc(mheap, cfg, align, bytes);
    }
    struct sys_heap *owner = owner_of(mheap, ptr);
    void *resized = sys_heap_aligned_realloc(owner, ptr, align, bytes);
    if (resized != NULL || bytes == 0) {
        return resized;
    }
    return move_elsewhere(mheap, cfg, owner, ptr, align, bytes);
}
