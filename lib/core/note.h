/* SPDX-License-Identifier: Apache-2.0 */
/* What a heap tells those who watch heaps: memory checkers, listeners, tracers. Without a watcher,
 * a note costs a load and a branch.
 *
 * Every call that changes a heap is bracketed: note_enter, the work, what happened, note_leave.
 * Between the two the heap touches its own headers, which nobody else may. Watchers are told in the
 * order in which they came, and must not call back into the heap. */
#ifndef QUARRY_CORE_NOTE_H
#define QUARRY_CORE_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <zephyr/sys/sys_heap.h>

/* A block that something happens to. */
struct note_block {
    void *mem;
    size_t bytes;        /* size that was asked for; in `free` and `copied`: as usable_bytes */
    size_t usable_bytes; /* size that the block has */
    const void *caller;  /* return address of the call that asked; NULL in `free` and `copied` */
};

/* A function that is NULL is not called. Each runs in the thread of the heap call, under the lock,
 * if any, that the heap's owner holds. */
struct note_watcher {
    struct note_watcher *next; /* of note_watch */
    void (*enter)(void);
    void (*leave)(void);
    /* The heap, new or not, now owns these bytes as well, and no block lies in them. */
    void (*begin)(struct sys_heap *heap, void *mem, size_t bytes);
    void (*extend)(struct sys_heap *heap, void *mem, size_t bytes);
    /* The heap owns nothing from `end` on any more; nothing at all if end is heap->heap. */
    void (*cut)(struct sys_heap *heap, void *end);
    /* A block was made. */
    void (*alloc)(struct sys_heap *heap, const struct note_block *block);
    /* A block stays where it is, and had old_usable_bytes before. */
    void (*resize)(struct sys_heap *heap, const struct note_block *block, size_t old_usable_bytes);
    /* The heap is about to copy all of a block into a new one, and then to free it. */
    void (*copied)(struct sys_heap *heap, const struct note_block *block);
    /* A block is about to be given back. */
    void (*free)(struct sys_heap *heap, const struct note_block *block);
};

/* The first watcher, or NULL. */
extern struct note_watcher *note_watchers;

/* Adds a watcher, for good; one that is there already stays where it is. May be called while other
 * threads use heaps or add watchers. */
void note_watch(struct note_watcher *watcher);

static inline bool note_is_watched(void)
{
    return __builtin_expect(__atomic_load_n(&note_watchers, __ATOMIC_ACQUIRE) != NULL, 0);
}

/* The slow halves: tell every watcher. */
void note_tell_enter(void);
void note_tell_leave(void);
void note_tell_begin(struct sys_heap *heap, void *mem, size_t bytes);
void note_tell_extend(struct sys_heap *heap, void *mem, size_t bytes);
void note_tell_cut(struct sys_heap *heap, void *end);
void note_tell_alloc(struct sys_heap *heap, const struct note_block *block);
void note_tell_resize(struct sys_heap *heap, const struct note_block *block,
                      size_t old_usable_bytes);
void note_tell_copied(struct sys_heap *heap, const struct note_block *block);
void note_tell_free(struct sys_heap *heap, const struct note_block *block);

static inline void note_enter(void)
{
    if (note_is_watched()) {
        note_tell_enter();
    }
}

static inline void note_leave(void)
{
    if (note_is_watched()) {
        note_tell_leave();
    }
}

static inline void note_begin(struct sys_heap *heap, void *mem, size_t bytes)
{
    if (note_is_watched()) {
        note_tell_begin(heap, mem, bytes);
    }
}

static inline void note_extend(struct sys_heap *heap, void *mem, size_t bytes)
{
    if (note_is_watched()) {
        note_tell_extend(heap, mem, bytes);
    }
}

static inline void note_cut(struct sys_heap *heap, void *end)
{
    if (note_is_watched()) {
        note_tell_cut(heap, end);
    }
}

#endif
