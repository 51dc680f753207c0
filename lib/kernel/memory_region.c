/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of a kind: what is asked of the operating system for each, and what is done where it has
 * none.
 *
 *    ordinary   map
 *    huge       map pages that were set aside -- none --> map, advise -- refused --> unmap
 *    locked     map, lock                                             -- refused --> unmap
 *    on a node  map, bind                                             -- refused --> unmap
 *    file       make a file, map it                                   -- refused --> close
 *
 * Invariants:
 *   1. A region is as it should be, or region->start is NULL and nothing is left over.
 *   2. A region with a file has a descriptor of its own, and the file's size is sealed: who maps it
 *      cannot be made to fault by somebody who makes it smaller.
 *
 * Not promised: that there is physical memory for pages that are neither locked nor set aside. */
#include <quarry/memory_region.h>

#include <errno.h>
#include <stdbool.h>

#include "core/bits.h"
#include "os/os.h"

#define NO_FILE (-1)
#define NAME    "quarry memory"

static const struct quarry_memory_region not_mapped = {.file = NO_FILE};

/* `bytes` as whole pages, in *rounded_bytes. 0 or an error. */
static int whole_pages(size_t bytes, size_t page_bytes, size_t *rounded_bytes)
{
    if (bytes == 0) {
        return -EINVAL;
    }
    if (!size_round_up(bytes, page_bytes, rounded_bytes) || *rounded_bytes > PTRDIFF_MAX) {
        return -ENOMEM;
    }
    return 0;
}

/* Usual memory at a multiple of `page_bytes`, and as many of these as it takes. */
static int map_at(struct quarry_memory_region *region, size_t bytes, size_t page_bytes)
{
    size_t rounded_bytes = 0;
    int result = whole_pages(bytes, page_bytes, &rounded_bytes);

    if (result != 0) {
        return result;
    }
    region->start = os_map(rounded_bytes, page_bytes);
    if (region->start == NULL) {
        return -ENOMEM;
    }
    region->bytes = rounded_bytes;
    os_name(region->start, rounded_bytes, NAME);
    return 0;
}

static int map_usual(struct quarry_memory_region *region, size_t bytes)
{
    return map_at(region, bytes, os_page_bytes());
}

/* Gives back what was mapped if `result` is an error, and returns that. A system that has no room
 * for one mapping more may refuse to take a part of one back: then these addresses stay taken. */
static int keep_if_good(struct quarry_memory_region *region, int result)
{
    if (result != 0) {
        os_unmap(region->start, region->bytes);
        *region = not_mapped;
    }
    return result;
}

static int map_transparent(struct quarry_memory_region *region, size_t bytes, size_t page_bytes)
{
    int result = map_at(region, bytes, page_bytes);

    if (result != 0) {
        return result;
    }
    region->pages = QUARRY_PAGES_TRANSPARENT;
    return keep_if_good(region, os_advise_huge(region->start, region->bytes) ? 0 : -ENOTSUP);
}

static int map_huge(struct quarry_memory_region *region, size_t bytes)
{
    size_t page_bytes = os_huge_page_bytes();
    size_t rounded_bytes = 0;
    int result = whole_pages(bytes, page_bytes != 0 ? page_bytes : 1, &rounded_bytes);

    if (result != 0) {
        return result;
    }
    if (page_bytes == 0) {
        return -ENOTSUP;
    }
    void *start = os_map_huge(rounded_bytes, page_bytes);
    if (start == NULL) {
        return map_transparent(region, bytes, page_bytes);
    }
    *region = (struct quarry_memory_region){start, rounded_bytes, QUARRY_PAGES_SET_ASIDE, NO_FILE};
    return 0;
}

static int map_locked(struct quarry_memory_region *region, size_t bytes)
{
    int result = map_usual(region, bytes);

    return result != 0 ? result : keep_if_good(region, os_lock_pages(region->start, region->bytes));
}

