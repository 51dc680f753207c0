/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Priority inheritance for the locks inside of slabs and heaps.
 *
 * While a thread with a real-time priority waits for such a lock, the thread that holds it runs
 * with that priority (PTHREAD_PRIO_INHERIT), so that no third thread comes between. It is off
 * unless asked for, since contended locks then cost a system call on both sides.
 *
 * A slab needs it only where threads wait for blocks: otherwise it takes no lock.
 *
 * Rules for both: Cost: O(1). Blocks: never. Threads: nobody may use the object meanwhile; so call
 * it right after the object was made, or at the start of main. Signals: not from a handler.
 * Source: Quarry.
 */
#ifndef QUARRY_PRIORITY_H_
#define QUARRY_PRIORITY_H_

#include <zephyr/kernel/kheap.h>
#include <zephyr/kernel/mem_slab.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/**
 * @param slab that nobody uses yet, and that is not shared
 * @return 0; -ENOTSUP iff the system cannot do it; -EINVAL iff the slab is shared
 */
int quarry_mem_slab_inherit_priority(struct k_mem_slab *slab);

/**
 * @param h a heap that nobody uses yet, and that is not shared
 * @return 0; -ENOTSUP iff the system cannot do it; -EINVAL iff the heap is shared
 */
int quarry_heap_inherit_priority(struct k_heap *h);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
