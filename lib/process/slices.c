/* SPDX-License-Identifier: Apache-2.0 */
/* Slices: which are taken, and when their memory goes back.
 *
 * Which slices of the range (slice_range.c) are taken is a bit array (core/bitarray.h), whose
 * claims need no lock. The lowest are taken first, so that what is in use stays together. A single
 * slice is found in bounded time; neighbours by a look at the range up to where they are, 64 slices
 * at a time: measured, 1.5 us for each GiB in which there are none.
 *
 * Slices that were taken once are remembered as touched, and kept when they are given back; when
 * some of them are due to go back to the kernel (slice_decay.c), whoever allocates next claims
 * them, from the last one on, tells the kernel to have their memory, and releases them. So no
 * system call is made while anybody waits.
 *
 * In the real-time mode the first slices are the reserve (slice_reserve.c): then no time is asked
 * for and nothing is given to the kernel.
 *
 * Invariants:
 *   1. A slice is taken iff its bit is set; whoever set it has it, with its descriptor.
 *   2. A slice that is not touched has no memory, and reads as zeros. Whoever has a slice, and
 *      nobody else, changes its bit: sets it when taking it, clears it when its memory has gone.
 *   3. So those that are kept are touched and not taken. */
#include "process/slices.h"

#include <stdatomic.h>
#include <string.h>

#include "core/bitarray.h"
#include "core/bits.h"
#include "os/os.h"
#include "process/census.h"
#include "process/hardened.h"
#include "process/options.h"
#include "process/slab.h"
#include "process/slice_decay.h"
#include "process/slice_reserve.h"

/* Of the bit array that one call looks through, so that no call takes too long: for a GiB. */
#define LOOK_SLICES 16384u

/* Runs of neighbours that go back in one call, each by a system call. */
#define RUNS_AT_ONCE 64u

/* What is more at once than all that stays in use, and 64 MiB, does not wait until it is due: a
 * block of that size is seldom followed by another, and would cost the system call as a mapping. */
#define MUCH_SLICES (((size_t)64 << 20) >> SLICE_SHIFT)

/* Neighbours that go back at once when all do. */
#define RUN_SLICES 256u

static sys_bitarray_t taken;
static sys_bitarray_t touched;
/* Slices that are taken, times USED_ONE, and those that are free and touched: one word, because
 * each call changes both, and threads that call at a time wait for each other's word. Relaxed:
 * numbers for questions. */
static _Atomic(uint64_t) used_and_kept;
#define USED_ONE ((uint64_t)1 << 32)
/* Those that are kept are below, but for what was lost in a race; 0: look from the end again. */
static _Atomic(size_t) look_below;

/* Writes a word, which is zero, to make its page: that it is read first would take another fault.
 */
static void make_page(void *word)
{
    *(volatile uint32_t *)word = 0;
}

/* The first pages of the bit arrays, and of what is known of the full words of `taken`, so that
 * neither the first slices nor the first free that gives some back take a page fault each. */
static void warm_up(void)
{
    make_page(taken.bundles);
    if (taken.summary != NULL) { /* a small range has none */
        make_page(taken.summary);
    }
    make_page(touched.bundles);
}

bool slices_reserve(void)
{
    struct slice_tables tables;

    if (!slice_range_reserve(&tables)) {
        return false;
    }
    bitarray_make_of_zeros(&taken, (uint32_t)slice_range_slices(), tables.taken);
    bitarray_make_of_zeros(&touched, (uint32_t)slice_range_slices(), tables.touched);
    touched.summary = NULL; /* nobody searches it for clear bits */
    warm_up();
    return true;
}

/* --- To take and to give --- */

/* Whether a guard is among slices that were claimed: that is the first time anybody comes past it.
 * It stays taken for ever, and the others are released. */
static bool has_met_guard(size_t count, size_t slice)
{
    size_t guard = slice_range_next_guard(slice);
    size_t end = slice + count;

    if (guard >= end) {
        return false;
    }
    if (guard > slice) {
        bitarray_release(&taken, guard - slice, slice);
    }
    if (end > guard + 1) {
        bitarray_release(&taken, end - guard - 1, guard + 1);
    }
    return true;
}

