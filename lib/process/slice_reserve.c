/* SPDX-License-Identifier: Apache-2.0 */
/* The reserve.
 *
 *    bits of all | descriptors of n | slice 0 | ... | slice n - 1 | slice n | ...
 *    `--------------- there and locked from the start ----------' `-- wanted when it does not
 * suffice
 *
 * All that is looked at to take one of its slices is there as well. As the lowest slices are taken
 * first, one beyond is wanted only if there are not so many neighbours free in the reserve. */
#include "process/slice_reserve.h"

#include <errno.h>
#include <quarry/malloc.h>
#include <stdatomic.h>
#include <stdint.h>

#include "core/bits.h"
#include "os/os.h"
#include "process/options.h"
#include "process/slab.h"
#include "process/slice_window.h"

static _Atomic(size_t) reserve_slices; /* relaxed: there is one thread when it changes */
static _Atomic(uint64_t) exhausted;    /* relaxed: for statistics */

size_t slice_reserve_slices(void)
{
    return atomic_load_explicit(&reserve_slices, memory_order_relaxed);
}

/* The pages from one address to another are there and locked, or only there, or not. */
static int make_stay(const void *from, const void *to)
{
    uintptr_t start = round_down((uintptr_t)from, os_page_bytes());
    size_t bytes = round_up((uintptr_t)to, os_page_bytes()) - start;
    int result = os_lock_pages((void *)start, bytes);

    if (result != 0 && !os_populate((void *)start, bytes, true)) {
        result = -ENOMEM;
    }
    return result;
}

/* Addresses that are in no slice are looked up as well: pages of zeros for these are there, which
 * are all the same one. */
static int make_window_readable(void)
{
    bool done =
        !slice_window_is_open() || os_populate(slice_window.table, SLICE_WINDOW_BYTES, false);

    return done ? 0 : -ENOMEM;
}

static int worse(int one, int other)
{
    return one == -ENOMEM || other == 0 ? one : other;
}

int slice_reserve_make(size_t bytes)
{
    size_t count = round_up(bytes, SLICE_BYTES) >> SLICE_SHIFT;

    if (count > slice_range_slices() || !slice_range_make_known(count)) {
        return -ENOMEM;
    }
    atomic_store_explicit(&reserve_slices, count, memory_order_relaxed);
    int bits = make_stay(slice_range_bits(), slice_range_bits_end());
    int descriptors = make_stay(slab_of_slice(0), slab_of_slice(count));
    int memory = make_stay(slice_start(0), slice_start(count));
    int window = make_window_readable();

    return worse(worse(bits, descriptors), worse(memory, window));
}

bool slice_reserve_allows(size_t end)
{
    size_t reserved = slice_reserve_slices();

    if (reserved == 0 || end <= reserved) {
        return true;
    }
    if (options_exhausted_fails()) {
        return false;
    }
    slice_reserve_count_exhausted();
    return true;
}

void slice_reserve_count_exhausted(void)
{
    atomic_fetch_add_explicit(&exhausted, 1, memory_order_relaxed);
}

void slice_reserve_add_stats(struct quarry_malloc_stats *stats)
{
    stats->reserve_bytes = slice_reserve_slices() << SLICE_SHIFT;
    stats->exhausted += atomic_load_explicit(&exhausted, memory_order_relaxed);
}
