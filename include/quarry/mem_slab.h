/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What Quarry's memory slabs offer beyond Zephyr's API: a look at all of one, and an end.
 *
 * Rules for both: Blocks: never. Threads: nobody may use the slab meanwhile. Signals: not from a
 * handler that may have interrupted a call on the slab. Source: Quarry.
 */
#ifndef QUARRY_MEM_SLAB_H_
#define QUARRY_MEM_SLAB_H_

#include <stdbool.h>
#include <zephyr/kernel/mem_slab.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/**
 * Tells whether a slab's list of free blocks is whole.
 *
 * @param slab a slab; quarry_shared_slab_validate is for those that processes share
 * @return true iff the list has each free block once, and no other
 *
 * Cost: O(free blocks).
 */
bool quarry_mem_slab_validate(struct k_mem_slab *slab);

/**
 * Ends a slab: its buffer is ordinary memory again, and has no value.
 *
 * Without a memory checker nothing but the slab changes. Under AddressSanitizer or Valgrind a
 * slab's buffer is off limits save for the blocks in use, until the slab ends. So call this before
 * the buffer is used otherwise, and before one on the stack goes out of scope; a buffer of malloc
 * may be freed as it is.
 *
 * @param slab of which no block is in use any more. It has no blocks afterwards
 *
 * Cost: O(1).
 */
void quarry_mem_slab_end(struct k_mem_slab *slab);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
