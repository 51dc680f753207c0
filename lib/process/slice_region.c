/* SPDX-License-Identifier: Apache-2.0 */
/* Slices: the second cut.
 *
 *    reserved, as much as the system gives, at most SLICE_REGION_MOST_BYTES
 *    +--------------+--------+---------+-----------------------------------------------------+
 *    | descriptors  | taken  | touched | slice 0 | slice 1 | ... | slice `known` | ...       |
 *    +--------------+--------+---------+-----------------------------------------------------+
 *      64 bytes each  a bit    a bit     64 KiB each, usable     | reserved
 *                     each     each
 *
 * Whose an address is takes a subtraction, a shift and a comparison, and is right for every value
 * of a pointer: what lies outside is not in a slice, and the descriptor of a slice that nobody has
 * says so.
 *
 * Which slices are taken is a bit array (core/bitarray.h), whose claims need no lock. The lowest
 * are taken first, so that what is in use stays together, and the range is made usable from its
 * start on, in steps. Slices that were given back are remembered as touched; when some have been so
 * for the purge delay, whoever gives the next one back claims them, tells the kernel to have their
 * memory, and releases them. So no system call is made while anybody waits.
 *
 * Invariants:
 *   1. A slice is taken iff its bit is set; whoever set it has it, with its descriptor.
 *   2. A slice below `known` is usable, and so is its descriptor.
 *   3. A slice that is neither taken nor touched has no memory, and reads as zeros. One that is
 *      taken is not touched: whoever takes it clears the bit. */
#include "process/slice_region.h"

#include <limits.h>
#include <stdatomic.h>
#include <quarry/bitarray.h>

#include "core/bitarray.h"
#include "core/bits.h"
#include "os/os.h"
#include "process/options.h"
#include "process/slab.h"
#include <quarry/malloc.h>

#define SLICE_REGION_MOST_BYTES  ((size_t)256 << 30)
#define SLICE_REGION_LEAST_BYTES ((size_t)64 << 20)
#define NEXT_TRY_SHIFT           3u

/* Made usable at a time: what a page of descriptors is for, or an eighth of what is usable. */
#define STEP_SLICES  64u
#define STEP_DIVISOR 8u

/* Descriptors are made usable so many bytes at a time, for 64 MiB of slices: so most steps are one
 * system call. What is reserved at least has as many. */
#define DESCRIPTORS_STEP_BYTES ((size_t)64 << 10)

/* Slices whose memory one call gives to the kernel, a MiB, so that no call takes too long. */
#define RUN_SLICES 16u

/* As many free slices keep their memory for the purge delay as there are in use, and so many. */
#define KEPT_SLICES (((size_t)64 << 20) >> SLICE_SHIFT)

uintptr_t slice_region_start;
size_t slice_region_known;
struct slab *slice_region_slabs;
static size_t slices; /* that are reserved; constant once it is not 0 */

static sys_bitarray_t taken;
static sys_bitarray_t touched;
static _Atomic(bool) growing;         /* somebody makes more slices known */
static _Atomic(uint64_t) purge_at_ns; /* 0: nothing is to be purged */
static _Atomic(size_t) used_slices;   /* relaxed: for the limit of what is kept */
static _Atomic(size_t) kept_slices;   /* free and touched, likewise */

/* --- The range --- */

/* Parts of the range, in bytes from its start. */
struct layout {
    size_t slices;
    size_t taken;
    size_t touched;
    size_t first_slice;
    size_t end;
};

static struct layout layout_of(size_t bytes)
{
    size_t count = bytes >> SLICE_SHIFT;
    size_t words_bytes = QUARRY_BITARRAY_WORDS(count) * sizeof(uint32_t);
    struct layout layout = {.slices = count};

    layout.taken = count * sizeof(struct slab);
    layout.touched = layout.taken + round_up(words_bytes, os_page_bytes());
    layout.first_slice =
        round_up(layout.touched + round_up(words_bytes, os_page_bytes()), SLICE_BYTES);
    layout.end = layout.first_slice + (count << SLICE_SHIFT);
    return layout;
}

