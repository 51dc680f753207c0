/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that know their heap.
 *
 *                 aligned
 *                    v
 *    | header | owner | the user's bytes | header |
 *             ^
 *     the k_heap's block
 *
 * The owner's word is part of the k_heap's block, always its first word: an aligned block is had by
 * the rewind bit of sys_heap_aligned_alloc, so that the word costs its own size and no more.
 *
 *   1. An owner's word names a heap in `owners`; when its block is freed, the word is cleared
 * first.
 *   2. A word is believed only if it is in `owners`. So a block that is none, or was freed, is
 *      reported without a look at where its word leads, which may be anywhere.
 *
 * `owners` is filled from the front and never emptied. A process that takes blocks of more than
 * OWNERS_MOST heaps gives that check up. */
#include "kernel/owned_block.h"

#include <stdbool.h>
#include <stdint.h>
#include <zephyr/kernel/system_heap.h>

#include "core/bits.h"
#include "core/check.h"
#include "kernel/k_heap.h"

#define OWNERS_MOST 64
#define OWNER_BYTES sizeof(struct k_heap *)

/* Atomic, relaxed: who has a block has seen its owner become known. */
static struct k_heap *owners[OWNERS_MOST] = {&_system_heap};
static bool too_many_owners;

/* The slot that has h, or could have it; NULL: all others are full. */
static struct k_heap **slot_for(const struct k_heap *h)
{
    for (size_t i = 0; i < OWNERS_MOST; i++) {
        const struct k_heap *owner = __atomic_load_n(&owners[i], __ATOMIC_RELAXED);

        if (owner == h || owner == NULL) {
            return &owners[i];
        }
    }
    return NULL;
}

static void make_known(struct k_heap *h)
{
    struct k_heap **slot = slot_for(h);
    struct k_heap *none = NULL;

    while (
        slot != NULL && __atomic_load_n(slot, __ATOMIC_RELAXED) != h &&
        !__atomic_compare_exchange_n(slot, &none, h, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        none = NULL;
        slot = slot_for(h);
    }
    if (slot == NULL) {
        __atomic_store_n(&too_many_owners, true, __ATOMIC_RELAXED);
    }
}

static bool is_known(const struct k_heap *h)
{
    struct k_heap **slot = slot_for(h);

    if (h == NULL) {
        return false;
    }
    return slot != NULL ? __atomic_load_n(slot, __ATOMIC_RELAXED) == h
                        : __atomic_load_n(&too_many_owners, __ATOMIC_RELAXED);
}

/* Where the owner of a user's block is written. */
static struct k_heap **word_of(void *ptr)
{
    REQUIRE((uintptr_t)ptr % OWNER_BYTES == 0,
            "address is not aligned as k_malloc aligns: not a block", NULL, ptr);
    struct k_heap **word = (struct k_heap **)ptr - 1;
    REQUIRE(is_known(*word), "block has no owner: double free, not of k_malloc, or damaged", NULL,
            ptr);
    return word;
}

/* An alignment of the user's bytes, as sys_heap_aligned_alloc wants it for the word before them. */
static size_t with_rewind(const struct k_heap *h, size_t align)
{
    REQUIRE(align == 0 || is_power_of_two(align),
            "alignment of a block with an owner is not a power of two", h->heap.heap, NULL);
    return align <= OWNER_BYTES ? 0 : align + OWNER_BYTES;
}

void *owned_block_alloc(struct k_heap *h, size_t align, size_t size)
{
    size_t rewound = with_rewind(h, align);
    size_t bytes;

    if (!size_add(size, OWNER_BYTES, &bytes)) {
        return NULL;
    }
    struct k_heap **word = (struct k_heap **)k_heap_request(h, NULL, rewound, bytes);
    if (word == NULL) {
        return NULL;
    }
    make_known(h);
    *word = h;
    return word + 1;
}

void *owned_block_realloc(void *ptr, size_t align, size_t size)
{
    struct k_heap **word = word_of(ptr);
    size_t rewound = with_rewind(*word, align);
    size_t bytes;

    if (!size_add(size, OWNER_BYTES, &bytes)) {
        return NULL;
    }
    word = (struct k_heap **)k_heap_request(*word, word, rewound, bytes);
    return word == NULL ? NULL : word + 1;
}

void owned_block_free(void *ptr)
{
    struct k_heap **word = word_of(ptr);
    struct k_heap *owner = *word;

    *word = NULL;
    k_heap_free(owner, word);
}
