/* SPDX-License-Identifier: Apache-2.0 */
/* Who has how much of the heaps that are tracked. For heap_stats_log.c only. The caller of each
 * function holds EVENT_LOCK_STATS, unless said otherwise. */
#ifndef QUARRY_DEBUG_HEAP_OWNERS_H
#define QUARRY_DEBUG_HEAP_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <quarry/config.h>
#include <zephyr/sys/sys_heap.h>

#include "core/note.h"
#include "os/os.h"

#define OWNER_HEAPS QUARRY_HEAP_STATS_TRACKED_HEAPS
#define OWNER_ROWS  QUARRY_HEAP_STATS_MAX_TRACKED_THREADS

/* What one thread has. */
struct owner_row {
    const void *thread; /* os_thread_id; NULL: never used */
    char name[OS_THREAD_NAME_BYTES];
    size_t bytes;
};

/* One tracked heap. */
struct owner_slot {
    struct sys_heap *heap; /* NULL: free slot. Atomic, relaxed: who finds a heap enters the lock */
    size_t interrupt_bytes;
    size_t unknown_bytes;
    struct owner_row rows[OWNER_ROWS];
};

/* Maps the table of blocks. False if there is no memory. */
bool owners_make(void);

/* Brings everything into order in the child of a fork; also before owners_make. */
void owners_mend(void);

/* The slot of a heap, or NULL. Without the lock, too. */
struct owner_slot *owners_of(const struct sys_heap *heap);

/* Begins with a heap, or begins anew, at zero. False if there is no slot. */
bool owners_start(struct sys_heap *heap);
void owners_stop(struct owner_slot *slot);

/* A block of the slot's heap is the calling thread's now. */
void owners_add(struct owner_slot *slot, const struct note_block *block, bool in_interrupt);
/* A block of the slot's heap is nobody's any more; `bytes`: its usable size. */
void owners_remove(struct owner_slot *slot, const void *mem, size_t bytes);

/* Return address of the call that made a block of the slot's heap, or NULL. */
const void *owners_caller(const struct owner_slot *slot, const void *mem);

#endif
