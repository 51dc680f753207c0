/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * heap_listener: calls back when blocks are allocated and freed, and when heaps change their size.
 *
 * A listener waits for one kind of event in one heap. Listeners are called in the order in which
 * they were registered, one at a time in the whole process, by the thread that caused the event.
 *
 * Every sys_heap tells, with HEAP_ID_FROM_POINTER(its struct sys_heap) as its id and usable bytes
 * as sizes:
 *
 *   | call                    | events                                                          |
 *   |-------------------------|-----------------------------------------------------------------|
 *   | successful allocation   | HEAP_ALLOC, after it                                            |
 *   | free                    | HEAP_FREE, before it: the block may still be looked at          |
 *   | realloc in place        | HEAP_ALLOC with the new size, then HEAP_FREE with the old size, |
 *   |                         | both of the same block; nothing if the size did not change      |
 *   | realloc that moves      | HEAP_ALLOC of the new block, then HEAP_FREE of the old one      |
 *   | growing, shrinking      | HEAP_RESIZE; only heaps of Quarry's own malloc do that. When it |
 *   |                         | shrinks, the old end is told as NULL                            |
 *   | quarry_heap_end         | HEAP_RESIZE, from NULL to the heap's start; none of its blocks  |
 *
 * Memory blocks tell as <zephyr/sys/mem_blocks.h> says; other allocators may tell, by the
 * heap_listener_notify functions.
 *
 * Inside of a callback: signals are blocked, but for those that a faulting instruction raises, and
 * a lock of the library is held, besides the lock, if any, of the heap. A callback must return
 * soon, must not call heap_listener_register or _unregister, and must not wait for anybody: so it
 * must not use malloc, nor a heap that has a lock, for whoever holds that lock may be waiting to
 * tell. It may use a heap of its own; what happens in a callback is told to nobody.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Threads: any; calls are serialised.
 * Signals: the notify functions, and so all calls of heaps that are listened to, may be called from
 *          a signal handler whatever it interrupted. The events of a handler for SIGSEGV and the
 *          like that interrupted a callback are lost. The other two may not be called from one.
 * Fork:    in the child the same listeners are registered. A listener that another thread was just
 *          adding or removing may be there or not.
 * Source:  Zephyr's <zephyr/sys/heap_listener.h>.
 */
#ifndef ZEPHYR_INCLUDE_SYS_HEAP_LISTENER_H_
#define ZEPHYR_INCLUDE_SYS_HEAP_LISTENER_H_

#include <stddef.h>
#include <stdint.h>
#include <zephyr/autoconf.h>
#include <zephyr/sys/slist.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** What may happen. */
enum heap_event_types {
    HEAP_EVT_UNKNOWN = 0, /**< never told */
    HEAP_RESIZE,          /**< a heap's end moved */
    HEAP_ALLOC,           /**< a block was allocated */
    HEAP_FREE,            /**< a block is about to be freed */
    HEAP_REALLOC,         /**< never told: a realloc is told as HEAP_ALLOC and HEAP_FREE */
    HEAP_MAX_EVENTS       /**< number of kinds */
};

/**
 * Hears of HEAP_RESIZE.
 *
 * @param heap_id      the heap
 * @param old_heap_end address behind the last byte that it had; NULL if the teller does not know
 * @param new_heap_end address behind the last byte that it has now
 */
typedef void (*heap_listener_resize_cb_t)(uintptr_t heap_id, void *old_heap_end,
                                          void *new_heap_end);

/**
 * Hears of HEAP_ALLOC.
 *
 * @param heap_id the heap
 * @param mem     the block
 * @param bytes   its size
 */
typedef void (*heap_listener_alloc_cb_t)(uintptr_t heap_id, void *mem, size_t bytes);

/**
 * Hears of HEAP_FREE.
 *
 * @param heap_id the heap
 * @param mem     the block
 * @param bytes   its size
 */
typedef void (*heap_listener_free_cb_t)(uintptr_t heap_id, void *mem, size_t bytes);

/** One listener. Must stay in place and unchanged while it is registered. */
struct heap_listener {
    sys_snode_t node;            /**< the library's */
    uintptr_t heap_id;           /**< the heap to listen to */
    enum heap_event_types event; /**< the events to hear of; one that is never told is allowed */
    union {
        heap_listener_alloc_cb_t alloc_cb;   /**< for HEAP_ALLOC; NULL: not called */
        heap_listener_free_cb_t free_cb;     /**< for HEAP_FREE; NULL: not called */
        heap_listener_resize_cb_t resize_cb; /**< for HEAP_RESIZE; NULL: not called */
    };
};