static bool claim_any(size_t count, size_t *slice)
{
    return count == 1 ? bitarray_claim_next(&taken, 0, 1, slice) != 0
                      : bitarray_claim_lowest_run(&taken, count, slice);
}

static bool claim(size_t count, size_t *slice)
{
    bool exists = taken.num_bits != 0;
    bool claimed = exists && (!HARDENED || count < SLICE_STEP) && claim_any(count, slice);

    while (HARDENED && claimed && has_met_guard(count, *slice)) {
        claimed = claim_any(count, slice);
    }
    return claimed;
}

static size_t kept_slices(void)
{
    return (uint32_t)atomic_load_explicit(&used_and_kept, memory_order_relaxed);
}

size_t slices_in_use(void)
{
    return (size_t)(atomic_load_explicit(&used_and_kept, memory_order_relaxed) / USED_ONE);
}

/* Adds to both numbers, which may be to subtract; returns how many are kept then. */
static size_t count_more(size_t used, size_t kept)
{
    uint64_t more = used * USED_ONE + kept;

    return (uint32_t)(atomic_fetch_add_explicit(&used_and_kept, more, memory_order_relaxed) + more);
}

/* Invariant 2: whoever takes slices is going to touch them. Returns how many were touched before.
 * Nothing is written if all were, so that threads which use the same slices by turns do not wait
 * for each other's words. */
static size_t touch(size_t slice, size_t count)
{
    if (count == 1) {
        return bitarray_is_bit_set(&touched, slice) || bitarray_set_bit(&touched, slice);
    }
    size_t before = bitarray_count_region(&touched, count, slice);

    if (before != count) {
        bitarray_set_region(&touched, count, slice);
    }
    return before;
}

/* Slices that the caller has taken have no memory any more. Returns how many had. */
static size_t untouch(size_t slice, size_t count)
{
    size_t before = bitarray_count_region(&touched, count, slice);

    bitarray_clear_region(&touched, count, slice);
    return before;
}

/* How many of the slices from `first` on, at most `most`, are touched or are not, as it is asked.
 */
static size_t alike(size_t first, size_t most, bool is_touched)
{
    size_t count = 0;

    while (count < most && bitarray_is_bit_set(&touched, first + count) == is_touched) {
        count++;
    }
    return count;
}

/* Makes slices zeros that the caller has taken. Those that are not touched are (invariant 2). */
static void clear_touched(size_t slice, size_t count)
{
    size_t end = slice + count;

    while (slice < end) {
        slice += alike(slice, end - slice, false);
        size_t run = alike(slice, end - slice, true);
        memset(slice_start(slice), 0, run << SLICE_SHIFT);
        slice += run;
    }
}

/* Makes slices usable that were claimed; if they cannot be, they are free again. */
static bool begin_use(size_t slice, size_t count, bool zeroed)
{
    if (!slice_reserve_allows(slice + count) || !slice_range_make_known(slice + count)) {
        bitarray_release(&taken, count, slice);
        return false;
    }
    if (slice_reserve_slices() == 0) {
        slice_range_get_ready(slice, slice + count);
    }
    if (zeroed) {
        clear_touched(slice, count);
    }
    slice_decay_fewer_are_kept(count_more(count, 0 - touch(slice, count)));
    return true;
}

static size_t take(size_t count, bool zeroed)
{
    size_t slice;

    return claim(count, &slice) && begin_use(slice, count, zeroed) ? slice : SLICE_NONE;
}

size_t slices_take(size_t count)
{
    return take(count, false);
}

size_t slices_take_zeroed(size_t count)
{
    return take(count, true);
}

bool slices_take_at(size_t slice, size_t count)
{
    size_t end = slice_reserve_slices() != 0 ? slice_reserve_slices() : slice_range_slices();

    return count <= end && slice <= end - count && bitarray_claim(&taken, count, slice) &&
           begin_use(slice, count, false);
}

void slices_give_untouched(size_t slice, size_t count)
{
    untouch(slice, count);
    count_more(0 - count, 0);
    bitarray_release(&taken, count, slice);
}

