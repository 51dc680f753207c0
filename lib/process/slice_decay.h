/* SPDX-License-Identifier: Apache-2.0 */
/* When memory that slices were given back with goes to the kernel: how many slices now. No lock;
 * any thread, any time. */
#ifndef QUARRY_PROCESS_SLICE_DECAY_H
#define QUARRY_PROCESS_SLICE_DECAY_H

#include <stddef.h>

/* So many slices are kept, which are fewer than before: others are in use again. */
void slice_decay_fewer_are_kept(size_t kept);

/* How many of so many slices that are kept are to go back in this call. */
size_t slice_decay_due(size_t kept);

/* So many of those that were due have gone, and are not kept any more. */
void slice_decay_gone(size_t slices);

#endif
