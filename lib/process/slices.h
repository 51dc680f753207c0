/* SPDX-License-Identifier: Apache-2.0 */
/* Slices: what slabs and runs are made of, and the caches of the real-time mode. No lock: any
 * thread, any signal handler, any time. */
#ifndef QUARRY_PROCESS_SLICES_H
#define QUARRY_PROCESS_SLICES_H

#include <stdbool.h>
#include <stddef.h>

#include "process/slice_range.h"

struct census;

/* Reserves their range. False if there is none: then no slice can be had. Once, before anything
 * else. In the child of a fork the bits stay as they are: to mend them takes a look at all slices.
 * What another thread was about to take or to give is lost at worst. */
bool slices_reserve(void);

#define SLICE_NONE SIZE_MAX

/* Takes so many neighbouring slices; returns the number of the first, or SLICE_NONE. Their contents
 * are undefined, their descriptors as they were left, zero at first. */
size_t slices_take(size_t count);

/* The same, and their contents are zeros. */
size_t slices_take_zeroed(size_t count);

/* Takes those slices, if nobody has any of them, nor are they beyond the reserve. */
bool slices_take_at(size_t slice, size_t count);

/* Gives back slices whose memory has gone: it is zeros, and nobody has touched it since. */
void slices_give_untouched(size_t slice, size_t count);

/* Gives them back. Their memory stays for whoever takes them next, and goes to the kernel when
 * nobody has for the purge delay; at once if that is 0, or if so much is not worth keeping; never
 * if there is a reserve. */
void slices_give(size_t slice, size_t count);

/* Whether memory waits to go back: then who allocates is to call what follows. */
bool slices_wait(void);

/* To be called now and then by who allocates, without a lock: gives back to the kernel what is due.
 */
void slices_purge_if_due(void);

/* Gives the memory of free slices to the kernel now; returns its bytes. */
size_t slices_purge(void);

/* Slices that are taken. */
size_t slices_in_use(void);

/* Adds the slices' part. */
void slices_count(struct census *census);

#endif
