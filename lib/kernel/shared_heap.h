/* SPDX-License-Identifier: Apache-2.0 */
/* What a k_heap has that processes share: a ledger of its blocks, who has them, and repairs after a
 * death. The functions that say nothing else need the lock, and a heap that is shared. */
#ifndef QUARRY_KERNEL_SHARED_HEAP_H
#define QUARRY_KERNEL_SHARED_HEAP_H

#include <zephyr/kernel/kheap.h>

#include "kernel/wait_queue.h"

/* The start of the memory that processes share. */
struct shared_heap {
    uint64_t kind; /* written last, so that nobody attaches to half of it */
    uint64_t bytes;
    uint64_t heap_bytes;
    uint64_t ledger_offset;
    uint64_t heap_offset;
    uint64_t handing; /* what is on its way to a waiter: HANDING_, or the block's offset */
    uint32_t deaths;  /* of processes that held the lock */
    _wait_q_t waiters;
    struct waiter places[];
};

/* Serves who waits and can be served. */
void k_heap_serve(const struct wait_queue *queue, struct stay *stay);
/* Any k_heap's queue. */
struct wait_queue k_heap_queue(struct k_heap *h);

static inline _wait_q_t *shared_heap_waiters(const struct k_heap *h)
{
    return &h->shared->waiters;
}

static inline struct waiter *shared_heap_places(const struct k_heap *h)
{
    return h->shared->places;
}

/* Bytes of a block that are not the user's; 0 if the heap is not shared. */
size_t shared_heap_extra_bytes(const struct k_heap *h);

/* The calling process; 0 if the heap is not shared. */
int shared_heap_process(const struct k_heap *h);

/* What a process gets for a request now, or NULL; `block` changes its size, unless it is NULL. */
void *shared_heap_meet(struct k_heap *h, void *block, const struct wait_request *request,
                       int process_id);
void shared_heap_free(struct k_heap *h, void *mem);

/* Around an allocation in a waiter's name and telling the waiter. Any heap. */
void shared_heap_begin_handing(const struct wait_queue *queue);
void shared_heap_end_handing(const struct wait_queue *queue);

/* A process has died with the lock. */
void shared_heap_mend(const struct wait_queue *queue);

#endif
