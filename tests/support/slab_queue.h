/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for a block of a slab: tests make threads queue up one after the other without
 * sleeping, and look at what a slab is like when nobody uses it any more. */
#ifndef QUARRY_TESTS_SLAB_QUEUE_H
#define QUARRY_TESTS_SLAB_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <zephyr/kernel/mem_slab.h>

/* Threads that wait. */
size_t slab_waiters(struct k_mem_slab *slab);

/* Returns once that many threads wait. */
void await_slab_waiters(struct k_mem_slab *slab, size_t count);

/* Whether a slab that no thread is inside of is in order: nobody waits for it, no block is on its
 * way, as many blocks are in use as are said, and its stack is whole. */
bool slab_is_at_rest(struct k_mem_slab *slab, uint32_t num_used);

#endif
