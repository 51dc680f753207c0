/* SPDX-License-Identifier: Apache-2.0 */
/* Regions: from reserved address space to 16-byte aligned blocks.
 *
 *   start                              committed                        reserved
 *   +---------------+--------------------------+-------------------------------+
 *   | struct region | chunk heap, usable       | reserved: faults when touched |
 *   +---------------+--------------------------+-------------------------------+
 *
 * The heap is growable (core/heap.h): it starts small, and its end moves up as memory is needed and
 * down when the tail has been free for a while. So address space is all that a region costs in
 * advance, and the kernel's commit charge follows use.
 *
 * Alignment. malloc's blocks must be multiples of 16, a chunk's header is 8 bytes, and the heap's
 * unit is 8. Over-allocating and trimming each block would cost 8 bytes and a split. Instead every
 * chunk of a region starts 8 bytes below a multiple of 16, always:
 *
 *   1. the first chunk does, because the heap is placed so (place_heap);
 *   2. every request is padded so that its chunk is a multiple of 16 bytes (padded_bytes);
 *   3. what splitting such a chunk off another leaves is such a chunk again; so is what is cut off
 *      in front of a block at a larger alignment;
 *   4. the committed end is a multiple of the page size, so the end marker lies 8 bytes below it.
 *
 * A block so has 8, 24, 40, ... usable bytes, and costs 8 bytes on top, as little as a chunk can.
 * (With canaries: 16, 32, 48, ... and 16.)
 */
#include "process/region.h"

#include <stdatomic.h>

#include "core/bits.h"
#include "core/check.h"
#include "core/heap.h"
#include "core/sys_heap_walk.h"
#include "os/os.h"
#include "process/address_map.h"

/* Memory is committed in steps of this, or of an eighth of the region if that is more: few enough
 * system calls, and at most an eighth committed in vain. */
#define COMMIT_STEP_BYTES   ((size_t)1 << 20)
#define COMMIT_STEP_DIVISOR 8

/* Bytes to ask of the heap so that alignment rule 2 holds: with the chunk's overhead they make a
 * multiple of REGION_ALIGN, and no less than the smallest such chunk. */
static size_t padded_bytes(size_t bytes)
{
    const size_t overhead_bytes = Z_HEAP_CHUNK_(Z_HEAP_BIG_HEADER_BYTES_, 0);
    size_t chunk_bytes = round_up(bytes + overhead_bytes, REGION_ALIGN);

    return (chunk_bytes > overhead_bytes ? chunk_bytes : chunk_bytes + REGION_ALIGN) -
           overhead_bytes;
}

/* Bytes of fresh memory in which a block at `align` is found for sure. The factor of two lifts the
 * chunk into a larger bucket than the request's, where the first look succeeds; the last term has
 * room for the heads of the heap's free lists, too. */
static size_t fresh_bytes(size_t align, size_t bytes)
{
    return 2 * (padded_bytes(bytes) + align) + sizeof(struct region) + COMMIT_STEP_BYTES / 2;
}

static size_t commit_step(size_t committed_bytes, size_t wanted_bytes)
{
    size_t step = committed_bytes / COMMIT_STEP_DIVISOR;

    step = step > COMMIT_STEP_BYTES ? step : COMMIT_STEP_BYTES;
    step = step > wanted_bytes ? step : wanted_bytes;
    return round_up(step, os_page_bytes());
}

/* Formats the heap between the region's header and its committed end, so that its first block,
 * hence every block, is aligned. */
static void place_heap(struct region *region)
{
    char *mem = (char *)region + round_up(sizeof(*region), REGION_ALIGN);
    const char *committed_end = (char *)region + region->committed_bytes;
    const char *reserved_end = (char *)region + region->reserved_bytes;

    heap_init_growable(&region->heap, mem, (size_t)(committed_end - mem),
                       (size_t)(reserved_end - mem), QUARRY_HEAP_FINE_BUCKETS);
    if ((uintptr_t)heap_first_block(&region->heap) % REGION_ALIGN != 0) {
        mem += REGION_ALIGN / 2;
        heap_init_growable(&region->heap, mem, (size_t)(committed_end - mem),
                           (size_t)(reserved_end - mem), QUARRY_HEAP_FINE_BUCKETS);
    }
    CHECK((uintptr_t)heap_first_block(&region->heap) % REGION_ALIGN == 0,
          "region's first block is not aligned", region, NULL);
}

struct region *region_create(struct arena *arena, size_t reserve_bytes, size_t align, size_t bytes)
{
    size_t committed_bytes = commit_step(0, fresh_bytes(align, bytes));
    size_t least_bytes = reserve_bytes > committed_bytes ? reserve_bytes : committed_bytes;
    size_t reserved_bytes = round_up(least_bytes, ADDRESS_MAP_SPAN_BYTES);
    struct region *region = os_reserve(reserved_bytes, ADDRESS_MAP_SPAN_BYTES);

