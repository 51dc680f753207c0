/* SPDX-License-Identifier: Apache-2.0 */
/* The window.
 *
 *    addresses: ... | window       | window       | window       | ...         512 GiB each
 *                     ^ A            ^ B   [the range]
 *                      \            /
 *    table:           | d |                               a descriptor for each place of a window
 *
 * Whether an address is in the range takes a subtraction and a comparison, and where its descriptor
 * is, a shift, another one and an addition. free does without the first two: it takes the
 * descriptor at the address's place in whatever window it is in, which can be read in any case, and
 * finds out with a comparison that is needed anyway. For the owner of a slab is noted as its thread
 * pointer plus the number of the window that the range is in; and free expects the sum of its own
 * thread's pointer and the number of the address's window. That is the same only if both are: two
 * threads' pointers are further apart than there are windows, because each has the C library's
 * description of its thread behind it.
 *
 * A pointer with bits above the 47 of user space, which nobody was ever given, may be as far off as
 * threads are from each other. To be taken for a block of one of the calling thread's slabs its
 * upper bits must then be the difference from another thread to the byte, and its lower ones a
 * slice of that one's; and the first access to it faults.
 *
 * The table is address space that reads as zeros, and takes memory only where the range's part of
 * it is written to. A range that is small, since the process may not have more address space, has a
 * table of its own size: then the window is closed, which means that all addresses lead to one
 * descriptor that nobody ever has, and free goes the long way, where the range is compared with. So
 * it is in the hardened library, whose free has more to look at. Once open, a window closes before
 * the process is to have less address space. A free that has just computed an address in the table
 * would not notice: so that is for processes with one thread. */
#include "process/slice_window.h"

#include "os/sync.h"

static struct slab nobody;

struct slice_window slice_window = {(char *)&nobody, 0};

static uintptr_t number_of(uintptr_t address)
{
    return address >> SLICE_WINDOW_SHIFT;
}

bool slice_window_holds(const void *start, size_t bytes)
{
    uintptr_t before = (uintptr_t)start - 1;

    return number_of(before) == number_of(before + bytes);
}

bool slice_window_is_open(void)
{
    return READ_RELAXED(slice_window.mask) != 0;
}

void slice_window_open(void *table)
{
    slice_window.table = table;
    __atomic_store_n(&slice_window.mask, SLICE_WINDOW_OPEN_MASK, __ATOMIC_RELEASE);
}

bool slice_window_close(void)
{
    if (!sync_is_alone()) {
        return false;
    }
    __atomic_store_n(&slice_window.mask, 0, __ATOMIC_RELEASE);
    return true;
}