/** The id of a heap that is known by an address, such as that of its struct sys_heap. */
#define HEAP_ID_FROM_POINTER(heap_pointer) ((uintptr_t)(heap_pointer))

/** The id of the C library's heap. The library itself tells nothing under this id. */
#define HEAP_ID_LIBC ((uintptr_t)0)

/** @cond internal */
/* How a union is initialised by a member that is not the first, which C++ has no words for. */
#ifdef __cplusplus
#define Z_HEAP_RESIZE_CB_(resize_cb)                                                               \
    reinterpret_cast<heap_listener_alloc_cb_t>(                                                    \
        reinterpret_cast<void (*)(void)>(static_cast<heap_listener_resize_cb_t>(resize_cb)))
#else
#define Z_HEAP_RESIZE_CB_(callback) .resize_cb = (callback)
#endif
#define Z_HEAP_LISTENER_(name, _heap_id, _event, _callback)                                        \
    struct heap_listener name = {{NULL}, (_heap_id), _event, {_callback}}
/** @endcond */

/** Defines a variable `name`: a listener for allocations from a heap. */
#define HEAP_LISTENER_ALLOC_DEFINE(name, _heap_id, _alloc_cb)                                      \
    Z_HEAP_LISTENER_(name, _heap_id, HEAP_ALLOC, (_alloc_cb))

/** Defines a variable `name`: a listener for frees in a heap. */
#define HEAP_LISTENER_FREE_DEFINE(name, _heap_id, _free_cb)                                        \
    Z_HEAP_LISTENER_(name, _heap_id, HEAP_FREE, (_free_cb))

/** Defines a variable `name`: a listener for changes of a heap's size. */
#define HEAP_LISTENER_RESIZE_DEFINE(name, _heap_id, _resize_cb)                                    \
    Z_HEAP_LISTENER_(name, _heap_id, HEAP_RESIZE, Z_HEAP_RESIZE_CB_(_resize_cb))

/**
 * Adds a listener behind those that are there.
 *
 * @param listener the listener; NULL, and one that is registered already, have no effect
 *
 * Cost:   O(number of listeners). From the first registration on, every heap call in the process
 *         costs a few loads more, and one that is listened to two system calls and the callbacks.
 *         Heaps are told apart by a hash of their ids, so a heap now and then pays for another's.
 * Blocks: while a callback runs.
 * Owner:  the caller keeps the listener, and may free it once it is unregistered.
 * Misuse: a call from inside a callback is reported on standard error, and the program aborts.
 * Differs from Zephyr: registering twice breaks the list there.
 */
void heap_listener_register(struct heap_listener *listener);

/**
 * Takes a listener off. When it returns, its callback does not run any more in any thread.
 *
 * @param listener the listener; NULL, and one that is not registered, have no effect
 *
 * Cost:   O(number of listeners).
 * Blocks: while a callback runs.
 * Owner:  the caller may free or reuse the listener from now on.
 * Misuse: a call from inside a callback is reported on standard error, and the program aborts.
 */
void heap_listener_unregister(struct heap_listener *listener);

/**
 * Tells that a block was allocated, for allocators that are no sys_heap.
 *
 * @param heap_id the allocator
 * @param mem     the block
 * @param bytes   its size in bytes
 *
 * Cost:   a load and a branch if nobody listens; else two system calls, O(number of listeners).
 * Blocks: while a callback runs in another thread.
 * Misuse: a call from inside a callback is told to nobody.
 */
void heap_listener_notify_alloc(uintptr_t heap_id, void *mem, size_t bytes);

/**
 * Tells that a block is about to be freed; else as heap_listener_notify_alloc.
 *
 * @param heap_id the allocator
 * @param mem     the block
 * @param bytes   its size in bytes
 */
void heap_listener_notify_free(uintptr_t heap_id, void *mem, size_t bytes);

/**
 * Tells that a heap's end moved; else as heap_listener_notify_alloc.
 *
 * @param heap_id      the allocator
 * @param old_heap_end address behind the last byte that it had
 * @param new_heap_end address behind the last byte that it has now
 *
 * Differs from Zephyr: there the C library's sbrk calls it; here nobody but growable heaps does.
 */
void heap_listener_notify_resize(uintptr_t heap_id, void *old_heap_end, void *new_heap_end);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
