/* SPDX-License-Identifier: Apache-2.0 */
/* A three-level radix tree over the 48-bit address space.
 *
 *   address   | 12 bits: root | 12 bits: span | 12 bits: page | 12 bits |
 *
 *   root[4096] ---> node: 4096 spans of 16 MiB ---> leaf: 4096 pages of 4 KiB
 *                   { region that owns the span,      { size of the large block
 *                     leaf of the span }                that starts here, or a mark }
 *
 * The root is static; nodes (64 KiB) and leaves (32 KiB) are mapped when first needed and stay.
 * Only the pages of them that are written take memory: 4 KiB for each 2 MiB that ever held the
 * start of a large block. A look-up is two loads for a region and three for a large block, takes no
 * lock, and costs the same whatever the process has allocated.
 *
 * A span's region word and its leaf are separate, so a region may come and go where large blocks
 * were before and will be again. A page's word is the block's size in bytes, which is a multiple of
 * the page size, so that the value 1 is left to say "freed".
 *
 * Publication: pointers and words are stored with release and loaded with acquire, so whoever finds
 * a region or a leaf sees its contents. Two threads that need the same node race by compare and
 * swap; the loser unmaps its copy. */
#include "process/address_map.h"

#include <stdatomic.h>

#include "core/bits.h"
#include "os/os.h"
#include "process/variable_page.h"

#define LEVEL_BITS  12
#define LEVEL_SLOTS ((size_t)1 << LEVEL_BITS)
#define PAGE_SHIFT  12 /* smallest page of any supported machine; larger pages leave gaps */
#define SPAN_SHIFT  (PAGE_SHIFT + LEVEL_BITS)
#define ROOT_SHIFT  (SPAN_SHIFT + LEVEL_BITS)
#define TREE_BITS   (ROOT_SHIFT + LEVEL_BITS)

#define LARGE_FREED ((size_t)1)

_Static_assert((size_t)1 << SPAN_SHIFT == ADDRESS_MAP_SPAN_BYTES, "the header names the span");
_Static_assert(sizeof(void *) == 8, "the process allocator is for 64-bit machines");

struct leaf {
    _Atomic(size_t) large_bytes[LEVEL_SLOTS]; /* 0: no large block starts on this page */
};

struct span {
    _Atomic(struct region *) region;
    _Atomic(struct leaf *) leaf;
};

struct node {
    struct span spans[LEVEL_SLOTS];
};

static LAST_OF_VARIABLES _Atomic(struct node *) root[LEVEL_SLOTS];

static size_t slot(uintptr_t address, unsigned int shift)
{
    return address >> shift & (LEVEL_SLOTS - 1);
}

/* The span that holds an address, or NULL if nothing of ours was ever near it. */
static struct span *find_span(uintptr_t address)
{
    if (address >> TREE_BITS != 0) {
        return NULL;
    }
    struct node *node =
        atomic_load_explicit(&root[slot(address, ROOT_SHIFT)], memory_order_acquire);
    return node != NULL ? &node->spans[slot(address, SPAN_SHIFT)] : NULL;
}

/* The word of the page that starts at an address, or NULL. */
static _Atomic(size_t) *find_page(uintptr_t address)
{
    struct span *span = find_span(address);

    if (span == NULL || address % ((uintptr_t)1 << PAGE_SHIFT) != 0) {
        return NULL;
    }
    struct leaf *leaf = atomic_load_explicit(&span->leaf, memory_order_acquire);
    return leaf != NULL ? &leaf->large_bytes[slot(address, PAGE_SHIFT)] : NULL;
}

/* A zeroed piece of the tree; NULL if there is no memory for it. Unmapped again with discard_piece.
 */
static void *make_piece(size_t bytes)
{
    size_t mapped_bytes = round_up(bytes, os_page_bytes());
    void *piece = os_map(mapped_bytes, os_page_bytes());

    if (piece != NULL) {
        os_name(piece, mapped_bytes, "quarry map");
    }
    return piece;
}

static void discard_piece(void *piece, size_t bytes)
{
    os_unmap(piece, round_up(bytes, os_page_bytes()));
}

/* As find_span, making the node if need be; NULL if there is no memory for it. */
static struct span *make_span(uintptr_t address)
{
    struct span *span = find_span(address);