    if (region == NULL) {
        return NULL;
    }
    os_name(region, reserved_bytes, "quarry region");
    if (!os_commit(region, committed_bytes)) {
        os_unmap(region, reserved_bytes);
        return NULL;
    }
    region->arena = arena;
    region->reserved_bytes = reserved_bytes;
    region->committed_bytes = committed_bytes;
    region->next = region;
    region->live_blocks = 0;
    region_end_trim(region);
    place_heap(region);
    if (!address_map_add_region(region, region, reserved_bytes)) {
        heap_abandon(&region->heap);
        os_unmap(region, reserved_bytes);
        return NULL;
    }
    return region;
}

void region_destroy(struct region *region)
{
    size_t reserved_bytes = region->reserved_bytes;

    CHECK(region->live_blocks == 0, "region is destroyed with live blocks", region, NULL);
    address_map_remove_region(region, reserved_bytes);
    heap_abandon(&region->heap);
    os_unmap(region, reserved_bytes); /* a whole mapping: nothing is split, nothing to refuse */
}

void *region_alloc(struct region *region, size_t align, size_t bytes)
{
    void *block = align <= REGION_ALIGN
                      ? sys_heap_alloc(&region->heap, padded_bytes(bytes))
                      : sys_heap_aligned_alloc(&region->heap, align, padded_bytes(bytes));

    CHECK((uintptr_t)block % (align > REGION_ALIGN ? align : REGION_ALIGN) == 0,
          "region's block is not aligned", region, block);
    region->live_blocks += block != NULL;
    return block;
}

/* The heap would take an address in the middle of a unit for the unit's. */
static void require_aligned(const struct region *region, const void *block)
{
    REQUIRE((uintptr_t)block % REGION_ALIGN == 0, "address is not aligned as a block is", region,
            block);
}

void region_free(struct region *region, void *block)
{
    require_aligned(region, block);
    sys_heap_free(&region->heap, block);
    region->live_blocks--;
}

bool region_resize(struct region *region, void *block, size_t bytes)
{
    require_aligned(region, block);
    return heap_resize_in_place(&region->heap, block, padded_bytes(bytes));
}

size_t region_usable_bytes(struct region *region, void *block)
{
    require_aligned(region, block);
    return sys_heap_usable_size(&region->heap, block);
}

bool region_extend(struct region *region, size_t align, size_t bytes)
{
    size_t room = region->reserved_bytes - region->committed_bytes;
    size_t wanted = fresh_bytes(align, bytes);
    size_t step = commit_step(region->committed_bytes, wanted);

    if (wanted > room || region_is_being_trimmed(region)) {
        return false;
    }
    step = step < room ? step : room;
    if (!os_commit((char *)region + region->committed_bytes, step)) {
        return false;
    }
    region->committed_bytes += step;
    heap_extend(&region->heap, step);
    return true;
}

bool region_is_being_trimmed(const struct region *region)
{
    return atomic_load_explicit(&region->trimming_thread, memory_order_acquire) != NULL;
}

size_t region_tail_bytes(const struct region *region)
{
    return region_is_being_trimmed(region) ? 0 : heap_shrinkable_bytes(&region->heap);
}

struct range region_begin_trim(struct region *region, size_t keep_bytes, const void *thread)
{
    size_t tail_bytes = region_tail_bytes(region);
    size_t excess = tail_bytes > keep_bytes ? tail_bytes - keep_bytes : 0;
    size_t bytes = round_down(excess, os_page_bytes());

    if (bytes != 0) {
        heap_shrink(&region->heap, bytes);
        region->committed_bytes -= bytes;
        atomic_store_explicit(&region->trimming_thread, thread, memory_order_relaxed);
    }
    return (struct range){(char *)region + region->committed_bytes, bytes};
}

void region_end_trim(struct region *region)
{
    atomic_store_explicit(&region->trimming_thread, NULL, memory_order_release);
}

static bool discard_chunk(const struct heap_chunk_view *chunk, void *discarded_bytes)
{
    const size_t links_bytes = 8; /* what a free chunk keeps in its user area */
    size_t page_bytes = os_page_bytes();
    uintptr_t start = round_up((uintptr_t)chunk->mem + links_bytes, page_bytes);
    uintptr_t end = round_down((uintptr_t)chunk->mem + chunk->mem_bytes, page_bytes);

    if (chunk->listed && start < end && os_discard((void *)start, end - start)) {
        *(size_t *)discarded_bytes += end - start;
    }
    return true;
}

size_t region_discard_free(struct region *region)
{
    size_t discarded_bytes = 0;

    heap_walk(&region->heap, discard_chunk, &discarded_bytes);
    return discarded_bytes;
}
