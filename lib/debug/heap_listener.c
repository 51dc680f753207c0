/* SPDX-License-Identifier: Apache-2.0 */
/* The list of heap listeners, and telling those whom an event concerns.
 *
 * One list in registration order, guarded by EVENT_LOCK_LISTENERS, under which callbacks run; so a
 * callback never runs beside another, nor after its listener was taken off. The first registration
 * adds a watcher to the heaps (core/note.h), which translates what heaps say into Zephyr's events.
 *
 * Most heap calls in a process with listeners concern none of them. They are turned away before the
 * lock by a set of 64 bits per kind of event, in which each listener's heap has the bit that its id
 * hashes to:
 *
 *    event of heap H  --->  bit of H in listened[kind]?  --no-->  done
 *                                        |
 *                                       yes  --->  lock, walk the list, call, unlock
 *
 * Invariants:
 *   1. The bit of every listener that is on the list is set.
 *   2. The list can be walked from its head after every single store (event_lock.c needs it); its
 *      tail is right only outside of the lock. */
#include <zephyr/sys/heap_listener.h>

#include <stdatomic.h>
#include <stdbool.h>

#include "core/check.h"
#include "core/note.h"
#include "debug/event_lock.h"

/* Guarded by EVENT_LOCK_LISTENERS. */
static sys_slist_t listeners;
static bool watching; /* heaps */

/* Invariant 1. Written under the lock; relaxed, because who finds a bit takes the lock, and nobody
 * may rely on being told of what happens while a listener is being added. */
static _Atomic(uint64_t) listened[HEAP_MAX_EVENTS];

/* Something that happened. */
struct happening {
    enum heap_event_types event;
    uintptr_t heap_id;
    void *mem; /* or the old end */
    size_t bytes;
    void *new_end;
};

static uint64_t bit_of(uintptr_t heap_id)
{
    return (uint64_t)1 << ((uint64_t)heap_id * 0x9e3779b97f4a7c15u >> 58);
}

/* sys_snode_t is the first member. */
static struct heap_listener *listener_of(sys_snode_t *node)
{
    return (struct heap_listener *)(void *)node;
}
_Static_assert(offsetof(struct heap_listener, node) == 0, "a node's address is its listener's");

/* Makes the sets of bits, and nothing else, what the list says. */
static void set_bits(void)
{
    uint64_t bits[HEAP_MAX_EVENTS] = {0};
    sys_snode_t *node;

    SYS_SLIST_FOR_EACH_NODE(&listeners, node)
    {
        struct heap_listener *listener = listener_of(node);

        if ((unsigned int)listener->event < HEAP_MAX_EVENTS) {
            bits[listener->event] |= bit_of(listener->heap_id);
        }
    }
    for (unsigned int event = 0; event < HEAP_MAX_EVENTS; event++) {
        atomic_store_explicit(&listened[event], bits[event], memory_order_relaxed);
    }
}

/* Invariant 2: the tail is found again. */
static void mend(void)
{
    sys_snode_t *node;

    listeners.tail = NULL;
    SYS_SLIST_FOR_EACH_NODE(&listeners, node)
    {
        listeners.tail = node;
    }
    set_bits();
}

static void call(const struct heap_listener *listener, const struct happening *what)
{
    if (what->event == HEAP_ALLOC && listener->alloc_cb != NULL) {
        listener->alloc_cb(what->heap_id, what->mem, what->bytes);
    } else if (what->event == HEAP_FREE && listener->free_cb != NULL) {
        listener->free_cb(what->heap_id, what->mem, what->bytes);
    } else if (what->event == HEAP_RESIZE && listener->resize_cb != NULL) {
        listener->resize_cb(what->heap_id, what->mem, what->new_end);
    }
}

static bool somebody_listens(const struct happening *what)
{
    uint64_t bits = atomic_load_explicit(&listened[what->event], memory_order_relaxed);

    return (bits & bit_of(what->heap_id)) != 0;
}

