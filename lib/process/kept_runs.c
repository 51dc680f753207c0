/* SPDX-License-Identifier: Apache-2.0 */
/* Kept runs.
 *
 *    place      0   1   2   3   4   5   6   7
 *             | a | b | c | d |   |   |   |   |       a run is freed: to the lowest free place
 *                       ^                             one is needed: the highest, d
 *                       needed_from: c and d were taken since the last look; a and b go back
 *
 * Blocks of 32 to 64 KiB are most programs' buffers: made and freed by turns, and touched to their
 * end. If each were taken from the lowest free slices, they would wander: the slice that one leaves
 * goes to the next slab, which needs a page of it, and the next buffer touches all of another one.
 * So a thread uses its own again, which also costs nothing that threads share.
 *
 * To the slices (slices.c) a kept run is taken, and its descriptor is that of a run which was
 * freed. It holds no more than KEPT_RUNS_MOST slices for each thread, of which a look gives back
 * what the thread could have done without since the one before.
 *
 * All changes are single instructions (own.h). What handlers do to needed_from makes a run go back
 * a look too early or too late. */
#include "process/kept_runs.h"

#include "process/options.h"
#include "process/own.h"
#include "process/slice_reserve.h"
#include "process/slices.h"

/* What is in a place, which is empty then; SLICE_NONE if it was, or a handler has come first. */
static size_t empty_place(struct kept_runs *kept, size_t place)
{
    uint32_t held = __atomic_load_n(&kept->slices[place], __ATOMIC_RELAXED);

    return held != 0 && own_correct(&kept->slices[place], held, 0) ? held - 1 : SLICE_NONE;
}

bool kept_runs_add(struct kept_runs *kept, size_t slice)
{
    if (slice_reserve_slices() != 0 || options_purge_delay_ns() == 0) {
        return false;
    }
    for (size_t place = 0; place < KEPT_RUNS_MOST; place++) {
        if (own_correct(&kept->slices[place], 0, (uint32_t)slice + 1)) {
            kept->are_some = true;
            return true;
        }
    }
    return false;
}

size_t kept_runs_take(struct kept_runs *kept)
{
    for (size_t place = KEPT_RUNS_MOST; place-- > 0;) {
        size_t slice = empty_place(kept, place);

        if (slice != SLICE_NONE) {
            kept->needed_from = place < kept->needed_from ? (uint32_t)place : kept->needed_from;
            return slice;
        }
    }
    return SLICE_NONE;
}

static void give_below(struct kept_runs *kept, size_t end)
{
    for (size_t place = 0; place < end; place++) {
        size_t slice = empty_place(kept, place);

        if (slice != SLICE_NONE) {
            slices_give(slice, 1);
        }
    }
}

/* A handler that adds one after the first step leaves the mark set. */
void kept_runs_look(struct kept_runs *kept)
{
    uint32_t end = kept->needed_from;

    if (!kept->are_some) {
        return;
    }
    kept->are_some = false;
    give_below(kept, end);
    kept->needed_from = KEPT_RUNS_MOST;
    if (end < KEPT_RUNS_MOST) {
        kept->are_some = true;
    }
}

void kept_runs_give(struct kept_runs *kept)
{
    give_below(kept, KEPT_RUNS_MOST);
}

size_t kept_runs_count(const struct kept_runs *kept)
{
    size_t count = 0;

    for (size_t place = 0; place < KEPT_RUNS_MOST; place++) {
        count += __atomic_load_n(&kept->slices[place], __ATOMIC_RELAXED) != 0;
    }
    return count;
}