/* Makes the page of a word that is still zero one of the process's own. */
static void touch(char *address)
{
    *(volatile uint32_t *)(void *)address = 0;
}

/* The first pages of the bit arrays, and of what is known of the full words of `taken`, which lies
 * behind its bits: lest the first slices take a page fault for each. */
static void touch_bit_arrays(char *start, struct layout layout)
{
    touch(start + layout.taken);
    touch(start + layout.taken + layout.slices / CHAR_BIT);
    touch(start + layout.touched);
}

static bool reserve(size_t bytes)
{
    struct layout layout = layout_of(bytes);
    char *start = os_reserve(layout.end, SLICE_BYTES);

    if (start == NULL) {
        return false;
    }
    if (!os_commit(start + layout.taken, layout.first_slice - layout.taken)) {
        os_unmap(start, layout.end);
        return false;
    }
    os_name(start, layout.end, "quarry slices");
    bitarray_make_of_zeros(&taken, (uint32_t)layout.slices,
                           (uint32_t *)(void *)(start + layout.taken));
    bitarray_make_of_zeros(&touched, (uint32_t)layout.slices,
                           (uint32_t *)(void *)(start + layout.touched));
    touch_bit_arrays(start, layout);
    slice_region_slabs = (struct slab *)(void *)start;
    slices = layout.slices;
    slice_region_start = (uintptr_t)start + layout.first_slice;
    return true;
}

bool slice_region_reserve(void)
{
    for (size_t bytes = SLICE_REGION_MOST_BYTES; bytes >= SLICE_REGION_LEAST_BYTES;
         bytes >>= NEXT_TRY_SHIFT) {
        if (reserve(bytes)) {
            return true;
        }
    }
    return false;
}

bool slice_region_exists(void)
{
    return slices != 0;
}

/* The bit arrays stay as they are: to mend them takes a look at all slices. What another thread was
 * about to take or to give is lost at worst. */
void slice_region_after_fork(void)
{
    atomic_store_explicit(&growing, false, memory_order_relaxed);
}

static size_t known_slices(void)
{
    return __atomic_load_n(&slice_region_known, __ATOMIC_ACQUIRE);
}

/* How many slices are to be known, so that those below `end` are. */
static size_t next_known(size_t known, size_t end)
{
    size_t step = known / STEP_DIVISOR > STEP_SLICES ? known / STEP_DIVISOR : STEP_SLICES;
    size_t wanted = round_up(known + step > end ? known + step : end, STEP_SLICES);

    return wanted < slices ? wanted : slices;
}

/* Makes descriptors and slices usable, or neither. */
static bool commit(size_t known, size_t wanted)
{
    size_t from = round_up(known * sizeof(struct slab), DESCRIPTORS_STEP_BYTES);
    size_t to = round_up(wanted * sizeof(struct slab), DESCRIPTORS_STEP_BYTES);
    char *table = (char *)slice_region_slabs;

    if (to > from && !os_commit(table + from, to - from)) {
        return false;
    }
    if (os_commit(slice_start(known), (wanted - known) << SLICE_SHIFT)) {
        return true;
    }
    if (to > from) {
        os_decommit(table + from, to - from); /* if refused, it is usable ahead of time */
    }
    return false;
}

/* Invariant 2 for all slices below `end`. False also if somebody else is at it, who may be whom
 * this handler has interrupted. */
static bool make_known(size_t end)
{
    size_t known = known_slices();

    if (end <= known) {
        return true;
    }
    if (atomic_exchange_explicit(&growing, true, memory_order_acquire)) {
        return false;
    }
    known = known_slices();
    bool enough = end <= known;
    if (!enough) {
        size_t wanted = next_known(known, end);

        enough = commit(known, wanted);
        if (enough) {
            __atomic_store_n(&slice_region_known, wanted, __ATOMIC_RELEASE);
        }
    }
    atomic_store_explicit(&growing, false, memory_order_release);
    return enough;
}

/* --- To take and to give --- */