static void tell(const struct happening *what)
{
    struct event_hold hold;
    sys_snode_t *node;

    if (!somebody_listens(what) || !event_lock_enter(EVENT_LOCK_LISTENERS, &hold)) {
        return;
    }
    SYS_SLIST_FOR_EACH_NODE(&listeners, node)
    {
        const struct heap_listener *listener = listener_of(node);

        if (listener->event == what->event && listener->heap_id == what->heap_id) {
            call(listener, what);
        }
    }
    event_lock_leave(EVENT_LOCK_LISTENERS, &hold);
}

void heap_listener_notify_alloc(uintptr_t heap_id, void *mem, size_t bytes)
{
    tell(&(struct happening){.event = HEAP_ALLOC, .heap_id = heap_id, .mem = mem, .bytes = bytes});
}

void heap_listener_notify_free(uintptr_t heap_id, void *mem, size_t bytes)
{
    tell(&(struct happening){.event = HEAP_FREE, .heap_id = heap_id, .mem = mem, .bytes = bytes});
}

void heap_listener_notify_resize(uintptr_t heap_id, void *old_heap_end, void *new_heap_end)
{
    tell(&(struct happening){
        .event = HEAP_RESIZE, .heap_id = heap_id, .mem = old_heap_end, .new_end = new_heap_end});
}

static void watch_extend(struct sys_heap *heap, void *mem, size_t bytes)
{
    heap_listener_notify_resize(HEAP_ID_FROM_POINTER(heap), mem, (char *)mem + bytes);
}

static void watch_cut(struct sys_heap *heap, void *end)
{
    heap_listener_notify_resize(HEAP_ID_FROM_POINTER(heap), NULL, end);
}

static void watch_alloc(struct sys_heap *heap, const struct note_block *block)
{
    heap_listener_notify_alloc(HEAP_ID_FROM_POINTER(heap), block->mem, block->usable_bytes);
}

static void watch_resize(struct sys_heap *heap, const struct note_block *block,
                         size_t old_usable_bytes)
{
    if (block->usable_bytes != old_usable_bytes) {
        heap_listener_notify_alloc(HEAP_ID_FROM_POINTER(heap), block->mem, block->usable_bytes);
        heap_listener_notify_free(HEAP_ID_FROM_POINTER(heap), block->mem, old_usable_bytes);
    }
}

static void watch_free(struct sys_heap *heap, const struct note_block *block)
{
    heap_listener_notify_free(HEAP_ID_FROM_POINTER(heap), block->mem, block->usable_bytes);
}

static struct note_watcher watcher = {
    .extend = watch_extend,
    .cut = watch_cut,
    .alloc = watch_alloc,
    .resize = watch_resize,
    .free = watch_free,
};

/* Takes the lock for a change of the list. */
static void enter(struct event_hold *hold)
{
    bool entered = event_lock_enter(EVENT_LOCK_LISTENERS, hold);

    REQUIRE(entered, "heap listener is registered or unregistered inside of a callback", NULL,
            NULL);
}

static bool is_listed(const struct heap_listener *listener)
{
    sys_snode_t *node;

    SYS_SLIST_FOR_EACH_NODE(&listeners, node)
    {
        if (node == &listener->node) {
            return true;
        }
    }
    return false;
}

static void append(struct heap_listener *listener)
{
    listener->node.next = NULL;
    atomic_signal_fence(memory_order_seq_cst); /* invariant 2 */
    sys_slist_append(&listeners, &listener->node);
    set_bits();
}

void heap_listener_register(struct heap_listener *listener)
{
    struct event_hold hold;

    if (listener == NULL) {
        return;
    }
    event_lock_prepare(EVENT_LOCK_LISTENERS, mend);
    enter(&hold);
    if (!is_listed(listener)) {
        append(listener);
    }
    if (!watching) {
        watching = true;
        note_watch(&watcher);
    }
    event_lock_leave(EVENT_LOCK_LISTENERS, &hold);
}

void heap_listener_unregister(struct heap_listener *listener)
{
    struct event_hold hold;

    if (listener == NULL) {
        return;
    }
    enter(&hold);
    sys_slist_find_and_remove(&listeners, &listener->node);
    set_bits();
    event_lock_leave(EVENT_LOCK_LISTENERS, &hold);
}
