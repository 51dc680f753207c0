/* SPDX-License-Identifier: Apache-2.0 */
/* The range: the first cut.
 *
 *    reserved, as much as the system gives, at most SLICE_RANGE_MOST_BYTES of slices
 *    +-------+---------+--------------+-----------------------------------------------------+
 *    | taken | touched | descriptors  | slice 0 | slice 1 | ... | slice `known` | ...       |
 *    +-------+---------+--------------+-----------------------------------------------------+
 *      a bit   a bit     64 bytes each  64 KiB each, usable     | reserved
 *      each    each
 *
 * Whose an address is takes a subtraction, a shift and a comparison, and is right for every value
 * of a pointer: what lies outside is not in a slice, and the descriptor of a slice that nobody has
 * says so. What the bits are for is in slices.c. The range is made usable from its start on, in
 * steps; the bits are so from the beginning.
 *
 * The descriptors of a large range are a part of a table that free has a faster look at
 * (slice_window.c): for that the range may not be just anywhere. If the kernel puts it at a wrong
 * place, twice the address space is reserved, of which one half will do, and the other one goes
 * back. (At a round number it would be all right, and its addresses would be easy to guess.)
 *
 * No call is to do more than another of its kind by chance. What a slice takes for the first time
 * is a page of its own, at every 32nd with a page of the kernel's page tables, and at every 64th a
 * page of descriptors, and that more slices are usable: all at the same slice, if each were done
 * when it cannot be put off. So two of them are done ahead, each by a call of its own; and what
 * touches a slab's first page is a later call than the one that makes it (slab_take_untouched):
 *
 *    slice    0 ............... 16 ............ 32 ............ 48 ............. 64
 *             page tables       the next step   page tables     the next page of descriptors
 *
 * In the hardened library every 64th slice is a guard: never taken by anybody, never usable, so
 * that who writes past the slices in front of it faults. So is the one in front of the first. And
 * beside the descriptors is a table of bits, one for each possible block (block_bits.h).
 *
 * Invariant: a slice below `known` is usable, but for guards, and so is its descriptor. */
#include "process/slice_range.h"

#include <quarry/bitarray.h>
#include <stdatomic.h>

#include "core/bits.h"
#include "os/os.h"
#include "process/block_bits.h"
#include "process/hardened.h"
#include "process/options.h"
#include "process/slab.h"
#include "process/slice_window.h"
#include "process/variable_page.h"

#define SLICE_RANGE_MOST_BYTES  ((size_t)256 << 30)
#define SLICE_RANGE_LEAST_BYTES ((size_t)64 << 20)
#define NEXT_TRY_SHIFT          3u

/* Made usable at a time: SLICE_STEP, or an eighth of what is usable. */
#define STEP_DIVISOR 8u

/* Descriptors are made usable so many bytes at a time, for a GiB of slices: so most steps are one
 * system call. */
#define DESCRIPTORS_STEP_BYTES ((size_t)1 << 20)

/* So many slices before the last that is usable the next step is made so; and so many before the
 * first that is described on another page, that page is made. */
#define STEP_AHEAD       (SLICE_STEP * 3 / 4)
#define DESCRIPTOR_AHEAD (SLICE_STEP / 4)

#define CACHE_LINE_BYTES 64u

/* Of the slices that a range has at least for its descriptors to be part of a window's table, whose
 * address space is a sixteenth of theirs then. */
#define WINDOW_LEAST_SLICES (SLICE_WINDOW_SLICES / 64)

/* Who wants to end the range waits so often for who makes it grow: it may be whom its signal
 * handler has interrupted. */
#define TRIES_TO_END 1000u

uint64_t *block_bits;
uintptr_t slice_range_start;
size_t slice_range_known;
struct slab *slice_range_slabs;
static char *bits_start;
static char *bits_end;
static size_t described_bytes; /* of descriptors that are usable; whoever is `growing` */
static _Atomic(size_t) slices; /* that are reserved; relaxed: it grows once, and falls once */

static WRITTEN_BY_FORK _Atomic(bool) growing; /* somebody makes more slices known */

/* Parts of the range, in bytes from its start. */
struct layout {
    size_t slices;
    bool has_window;
    size_t touched;    /* `taken` is at 0 */
    size_t table;      /* descriptors, maybe those of a window */
    size_t block_bits; /* hardened only */
    size_t first_slice;
    size_t end;
};

/* Of the start, and of slice 0: what a page of descriptors is for, so that slice 0 has the first of
 * a page in a window's table as well. That is more than a huge page, and than what a page of the
 * kernel's page tables is for. */
static size_t range_align(void)
{
    return (os_page_bytes() / sizeof(struct slab)) << SLICE_SHIFT;
}

static struct layout layout_of(size_t bytes)
{
    size_t count = bytes >> SLICE_SHIFT;
    size_t words_bytes = QUARRY_BITARRAY_WORDS(count) * sizeof(uint32_t);
    struct layout layout = {.slices = count,
                            .has_window = !HARDENED && count >= WINDOW_LEAST_SLICES};

