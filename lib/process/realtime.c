/* SPDX-License-Identifier: Apache-2.0 */
/* The real-time mode: no call waits for the system.
 *
 *    QUARRY_OPTIONS=rt=1,reserve=256m
 *
 * When a program starts, memory for all its blocks is taken from the system, with the library's own
 * code and variables; its pages are made to be there, and locked (slice_reserve.c). From then on,
 * as long as the reserve suffices, no call makes a system call or faults, and each does a bounded
 * amount of work (REALTIME.md).
 *
 *   1. Nothing goes back to the system (slices.c), so nothing must be fetched again.
 *   2. Caches of threads come out of the reserve, but for the main thread's (cache_life.c).
 *   3. What threads leave to each other is put in order in small portions (orphans.c,
 *      thread_cache.c).
 *   4. When the reserve does not suffice, that is counted, and more is taken from the system; or
 *      the call fails (exhausted=fail).
 *
 * Not promised: what happens before the library's constructor runs; the child of a fork, whose
 * pages are shared with its parent until one of them writes, and which has no locked memory, nor
 * the parent until it has its pages for itself again; and memory other than the allocator's. */
#include "process/realtime.h"

#include <errno.h>
#include <quarry/malloc.h>

#include "os/fault.h"
#include "os/os.h"
#include "process/options.h"
#include "process/slice_reserve.h"
#include "process/thread_cache.h"

/* More blocks than a slab of theirs has, and one of some slices. */
#define REHEARSED_BLOCKS      20u
#define REHEARSED_BYTES       ((size_t)8 << 10)
#define REHEARSED_LARGE_BYTES ((size_t)200 << 10)

/* This thread gets its cache, what the C library's functions do first is done, and the long ways of
 * malloc and free are gone once: slabs are made and given back. Their code, which nobody has run
 * since the reserve's pages were made, would have to come from memory else when the program gets
 * there. Measured, the first free that gives a slab back: 0.75 to 0.4 us. */
static void rehearse(void)
{
    void *blocks[REHEARSED_BLOCKS];

    quarry_free(quarry_malloc(1));
    for (size_t i = 0; i < REHEARSED_BLOCKS; i++) {
        blocks[i] = quarry_malloc(REHEARSED_BYTES);
    }
    for (size_t i = 0; i < REHEARSED_BLOCKS; i++) {
        quarry_free(blocks[i]);
    }
    quarry_free(quarry_malloc(REHEARSED_LARGE_BYTES));
    thread_cache_trim(); /* no slab stays behind */
}

void realtime_begin(void)
{
    if (!options_rt()) {
        return;
    }
    int reserve = slice_reserve_make(options_reserve_bytes());
    int image = os_lock_image();

    if (reserve == -ENOMEM || image == -ENOMEM) {
        line_complain("rt=1: ", "there is not enough memory for the reserve");
    } else if (reserve != 0 || image != 0) {
        line_complain("rt=1: ",
                      "the reserve is not locked, for the system refuses (RLIMIT_MEMLOCK)");
    }
    rehearse();
}