static bool claim(size_t count, size_t *slice)
{
    if (slices == 0) {
        return false;
    }
    return count == 1 ? bitarray_claim_next(&taken, 0, 1, slice) != 0
                      : bitarray_claim_lowest_run(&taken, count, slice);
}

static void add(_Atomic(size_t) *counter, size_t slices_more)
{
    atomic_fetch_add_explicit(counter, slices_more, memory_order_relaxed);
}

/* Invariant 3: they are not kept any more. */
static void take_from_kept(size_t slice, size_t count)
{
    size_t were_kept = bitarray_count_region(&touched, count, slice);

    if (were_kept != 0) {
        bitarray_clear_region(&touched, count, slice);
        add(&kept_slices, 0 - were_kept);
    }
}

size_t slices_take(size_t count)
{
    size_t slice;

    if (!claim(count, &slice)) {
        return SLICE_NONE;
    }
    if (!make_known(slice + count)) {
        bitarray_release(&taken, count, slice);
        return SLICE_NONE;
    }
    take_from_kept(slice, count);
    add(&used_slices, count);
    return slice;
}

static bool too_many_are_kept(void)
{
    size_t used = atomic_load_explicit(&used_slices, memory_order_relaxed);

    return atomic_load_explicit(&kept_slices, memory_order_relaxed) > used + KEPT_SLICES;
}

void slices_give(size_t slice, size_t count)
{
    uint64_t never = 0;

    bitarray_set_region(&touched, count, slice);
    add(&kept_slices, count);
    add(&used_slices, 0 - count);
    bitarray_release(&taken, count, slice);
    if (atomic_load_explicit(&purge_at_ns, memory_order_relaxed) == 0) {
        atomic_compare_exchange_strong(&purge_at_ns, &never,
                                       os_last_tick_ns() + options_purge_delay_ns());
    }
}

/* Claims the last free slices that are touched, neighbours: those that would be taken last. Their
 * number; 0: there are none, or somebody else is at them. */
static size_t claim_touched(size_t *slice)
{
    size_t known = known_slices();
    size_t touched_slices = known != 0 ? bitarray_count_region(&touched, known, 0) : 0;
    size_t count = 0;
    size_t last;

    if (touched_slices == 0 || !bitarray_find_nth_set(&touched, touched_slices, known, 0, &last)) {
        return 0;
    }
    while (count < RUN_SLICES && count <= last && bitarray_is_bit_set(&touched, last - count) &&
           bitarray_claim(&taken, 1, last - count)) {
        count++;
    }
    *slice = last - count + 1;
    return count;
}

/* Gives the memory of one run to the kernel; how many bytes. */
static size_t purge_run(void)
{
    size_t slice;
    size_t count = claim_touched(&slice);
    size_t bytes = 0;

    if (count == 0) {
        return 0;
    }
    if (os_discard(slice_start(slice), count << SLICE_SHIFT)) {
        take_from_kept(slice, count);
        bytes = count << SLICE_SHIFT;
    }
    bitarray_release(&taken, count, slice);
    return bytes;
}

static bool delay_is_over(void)
{
    uint64_t at_ns = atomic_load_explicit(&purge_at_ns, memory_order_relaxed);

    return at_ns != 0 && os_last_tick_ns() >= at_ns;
}

void slices_purge_if_due(void)
{
    if ((too_many_are_kept() || delay_is_over()) && purge_run() == 0) {
        atomic_store_explicit(&purge_at_ns, 0, memory_order_relaxed); /* until more are given */
    }
}

size_t slices_purge(void)
{
    size_t bytes = 0;
    size_t run_bytes;

    while ((run_bytes = purge_run()) != 0) {
        bytes += run_bytes;
    }
    return bytes;
}

size_t slices_in_use(void)
{
    return atomic_load_explicit(&used_slices, memory_order_relaxed);
}

void slices_add_stats(struct quarry_malloc_stats *stats)
{
    size_t known = known_slices();

    stats->reserved_bytes += slices << SLICE_SHIFT;
    stats->committed_bytes += known << SLICE_SHIFT;
}