    /* Where one array ends, on the page where the next begins, are the upper levels of its summary.
     */
    layout.touched = round_up(words_bytes, CACHE_LINE_BYTES);
    layout.table = round_up(layout.touched + words_bytes, os_page_bytes());
    layout.block_bits =
        layout.table + (layout.has_window ? SLICE_WINDOW_BYTES : count * sizeof(struct slab));
    layout.first_slice = layout.block_bits;
    if (HARDENED) {
        layout.first_slice += count * BLOCK_BITS_SLICE_BYTES + SLICE_BYTES;
    }
    layout.first_slice = round_up(layout.first_slice, range_align());
    layout.end = layout.first_slice + (count << SLICE_SHIFT);
    return layout;
}

size_t slice_range_slices(void)
{
    return atomic_load_explicit(&slices, memory_order_relaxed);
}

/* How many bytes of descriptors are to be usable where so many slices of all are known. */
static size_t descriptors_step(size_t known, size_t all)
{
    size_t bytes = round_up(known * sizeof(struct slab), DESCRIPTORS_STEP_BYTES);
    size_t usable = bytes != 0 ? bytes : DESCRIPTORS_STEP_BYTES;

    return usable < all * sizeof(struct slab) ? usable : all * sizeof(struct slab);
}

/* Gives address space back. If that is refused, it stays reserved. */
static void unreserve(void *from, void *to)
{
    if ((char *)to > (char *)from) {
        os_unmap(from, (size_t)((char *)to - (char *)from));
    }
}

/* Of two places for the slices, one behind the other and together no larger than a window, one at
 * least will do. */
_Static_assert(SLICE_RANGE_MOST_BYTES >> SLICE_SHIFT <= SLICE_WINDOW_SLICES / 2, "see above");

static bool will_do(const struct layout *layout, char *start)
{
    return !layout->has_window ||
           slice_window_holds(start + layout->first_slice, layout->slices << SLICE_SHIFT);
}

/* Address space of the layout, NULL if there is none. */
static char *reserve_space(const struct layout *layout)
{
    size_t slices_bytes = layout->slices << SLICE_SHIFT;
    char *start = os_reserve(layout->end, range_align());

    if (start == NULL || will_do(layout, start)) {
        return start;
    }
    os_unmap(start, layout->end);
    char *low = os_reserve(layout->end + slices_bytes, range_align());
    if (low == NULL) {
        return NULL;
    }
    start = will_do(layout, low) ? low : low + slices_bytes;
    unreserve(low, start);
    unreserve(start + layout->end, low + layout->end + slices_bytes);
    return start;
}

/* Makes usable what is so from the beginning. */
static bool commit_tables(const struct layout *layout, char *start, char *descriptors)
{
    described_bytes = descriptors_step(0, layout->slices);
    return (!layout->has_window || os_make_readable(start + layout->table, SLICE_WINDOW_BYTES)) &&
           os_commit(start, layout->table) && os_commit(descriptors, described_bytes);
}

static bool reserve(size_t bytes, struct slice_tables *bits)
{
    struct layout layout = layout_of(bytes);
    char *start = reserve_space(&layout);

    if (start == NULL) {
        return false;
    }
    char *table = start + layout.table;
    char *first_slice = start + layout.first_slice;
    char *descriptors =
        table + (layout.has_window ? slice_window_offset(first_slice, SLICE_WINDOW_OPEN_MASK) : 0);
    if (!commit_tables(&layout, start, descriptors)) {
        os_unmap(start, layout.end);
        return false;
    }
    os_name(start, layout.end, "quarry slices");
    bits_start = start;
    bits_end = table;
    bits->taken = (uint32_t *)(void *)start;
    bits->touched = (uint32_t *)(void *)(start + layout.touched);
    slice_range_slabs = (struct slab *)(void *)descriptors;
    if (HARDENED) {
        block_bits = (uint64_t *)(void *)(start + layout.block_bits);
    }
    atomic_store_explicit(&slices, layout.slices, memory_order_relaxed);
    slice_range_start = (uintptr_t)first_slice;
    if (layout.has_window) {
        slice_window_open(table);
    }
    return true;
}

bool slice_range_reserve(struct slice_tables *bits)
{
    for (size_t bytes = SLICE_RANGE_MOST_BYTES; bytes >= SLICE_RANGE_LEAST_BYTES;
         bytes >>= NEXT_TRY_SHIFT) {
        if (reserve(bytes, bits)) {
            return true;
        }
    }
    return false;
}

void *slice_range_bits(void)
{
    return bits_start;
}

void *slice_range_bits_end(void)
{
    return bits_end;
}

bool slice_range_exists(void)
{
    return slice_range_slices() != 0;
}

void slice_range_after_fork(void)
{
    atomic_store_explicit(&growing, false, memory_order_relaxed);
}

size_t slice_range_known_slices(void)
{
    return __atomic_load_n(&slice_range_known, __ATOMIC_ACQUIRE);
}

size_t slice_range_usable_slices(void)
{
    size_t known = slice_range_known_slices();

    return HARDENED ? known - known / SLICE_STEP : known;
}

