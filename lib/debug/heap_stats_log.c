/* SPDX-License-Identifier: Apache-2.0 */
/* Which thread has how much of a heap: what heaps tell goes into the books of heap_owners.c, and
 * comes out as a report.
 *
 *    sys_heap --note--> watch_*  -->  owners_add, owners_remove  -->  sys_heap_stats_log
 *
 * The watcher is added by the first quarry_heap_track, or before main if the library was built to
 * track every heap. It turns heaps that are not tracked away after a look at the few slots, without
 * the lock.
 *
 * A heap that begins under a tracked handle begins at zero in the same slot; one that ends
 * (quarry_heap_end) gives its slot back.
 *
 * Zephyr keeps owner and caller behind each block instead. A table beside the heap leaves addresses
 * and sizes as they are in every build, and can be started at any time. */
#include <zephyr/sys/sys_heap.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include <quarry/heap.h>

#include "core/note.h"
#include "core/sys_heap_walk.h"
#include "debug/event_lock.h"
#include "debug/heap_owners.h"
#include "os/fault.h"

static bool watching; /* guarded by EVENT_LOCK_STATS */

static _Thread_local bool in_interrupt; /* owner thread and its signal handlers only */

bool quarry_heap_track_interrupt(bool inside)
{
    bool before = in_interrupt;

    in_interrupt = inside;
    return before;
}

/* Enters the lock if the heap is tracked; else returns NULL. */
static struct owner_slot *enter_tracked(const struct sys_heap *heap, struct event_hold *hold)
{
    if (heap == NULL || owners_of(heap) == NULL || !event_lock_enter(EVENT_LOCK_STATS, hold)) {
        return NULL;
    }
    struct owner_slot *slot = owners_of(heap);
    if (slot == NULL) {
        event_lock_leave(EVENT_LOCK_STATS, hold);
    }
    return slot;
}

static void warn_untracked(const struct sys_heap *heap)
{
    struct line line = {.length = 0};

    line_add(&line, "quarry: heap statistics: no table is left, heap ");
    line_add_address(&line, heap);
    line_add(&line, " is not tracked");
    line_to_stderr(&line);
}

static void watch_begin(struct sys_heap *heap, void *mem, size_t bytes)
{
    struct event_hold hold;
    bool wanted = QUARRY_HEAP_STATS_LOGGING || owners_of(heap) != NULL;

    (void)mem;
    (void)bytes;
    if (wanted && event_lock_enter(EVENT_LOCK_STATS, &hold)) {
        bool started = owners_start(heap);

        event_lock_leave(EVENT_LOCK_STATS, &hold);
        if (!started) {
            warn_untracked(heap);
        }
    }
}

static void watch_cut(struct sys_heap *heap, void *end)
{
    struct event_hold hold;
    struct owner_slot *slot = end == heap->heap ? enter_tracked(heap, &hold) : NULL;

    if (slot != NULL) {
        owners_stop(slot);
        event_lock_leave(EVENT_LOCK_STATS, &hold);
    }
}

static void watch_alloc(struct sys_heap *heap, const struct note_block *block)
{
    struct event_hold hold;
    struct owner_slot *slot = enter_tracked(heap, &hold);

    if (slot != NULL) {
        owners_add(slot, block, in_interrupt);
        event_lock_leave(EVENT_LOCK_STATS, &hold);
    }
}

static void watch_resize(struct sys_heap *heap, const struct note_block *block,
                         size_t old_usable_bytes)
{
    struct event_hold hold;
    struct owner_slot *slot = enter_tracked(heap, &hold);

    if (slot != NULL) {
        owners_remove(slot, block->mem, old_usable_bytes);
        owners_add(slot, block, in_interrupt);
        event_lock_leave(EVENT_LOCK_STATS, &hold);
    }
}

static void watch_free(struct sys_heap *heap, const struct note_block *block)
{
    struct event_hold hold;
    struct owner_slot *slot = enter_tracked(heap, &hold);

    if (slot != NULL) {
        owners_remove(slot, block->mem, block->usable_bytes);
        event_lock_leave(EVENT_LOCK_STATS, &hold);
    }
}

static struct note_watcher watcher = {
    .begin = watch_begin,
    .cut = watch_cut,
    .alloc = watch_alloc,
    .resize = watch_resize,
    .free = watch_free,
};

/* The lock is held. False if there is no memory for the table. */
static bool start_watching(void)
{
    if (!watching && owners_make()) {
        watching = true;
        note_watch(&watcher);
    }
    return watching;
}

static bool add_used(const struct heap_chunk_view *chunk, void *arg)
{
    *(size_t *)arg += chunk->used ? chunk->mem_bytes : 0;
    return true;
}

/* The lock is held. */
static bool track(struct sys_heap *heap)
{
    if (!start_watching() || !owners_start(heap)) {
        return false;
    }
    heap_walk(heap, add_used, &owners_of(heap)->unknown_bytes);
    return true;
}

int quarry_heap_track(struct sys_heap *heap)
{
    struct event_hold hold;
    bool done = true;

    if (heap == NULL) {
        return -EINVAL;
    }
    event_lock_prepare(EVENT_LOCK_STATS, owners_mend);
    if (event_lock_enter(EVENT_LOCK_STATS, &hold)) {
        done = track(heap);
        event_lock_leave(EVENT_LOCK_STATS, &hold);
    }
    return done ? 0 : -ENOMEM;
}

#if QUARRY_HEAP_STATS_LOGGING
__attribute__((constructor)) static void track_every_heap(void)
{
    struct event_hold hold;

    event_lock_prepare(EVENT_LOCK_STATS, owners_mend);
    if (event_lock_enter(EVENT_LOCK_STATS, &hold)) {
        start_watching();
        event_lock_leave(EVENT_LOCK_STATS, &hold);
    }
}
#endif

void *sys_heap_get_caller(struct sys_heap *heap, void *mem)
{
    struct event_hold hold;
    const struct owner_slot *slot = enter_tracked(heap, &hold);

    if (slot == NULL) {
        return NULL;
    }
    const void *caller = owners_caller(slot, mem);
    event_lock_leave(EVENT_LOCK_STATS, &hold);
    return (void *)(uintptr_t)caller;
}

static void print_slot(const struct sys_heap *heap, const struct owner_slot *slot)
{
    bool empty = slot->interrupt_bytes == 0 && slot->unknown_bytes == 0;

    if (slot->interrupt_bytes != 0) {
        printf("heap %p: interrupts: %zu bytes\n", (const void *)heap, slot->interrupt_bytes);
    }
    if (slot->unknown_bytes != 0) {
        printf("heap %p: unknown threads: %zu bytes\n", (const void *)heap, slot->unknown_bytes);
    }
    for (int i = 0; i < OWNER_ROWS; i++) {
        const struct owner_row *row = &slot->rows[i];

        if (row->bytes != 0) {
            empty = false;
            printf("heap %p: thread %p (%s): %zu bytes\n", (const void *)heap, row->thread,
                   row->name, row->bytes);
        }
    }
    if (empty) {
        printf("heap %p: no allocations recorded\n", (const void *)heap);
    }
}

void sys_heap_stats_log(struct sys_heap *heap)
{
    struct event_hold hold;
    struct owner_slot copy;
    const struct owner_slot *slot = enter_tracked(heap, &hold);

    if (slot != NULL) {
        copy = *slot;
        event_lock_leave(EVENT_LOCK_STATS, &hold);
        print_slot(heap, &copy);
    } else if (heap != NULL) {
        printf("heap %p: not tracked\n", (const void *)heap);
    }
}
