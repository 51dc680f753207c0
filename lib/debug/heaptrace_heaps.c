/* SPDX-License-Identifier: Apache-2.0 */
/* Boundaries of heaps, in a short array, and changes of size, in a ring that keeps the latest:
 *
 *    resizes[]   | 5th | 6th | 3rd | 4th |      room for 4, 6 were recorded
 *                              ^ the oldest is the one at `recorded` modulo the room */
#include "debug/heaptrace_heaps.h"

#include <stddef.h>
#include <stdint.h>

#include <zephyr/sys/heap_listener.h>

#include "debug/event_lock.h"
#include "debug/heaptrace_capture.h"

/* A program that makes heaps by hand has a few. The arenas of quarry_malloc have one for each 16
 * MiB, and those in front tell where they are. */
#define MAX_HEAPS 16u

#define RESIZE_ROOM ((size_t)CONFIG_HEAPTRACE_MAX_RESIZE_RECORDS)

/* Both guarded by EVENT_LOCK_TRACE. A copy of the process that has a torn entry has it for good; it
 * is looked at by people only. */
static struct heaptrace_heap heaps[MAX_HEAPS]; /* end NULL: free */
static struct {
    struct heaptrace_resize_record ring[RESIZE_ROOM];
    size_t recorded; /* ever, since they were forgotten */
} resizes;

/* The entry of a heap, else a free one, else NULL. */
static struct heaptrace_heap *entry_of(uintptr_t heap_id)
{
    struct heaptrace_heap *unused = NULL;

    for (size_t i = 0; i < MAX_HEAPS; i++) {
        if (heaps[i].end == NULL) {
            unused = unused != NULL ? unused : &heaps[i];
        } else if (heaps[i].heap_id == heap_id) {
            return &heaps[i];
        }
    }
    return unused;
}

void heaptrace_heaps_begin(uintptr_t heap_id, void *start, void *end)
{
    struct heaptrace_heap *entry = entry_of(heap_id);

    if (entry != NULL) {
        *entry = (struct heaptrace_heap){heap_id, start, end};
    }
}

void heaptrace_heaps_end(uintptr_t heap_id)
{
    struct heaptrace_heap *entry = entry_of(heap_id);

    if (entry != NULL) {
        *entry = (struct heaptrace_heap){0};
    }
}

void heaptrace_heaps_resize(uintptr_t heap_id, void *old_end, void *new_end)
{
    struct heaptrace_heap *entry = entry_of(heap_id);

    if (entry != NULL && old_end == NULL) {
        old_end = entry->end;
    }
    resizes.ring[resizes.recorded % RESIZE_ROOM] =
        (struct heaptrace_resize_record){heap_id, old_end, new_end, heaptrace_now_ms()};
    resizes.recorded++;
    if (entry != NULL) {
        void *start = entry->end != NULL ? entry->start : NULL;

        *entry = (struct heaptrace_heap){heap_id, start, new_end};
    }
}

void heaptrace_heaps_forget_resizes(void)
{
    resizes.recorded = 0;
}

/* Copies the first change that is the nth or a later one and still there, and makes *nth its
 * number. False iff there is none. */
static bool copy_resize(size_t *nth, struct heaptrace_resize_record *copy)
{
    struct event_hold hold;

    if (!event_lock_enter(EVENT_LOCK_TRACE, &hold)) {
        return false;
    }
    size_t recorded = resizes.recorded;
    size_t oldest = recorded > RESIZE_ROOM ? recorded - RESIZE_ROOM : 0;

    *nth = *nth < oldest ? oldest : *nth;
    *copy = resizes.ring[*nth % RESIZE_ROOM];
    event_lock_leave(EVENT_LOCK_TRACE, &hold);
    return *nth < recorded;
}

void heaptrace_foreach_resize(heaptrace_resize_cb_t cb, void *user_data)
{
    struct heaptrace_resize_record copy;

    for (size_t nth = 0; copy_resize(&nth, &copy); nth++) {
        if (!cb(&copy, user_data)) {
            return;
        }
    }
}

static struct heaptrace_heap copy_heap(size_t i)
{
    struct event_hold hold;
    struct heaptrace_heap copy = {0};

    if (event_lock_enter(EVENT_LOCK_TRACE, &hold)) {
        copy = heaps[i];
        event_lock_leave(EVENT_LOCK_TRACE, &hold);
    }
    return copy;
}

void heaptrace_foreach_heap(heaptrace_heap_cb_t cb, void *user_data)
{
    for (size_t i = 0; i < MAX_HEAPS; i++) {
        struct heaptrace_heap copy = copy_heap(i);

        if (copy.end != NULL && !cb(&copy, user_data)) {
            return;
        }
    }
}

const char *heaptrace_heap_id_to_name(uintptr_t heap_id)
{
    return heap_id == HEAP_ID_LIBC ? "libc" : "sys_heap";
}
