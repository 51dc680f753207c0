/* SPDX-License-Identifier: Apache-2.0 */
/* What a slab has that processes share: who has which block, and repairs after a death. For any
 * other slab these do nothing. All but shared_slab_buffer and _places need the lock. */
#ifndef QUARRY_KERNEL_SHARED_SLAB_H
#define QUARRY_KERNEL_SHARED_SLAB_H

#include <zephyr/kernel/mem_slab.h>

#include "kernel/wait_queue.h"

/* The start of the memory that processes share. */
struct shared_slab {
    uint64_t kind; /* written last, so that nobody attaches to half of it */
    uint64_t bytes;
    struct k_mem_slab slab;
    uint64_t owners_offset; /* of int[num_blocks]: the process that has a block, or 0 */
    uint64_t buffer_offset;
    uint32_t deaths;  /* of processes that held the lock; atomic */
    uint32_t handing; /* 0, or 1 + the number of a block on its way to a waiter */
    struct waiter places[];
};

static inline struct shared_slab *shared_slab_of(const struct k_mem_slab *slab)
{
    return (struct shared_slab *)((uintptr_t)slab + (uintptr_t)slab->shared);
}

static inline char *shared_slab_buffer(const struct k_mem_slab *slab)
{
    struct shared_slab *shared = shared_slab_of(slab);

    return (char *)shared + shared->buffer_offset;
}

static inline struct waiter *shared_slab_places(const struct k_mem_slab *slab)
{
    return slab->shared == 0 ? NULL : shared_slab_of(slab)->places;
}

/* k_mem_slab_init without the queue. */
int k_mem_slab_set_up(struct k_mem_slab *slab, void *buffer, size_t block_size,
                      uint32_t num_blocks);

/* Any slab's queue. */
struct wait_queue k_mem_slab_queue(struct k_mem_slab *slab);

/* `block` belongs to a process from now on; 0: to nobody. */
void shared_slab_note_owner(const struct k_mem_slab *slab, uint32_t block, int process_id);
/* The calling process. */
int shared_slab_process(const struct k_mem_slab *slab);

/* Around a hand-over, which includes two changes: the owner, and what the waiter is told. */
void shared_slab_begin_handing(const struct k_mem_slab *slab, uint32_t block);
void shared_slab_end_handing(const struct k_mem_slab *slab);

/* A process has died with the lock. */
void shared_slab_mend(struct k_mem_slab *slab, const struct wait_queue *queue, struct stay *stay);

#endif