/* How many slices are to be known, so that those below `end` are. */
static size_t next_known(size_t known, size_t end)
{
    size_t step = known / STEP_DIVISOR > SLICE_STEP ? known / STEP_DIVISOR : SLICE_STEP;
    size_t wanted = round_up(known + step > end ? known + step : end, SLICE_STEP);

    return wanted < slice_range_slices() ? wanted : slice_range_slices();
}

/* Makes slices usable, all or none; but for guards. */
static bool commit_slices(size_t known, size_t wanted)
{
    if (!HARDENED) {
        return os_commit(slice_start(known), (wanted - known) << SLICE_SHIFT);
    }
    for (size_t slice = known; slice < wanted; slice += SLICE_STEP) {
        if (!os_commit(slice_start(slice), (SLICE_STEP - 1) << SLICE_SHIFT)) {
            if (slice > known) {
                os_decommit(slice_start(known), (slice - known) << SLICE_SHIFT);
            }
            return false;
        }
    }
    return true;
}

/* Makes the bits of slices' blocks usable. What is so ahead of time does no harm. */
static bool commit_block_bits(size_t known, size_t wanted)
{
    char *table = (char *)block_bits;

    return os_commit(table + known * BLOCK_BITS_SLICE_BYTES,
                     (wanted - known) * BLOCK_BITS_SLICE_BYTES);
}

static bool commit_descriptors(size_t wanted)
{
    size_t bytes = descriptors_step(wanted, slice_range_slices());
    char *table = (char *)slice_range_slabs;

    if (bytes <= described_bytes) {
        return true;
    }
    if (!os_commit(table + described_bytes, bytes - described_bytes)) {
        return false;
    }
    described_bytes = bytes;
    return true;
}

/* Makes descriptors and slices usable; if it fails, descriptors may be so ahead of time. */
static bool commit(size_t known, size_t wanted)
{
    if (!commit_descriptors(wanted) || (HARDENED && !commit_block_bits(known, wanted)) ||
        !commit_slices(known, wanted)) {
        return false;
    }
    if (options_huge()) {
        os_prefer_huge(slice_start(known), (wanted - known) << SLICE_SHIFT);
    }
    return true;
}

/* False also if somebody else is at it, who may be whom this handler has interrupted. */
bool slice_range_make_known(size_t end)
{
    size_t known = slice_range_known_slices();

    if (end <= known) {
        return true;
    }
    if (atomic_exchange_explicit(&growing, true, memory_order_acquire)) {
        return false;
    }
    known = slice_range_known_slices();
    bool enough = end <= known;
    if (!enough && end <= slice_range_slices()) {
        size_t wanted = next_known(known, end);

        enough = commit(known, wanted);
        if (enough) {
            __atomic_store_n(&slice_range_known, wanted, __ATOMIC_RELEASE);
        }
    }
    atomic_store_explicit(&growing, false, memory_order_release);
    return enough;
}

/* Gives the address space of descriptors back that are not usable; but for the window's first page,
 * which closed windows need, and for all of an open one's. */
static void unreserve_descriptors(size_t reserved)
{
    char *first = (char *)slice_range_slabs;
    char *end = first + reserved * sizeof(struct slab);

    if (slice_window_is_open()) {
        char *table = slice_window.table;

        if (!slice_window_close()) {
            return;
        }
        unreserve(table + os_page_bytes(), first);
        end = table + SLICE_WINDOW_BYTES;
    }
    unreserve(first + described_bytes, end);
}

void slice_range_end(void)
{
    unsigned int tries = 0;

    while (atomic_exchange_explicit(&growing, true, memory_order_acquire)) {
        if (++tries == TRIES_TO_END) {
            return;
        }
        os_yield();
    }
    size_t known = slice_range_known_slices();
    size_t reserved = slice_range_slices();

    atomic_store_explicit(&slices, known, memory_order_relaxed);
    unreserve(slice_start(known), slice_start(reserved));
    unreserve_descriptors(reserved);
    if (HARDENED) {
        unreserve((char *)block_bits + known * BLOCK_BITS_SLICE_BYTES,
                  (char *)block_bits + reserved * BLOCK_BITS_SLICE_BYTES);
    }
    atomic_store_explicit(&growing, false, memory_order_release);
}

/* Makes the page of a descriptor, which somebody may be using: changes nothing, but writes. */
static void touch_descriptor(size_t slice)
{
    uintptr_t nobody = 0;

    __atomic_compare_exchange_n(&slab_of_slice(slice)->owner, &nobody, 0, false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
}

void slice_range_get_ready(size_t first, size_t end)
{
    size_t known = slice_range_known_slices();
    size_t next = round_down(end + DESCRIPTOR_AHEAD, SLICE_STEP);

    if (end + STEP_AHEAD > known && end + STEP_AHEAD <= slice_range_slices()) {
        slice_range_make_known(end + STEP_AHEAD); /* if not now, then when they are taken */
    } else if (next > first + DESCRIPTOR_AHEAD && next < known) {
        touch_descriptor(next);
    }
}