/* Whether memory is not worth keeping for a while. */
static bool is_too_much(size_t count)
{
    bool is_much = count > MUCH_SLICES && count > slices_in_use() - count + MUCH_SLICES;

    return slice_reserve_slices() == 0 && (is_much || options_purge_delay_ns() == 0);
}

static void look_from(size_t end)
{
    if (atomic_load_explicit(&look_below, memory_order_relaxed) < end) {
        atomic_store_explicit(&look_below, end, memory_order_relaxed);
    }
}

void slices_give(size_t slice, size_t count)
{
    if (is_too_much(count) && os_discard(slice_start(slice), count << SLICE_SHIFT)) {
        slices_give_untouched(slice, count);
        return;
    }
    count_more(0 - count, count);
    bitarray_release(&taken, count, slice);
    look_from(slice + count);
}

/* --- To the kernel --- */

/* The last slice below `end` that is kept, as far as one call looks; SLICE_NONE: none is.
 * *looked_to is how far that was. */
static size_t last_kept(size_t end, size_t *looked_to)
{
    size_t from = end > LOOK_SLICES ? end - LOOK_SLICES : 0;
    size_t last = SLICE_NONE;

    *looked_to = from;
    if (end != 0 && bitarray_find_last_set_but(&touched, &taken, end - from, from, &last)) {
        *looked_to = last;
    }
    return last;
}

/* Claims at most so many slices that are kept, neighbours that end with `last`; returns
 * their number, 0 if somebody else is at that one. */
static size_t claim_kept(size_t last, size_t most)
{
    size_t count = 0;

    while (count < most && count <= last && bitarray_is_bit_set(&touched, last - count) &&
           bitarray_claim(&taken, 1, last - count)) {
        count++;
    }
    return count;
}

/* Gives the memory of at most so many neighbours to the kernel, the last below *end, and moves that
 * down; returns how many went. */
static size_t purge_run(size_t *end, size_t most)
{
    size_t last = last_kept(*end, end);
    size_t count = last != SLICE_NONE ? claim_kept(last, most) : 0;

    if (count == 0) {
        return 0;
    }
    *end = last + 1 - count;
    bool is_gone = os_discard(slice_start(*end), count << SLICE_SHIFT);
    if (is_gone) {
        count_more(0, 0 - untouch(*end, count));
    }
    bitarray_release(&taken, count, *end);
    return is_gone ? count : 0;
}

bool slices_wait(void)
{
    return kept_slices() != 0 && slice_reserve_slices() == 0;
}

void slices_purge_if_due(void)
{
    size_t due = slice_reserve_slices() == 0 ? slice_decay_due(kept_slices()) : 0;

    if (due == 0) {
        return;
    }
    size_t end = atomic_load_explicit(&look_below, memory_order_relaxed);
    size_t gone = 0;
    end = end != 0 ? end : slice_range_known_slices();
    for (unsigned int runs = 0; runs < RUNS_AT_ONCE && gone < due && end != 0; runs++) {
        gone += purge_run(&end, due - gone);
    }
    slice_decay_gone(gone);
    atomic_store_explicit(&look_below, end, memory_order_relaxed);
}

size_t slices_purge(void)
{
    size_t gone = 0;

    for (size_t end = slice_reserve_slices() == 0 ? slice_range_known_slices() : 0; end != 0;) {
        gone += purge_run(&end, RUN_SLICES);
    }
    slice_decay_gone(gone);
    return gone << SLICE_SHIFT;
}

void slices_count(struct census *census)
{
    struct quarry_malloc_stats *total = &census->total;

    census->slices_known = slice_range_usable_slices();
    census->slices_in_use = slices_in_use();
    census->slices_kept = kept_slices();
    total->reserved_bytes += slice_range_slices() << SLICE_SHIFT;
    total->committed_bytes += (census->slices_in_use + census->slices_kept) << SLICE_SHIFT;
    total->trimmable_bytes += slice_reserve_slices() == 0 ? census->slices_kept << SLICE_SHIFT : 0;
}
