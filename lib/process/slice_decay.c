/* SPDX-License-Identifier: Apache-2.0 */
/* Decay.
 *
 *    slices kept
 *     |   ____
 *     |  |    |__      ________
 *     |  |       |    |        |____                  what was kept at the lowest point of a
 *     |__|       |____|             |__ - - - -       window, nobody needed in all of it
 *     |               .             .
 *     |-- window -----|-- window ---|-- window --
 *                     due: 4 rows  --> gone
 *
 * Time is cut in windows, WINDOWS to a purge delay. The fewest slices that were kept at a time in a
 * window are those that the program could have done without, for the lowest free slices are taken
 * first. They go back in the course of the next window: at each call as many as have become due
 * since the one before. So whoever calls often gives little back at a time, memory that is used by
 * turns stays, and
 *
 *   1. what has not been needed for the purge delay is gone, if there were calls meanwhile.
 *
 * Calls come from every thread that allocates: with each MiB of large blocks, and with each list of
 * small ones that it begins, which are short while memory is kept (thread_cache.c). A list that a
 * thread began before has no more blocks than a slab, or two where others' are used again. From
 * then on
 *
 *   2. 512 allocations of one size by one thread, or large ones of a MiB in all, are a look, and
 *      one look after the delay gives MOST_AT_ONCE slices back, or all there are. The delay begins
 *      with a look.
 *
 * The few slices that a thread keeps for its own runs (kept_runs.c) are not among these; they come
 * to be with the second look after they were needed last. Blocks of others that extend a list
 * (cache_mail.c) do so no more once a look is due.
 *
 * Nobody asks for the time when memory is freed: with code and data of it out of the caches that
 * takes longer than all else free does. So a window ends, and another begins, with the first look
 * after its time; while nothing is kept nobody looks. What has come to be kept meanwhile is not due
 * in the window that the look begins, because less was kept before it.
 *
 * All is relaxed. Who loses a race makes a slice go a window too early or too late. */
#include "process/slice_decay.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "os/os.h"
#include "process/options.h"

/* One to see that memory is not needed, of which a part may have passed, and one to give it back.
 */
#define WINDOWS 3u

/* In one call, 16 MiB, whatever has become due. */
#define MOST_AT_ONCE 256u

static _Atomic(uint64_t) end_ns;     /* of the window */
static _Atomic(size_t) least_kept;   /* in this window so far */
static _Atomic(size_t) due_at_start; /* to go in this window */
static _Atomic(size_t) due;          /* of these, what has not gone yet */

static uint64_t window_ns(void)
{
    return options_purge_delay_ns() / WINDOWS;
}

static size_t load(const _Atomic(size_t) *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

static void store(_Atomic(size_t) *number, size_t value)
{
    atomic_store_explicit(number, value, memory_order_relaxed);
}

void slice_decay_fewer_are_kept(size_t kept)
{
    if (kept < load(&least_kept)) {
        store(&least_kept, kept);
    }
}

/* Of the thread that has ended the window before. What should have gone in that one goes first; if
 * it ended more than a window ago, that is all. */
static void begin_window(size_t kept, bool is_late)
{
    size_t unneeded = load(&least_kept);
    size_t left = is_late ? unneeded : load(&due);
    size_t overdue = left < unneeded ? left : unneeded;

    store(&least_kept, kept);
    store(&due_at_start, unneeded - overdue);
    store(&due, unneeded);
}

/* How many of those that are due may stay until later in the window. */
static size_t may_stay(uint64_t now_ns, uint64_t window_end_ns)
{
    uint64_t length_ns = window_ns();

    if (now_ns >= window_end_ns) {
        return 0;
    }
    uint64_t left_ns = window_end_ns - now_ns;
    return left_ns >= length_ns ? load(&due_at_start)
                                : (size_t)(load(&due_at_start) * left_ns / length_ns);
}

/* The end of the window that a time is in, which begins with this call if another has ended. */
static uint64_t window_at(uint64_t now_ns, size_t kept)
{
    uint64_t ended_ns = atomic_load_explicit(&end_ns, memory_order_relaxed);
    uint64_t next_end_ns = now_ns + window_ns();

    if (now_ns < ended_ns ||
        !atomic_compare_exchange_strong_explicit(&end_ns, &ended_ns, next_end_ns,
                                                 memory_order_relaxed, memory_order_relaxed)) {
        return ended_ns;
    }
    begin_window(kept, now_ns - ended_ns >= window_ns());
    return next_end_ns;
}

size_t slice_decay_due(size_t kept)
{
    if (kept == 0) {
        return 0;
    }
    uint64_t now_ns = os_now_ns();
    size_t stays = may_stay(now_ns, window_at(now_ns, kept));
    size_t left = load(&due);
    size_t goes = left > stays ? left - stays : 0;
    return goes < MOST_AT_ONCE ? goes : MOST_AT_ONCE;
}

static void take_from(_Atomic(size_t) *number, size_t slices)
{
    size_t left = load(number);

    store(number, left > slices ? left - slices : 0);
}

/* They are of those that nobody has needed in this window either. */
void slice_decay_gone(size_t slices)
{
    take_from(&due, slices);
    take_from(&least_kept, slices);
}
