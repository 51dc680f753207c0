/* SPDX-License-Identifier: Apache-2.0 */
/* A table of mappings that nobody uses.
 *
 *    slots:   | start, pages | 0 | start, pages | start, pages | 0 | ...
 *    since:   | when kept    |   | when kept    | when kept    |
 *
 * A slot is one word: who exchanges it for 0 has the mapping, with its size, and nobody else does.
 * So no lock is needed, and a thread that is stopped here holds nobody up.
 *
 * What is kept is memory that the process has and does not use. Hence the limits: a mapping is not
 * kept for longer than the purge delay if anybody frees or makes large blocks; all of them together
 * are at most KEPT_BYTES and an eighth of what is in use; and a mapping serves a request that is
 * smaller by an eighth at most, since the rest is of no use to anybody. */
#include "process/large_cache.h"

#include <stdatomic.h>

#include "os/os.h"
#include "process/options.h"

#define SLOTS       64u
#define KEPT_BYTES  ((size_t)16 << 20)
#define LIVE_SHIFT  3u /* and an eighth of the bytes in use */
#define SLACK_SHIFT 3u /* an eighth of the request */

/* A slot: the start's page number above, the number of pages below. A start is below 2^47, and a
 * page has 4096 bytes at least. */
#define PAGES_BITS 28u
#define PAGE_SHIFT 12u

static _Atomic(uint64_t) slots[SLOTS];
static _Atomic(uint64_t) since_ns[SLOTS]; /* relaxed: a late value purges too early or too late */
static _Atomic(size_t) kept_bytes;        /* relaxed: a limit, not a balance */

static uint64_t pack(const void *start, size_t bytes)
{
    return (uint64_t)(uintptr_t)start >> PAGE_SHIFT << PAGES_BITS | bytes >> PAGE_SHIFT;
}

static void *start_of(uint64_t slot)
{
    return (void *)(uintptr_t)(slot >> PAGES_BITS << PAGE_SHIFT);
}

static size_t bytes_of(uint64_t slot)
{
    return (size_t)(slot & (((uint64_t)1 << PAGES_BITS) - 1)) << PAGE_SHIFT;
}

size_t large_cache_bytes(void)
{
    return atomic_load_explicit(&kept_bytes, memory_order_relaxed);
}

static bool claim(unsigned int i, uint64_t slot)
{
    if (!atomic_compare_exchange_strong_explicit(&slots[i], &slot, 0, memory_order_acquire,
                                                 memory_order_relaxed)) {
        return false;
    }
    atomic_fetch_sub_explicit(&kept_bytes, bytes_of(slot), memory_order_relaxed);
    return true;
}

bool large_cache_keep(void *start, size_t bytes, size_t live_bytes)
{
    size_t limit = KEPT_BYTES + (live_bytes >> LIVE_SHIFT);

    if (bytes > limit || large_cache_bytes() > limit - bytes ||
        bytes >> PAGE_SHIFT >> PAGES_BITS != 0) {
        return false;
    }
    for (unsigned int i = 0; i < SLOTS; i++) {
        uint64_t empty = 0;

        if (atomic_load_explicit(&slots[i], memory_order_relaxed) != 0) {
            continue;
        }
        atomic_store_explicit(&since_ns[i], os_now_ns(), memory_order_relaxed);
        atomic_fetch_add_explicit(&kept_bytes, bytes, memory_order_relaxed);
        if (atomic_compare_exchange_strong_explicit(&slots[i], &empty, pack(start, bytes),
                                                    memory_order_release, memory_order_relaxed)) {
            return true;
        }
        atomic_fetch_sub_explicit(&kept_bytes, bytes, memory_order_relaxed);
    }
    return false;
}

/* The slot with the smallest mapping that will do; SLOTS if there is none. */
static unsigned int best_slot(size_t bytes, uint64_t *best)
{
    size_t most = bytes + (bytes >> SLACK_SHIFT);
    unsigned int found = SLOTS;

    for (unsigned int i = 0; i < SLOTS; i++) {
        uint64_t slot = atomic_load_explicit(&slots[i], memory_order_relaxed);
        size_t here = bytes_of(slot);

        if (slot != 0 && here >= bytes && here <= most) {
            most = here;
            found = i;
            *best = slot;
        }
    }
    return found;
}

void *large_cache_take(size_t bytes, size_t *mapped_bytes)
{
    uint64_t slot = 0;
    unsigned int i = large_cache_bytes() != 0 ? best_slot(bytes, &slot) : SLOTS;

    if (i == SLOTS || !claim(i, slot)) {
        return NULL;
    }
    *mapped_bytes = bytes_of(slot);
    return start_of(slot);
}

/* Where unmapping would split a mapping that the kernel has joined with its neighbours, it may
 * exceed the process's limit of mappings. The memory itself can always be given back. */
void large_cache_unmap(void *start, size_t bytes)
{
    if (!os_unmap(start, bytes)) {
        os_discard(start, bytes);
    }
}

/* Unmaps what was kept before a time. */
static size_t unmap_kept_before(uint64_t ns)
{
    size_t bytes = 0;

    for (unsigned int i = 0; i < SLOTS; i++) {
        uint64_t slot = atomic_load_explicit(&slots[i], memory_order_relaxed);

        if (slot != 0 && atomic_load_explicit(&since_ns[i], memory_order_relaxed) <= ns &&
            claim(i, slot)) {
            large_cache_unmap(start_of(slot), bytes_of(slot));
            bytes += bytes_of(slot);
        }
    }
    return bytes;
}

void large_cache_purge_if_due(void)
{
    if (large_cache_bytes() != 0) {
        uint64_t now_ns = os_now_ns();
        uint64_t delay_ns = options_purge_delay_ns();

        unmap_kept_before(now_ns > delay_ns ? now_ns - delay_ns : 0);
    }
}

size_t large_cache_empty(void)
{
    return unmap_kept_before(UINT64_MAX);
}
