/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/sys/heap_listener.h>
#include "catalogue.h"

static char memory[8];

static void hear_block(uintptr_t heap_id, void *mem, size_t bytes)
{
    (void)heap_id, (void)mem, (void)bytes;
}

static void hear_resize(uintptr_t heap_id, void *old_heap_end, void *new_heap_end)
{
    (void)heap_id, (void)old_heap_end, (void)new_heap_end;
}

static HEAP_LISTENER_ALLOC_DEFINE(alloc_listener, HEAP_ID_FROM_POINTER(memory), hear_block);
static HEAP_LISTENER_FREE_DEFINE(free_listener, HEAP_ID_FROM_POINTER(memory), hear_block);
static HEAP_LISTENER_RESIZE_DEFINE(resize_listener, HEAP_ID_LIBC, hear_resize);

static bool is_for(const struct heap_listener *listener, enum heap_event_types event,
                   uintptr_t heap_id)
{
    return listener->event == event && listener->heap_id == heap_id;
}

void catalogue_heap_listener(void)
{
    const uintptr_t id = HEAP_ID_FROM_POINTER(memory);
    const struct entry entries[] = {
        TYPE(struct heap_listener),
        TYPE(sys_snode_t),
        TYPE(heap_listener_resize_cb_t),
        TYPE(heap_listener_alloc_cb_t),
        TYPE(heap_listener_free_cb_t),
        TYPE(enum heap_event_types),
        MACRO(HEAP_EVT_UNKNOWN, HEAP_EVT_UNKNOWN == 0),
        MACRO(HEAP_RESIZE, HEAP_RESIZE == 1),
        MACRO(HEAP_ALLOC, HEAP_ALLOC == 2),
        MACRO(HEAP_FREE, HEAP_FREE == 3),
        MACRO(HEAP_REALLOC, HEAP_REALLOC == 4),
        MACRO(HEAP_MAX_EVENTS, HEAP_MAX_EVENTS == 5),
        MACRO(HEAP_LISTENER_ALLOC_DEFINE,
              is_for(&alloc_listener, HEAP_ALLOC, id) && alloc_listener.alloc_cb == hear_block),
        MACRO(HEAP_LISTENER_FREE_DEFINE,
              is_for(&free_listener, HEAP_FREE, id) && free_listener.free_cb == hear_block),
        MACRO(HEAP_LISTENER_RESIZE_DEFINE, is_for(&resize_listener, HEAP_RESIZE, HEAP_ID_LIBC) &&
                                               resize_listener.resize_cb == hear_resize),
        MACRO(HEAP_ID_FROM_POINTER, HEAP_ID_FROM_POINTER(memory) == (uintptr_t)memory),
        MACRO(HEAP_ID_LIBC, HEAP_ID_LIBC == 0),
        FUNCTION(heap_listener_register),
        FUNCTION(heap_listener_unregister),
        FUNCTION(heap_listener_notify_alloc),
        FUNCTION(heap_listener_notify_free),
        FUNCTION(heap_listener_notify_resize),
    };

    CATALOGUE(entries);
}