    if (span != NULL || address >> TREE_BITS != 0) {
        return span;
    }
    struct node *absent = NULL;
    struct node *made = make_piece(sizeof(*made));
    if (made == NULL) {
        return NULL;
    }
    if (!atomic_compare_exchange_strong(&root[slot(address, ROOT_SHIFT)], &absent, made)) {
        discard_piece(made, sizeof(*made));
    }
    return find_span(address);
}

static _Atomic(size_t) *make_page(uintptr_t address)
{
    struct span *span = make_span(address);

    if (span == NULL) {
        return NULL;
    }
    if (atomic_load_explicit(&span->leaf, memory_order_acquire) == NULL) {
        struct leaf *absent = NULL;
        struct leaf *made = make_piece(sizeof(*made));

        if (made == NULL) {
            return NULL;
        }
        if (!atomic_compare_exchange_strong(&span->leaf, &absent, made)) {
            discard_piece(made, sizeof(*made));
        }
    }
    return find_page(address);
}

struct address_owner address_map_find(const void *address)
{
    struct address_owner owner = {.kind = ADDRESS_FOREIGN};
    struct span *span = find_span((uintptr_t)address);

    if (span == NULL) {
        return owner;
    }
    owner.region = atomic_load_explicit(&span->region, memory_order_acquire);
    if (owner.region != NULL) {
        owner.kind = ADDRESS_REGION;
        return owner;
    }
    _Atomic(size_t) *page = find_page((uintptr_t)address);
    size_t word = page != NULL ? atomic_load_explicit(page, memory_order_acquire) : 0;
    if (word == LARGE_FREED) {
        owner.kind = ADDRESS_LARGE_FREED;
    } else if (word != 0) {
        owner.kind = ADDRESS_LARGE;
        owner.large_bytes = word;
    }
    return owner;
}

static void set_region(const void *start, size_t bytes, struct region *region)
{
    for (size_t offset = 0; offset < bytes; offset += ADDRESS_MAP_SPAN_BYTES) {
        atomic_store_explicit(&find_span((uintptr_t)start + offset)->region, region,
                              memory_order_release);
    }
}

/* Size of the large block that starts on the last page at or before `address` on which one does,
 * and the page's address in *start. 0 if none starts in the address's span. */
static size_t large_before(uintptr_t address, uintptr_t *start)
{
    struct span *span = find_span(address);
    struct leaf *leaf =
        span != NULL ? atomic_load_explicit(&span->leaf, memory_order_acquire) : NULL;
    size_t word = 0;

    if (leaf == NULL) {
        return 0;
    }
    for (size_t i = slot(address, PAGE_SHIFT) + 1; i > 0 && word <= LARGE_FREED; i--) {
        word = atomic_load_explicit(&leaf->large_bytes[i - 1], memory_order_relaxed);
        *start = round_down(address, ADDRESS_MAP_SPAN_BYTES) + ((i - 1) << PAGE_SHIFT);
    }
    return word > LARGE_FREED ? word : 0;
}

bool address_map_is_inside_large(const void *address)
{
    uintptr_t wanted = (uintptr_t)address;
    uintptr_t last_of_span = wanted;

    for (int spans = 0; spans < 64; spans++) { /* 1 GiB */
        uintptr_t start;
        size_t bytes = large_before(last_of_span, &start);

        if (bytes != 0) {
            return wanted - start < bytes; /* blocks do not overlap: no earlier one can hold it */
        }
        last_of_span = round_down(last_of_span, ADDRESS_MAP_SPAN_BYTES) - 1;
    }
    return false;
}

bool address_map_add_region(struct region *region, const void *start, size_t bytes)
{
    for (size_t offset = 0; offset < bytes; offset += ADDRESS_MAP_SPAN_BYTES) {
        if (make_span((uintptr_t)start + offset) == NULL) {
            return false;
        }
    }
    set_region(start, bytes, region);
    return true;
}

void address_map_remove_region(const void *start, size_t bytes)
{
    set_region(start, bytes, NULL);
}

bool address_map_add_large(const void *start, size_t bytes)
{
    _Atomic(size_t) *page = make_page((uintptr_t)start);

    if (page == NULL) {
        return false;
    }
    atomic_store_explicit(page, bytes, memory_order_release);
    return true;
}

bool address_map_remove_large(const void *start, size_t bytes)
{
    return atomic_compare_exchange_strong(find_page((uintptr_t)start), &bytes, LARGE_FREED);
}

void address_map_resize_large(const void *start, size_t bytes)
{
    atomic_store_explicit(find_page((uintptr_t)start), bytes, memory_order_release);
}