/* Maps a file, which is the region's then, or is closed. */
static int map_own_file(struct quarry_memory_region *region, size_t bytes, int file)
{
    void *start = os_map_file(bytes, file);

    if (start == NULL) {
        os_file_close(file);
        return -ENOMEM;
    }
    *region = (struct quarry_memory_region){start, bytes, QUARRY_PAGES_USUAL, file};
    return 0;
}

static int map_new_file(struct quarry_memory_region *region, size_t bytes)
{
    size_t rounded_bytes = 0;
    int result = whole_pages(bytes, os_page_bytes(), &rounded_bytes);

    if (result != 0) {
        return result;
    }
    int file = os_file_make(NAME, rounded_bytes);
    return file < 0 ? file : map_own_file(region, rounded_bytes, file);
}

/* --- The public calls --- */

int quarry_memory_region_map(struct quarry_memory_region *region, size_t bytes,
                             enum quarry_memory_kind kind)
{
    *region = not_mapped;
    switch (kind) {
    case QUARRY_MEMORY_ORDINARY:
        return map_usual(region, bytes);
    case QUARRY_MEMORY_HUGE:
        return map_huge(region, bytes);
    case QUARRY_MEMORY_LOCKED:
        return map_locked(region, bytes);
    case QUARRY_MEMORY_FILE:
        return map_new_file(region, bytes);
    default:
        return -EINVAL;
    }
}

int quarry_memory_region_map_on_node(struct quarry_memory_region *region, size_t bytes,
                                     unsigned int node)
{
    *region = not_mapped;
    int result = map_usual(region, bytes);

    return result != 0 ? result
                       : keep_if_good(region, os_bind_pages(region->start, region->bytes, node));
}

int quarry_memory_region_attach(struct quarry_memory_region *region, int file)
{
    size_t bytes = os_file_sealed_bytes(file);

    *region = not_mapped;
    if (bytes == 0) {
        return -EINVAL;
    }
    int own = os_file_duplicate(file);
    return own < 0 ? own : map_own_file(region, bytes, own);
}

int quarry_memory_region_unmap(struct quarry_memory_region *region)
{
    if (region->start == NULL) {
        return -EINVAL;
    }
    if (!os_unmap(region->start, region->bytes)) {
        return -ENOMEM;
    }
    if (region->file != NO_FILE) {
        os_file_close(region->file);
    }
    *region = not_mapped;
    return 0;
}

/* --- To Zephyr's heaps --- */

int quarry_shared_multi_heap_add(const struct quarry_memory_region *region,
                                 enum shared_multi_heap_attr attr)
{
    struct shared_multi_heap_region added = {(uint32_t)attr, (uintptr_t)region->start,
                                             region->bytes};

    return shared_multi_heap_add(&added, NULL);
}

/* The kind that an attribute stands for. False iff it is none. */
static bool kind_of(enum shared_multi_heap_attr attr, enum quarry_memory_kind *kind)
{
    static const enum quarry_memory_kind kinds[MAX_SHARED_MULTI_HEAP_ATTR] = {
        [SMH_REG_ATTR_CACHEABLE] = QUARRY_MEMORY_ORDINARY,
        [SMH_REG_ATTR_NON_CACHEABLE] = QUARRY_MEMORY_LOCKED,
        [SMH_REG_ATTR_EXTERNAL] = QUARRY_MEMORY_HUGE,
    };

    if ((uint32_t)attr >= (uint32_t)MAX_SHARED_MULTI_HEAP_ATTR) {
        return false;
    }
    *kind = kinds[attr];
    return true;
}

int quarry_shared_multi_heap_map(enum shared_multi_heap_attr attr, size_t bytes)
{
    struct quarry_memory_region region;
    enum quarry_memory_kind kind;

    if (!kind_of(attr, &kind)) {
        return -EINVAL;
    }
    int result = quarry_memory_region_map(&region, bytes, kind);
    if (result == 0) {
        result = keep_if_good(&region, quarry_shared_multi_heap_add(&region, attr));
    }
    return result;
}
