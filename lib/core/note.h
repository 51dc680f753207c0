/* SPDX-License-Identifier: Apache-2.0 */
/* What a heap tells whoever watches it. There is one watcher at most, set before the first heap is
 * made. Without one, a note costs a load and a branch.
 *
 * Every call that changes a heap is bracketed: note_enter, the work, what happened, note_leave.
 * Between the two the heap touches its own headers, which nobody else may. */
#ifndef QUARRY_CORE_NOTE_H
#define QUARRY_CORE_NOTE_H

#include <stddef.h>

struct z_heap;

struct note_watcher {
    void (*enter)(void);
    void (*leave)(void);
    /* The heap at h, new or not, now owns these bytes as well, and no block lies in them. */
    void (*begin)(struct z_heap *h, void *mem, size_t bytes);
    void (*extend)(struct z_heap *h, void *mem, size_t bytes);
    /* The heap at h owns nothing from `end` on any more; nothing at all if end is h. */
    void (*cut)(struct z_heap *h, void *end);
    /* A block of `bytes` wanted bytes was made. */
    void (*alloc)(struct z_heap *h, void *mem, size_t bytes);
    /* A block stays where it is; `old_usable` bytes were usable there, now `bytes` are wanted. */
    void (*resize)(struct z_heap *h, void *mem, size_t old_usable, size_t bytes);
    void (*free)(struct z_heap *h, void *mem);
};

/* NULL: nobody watches. lib/os/valgrind.c defines and sets it; a freestanding user of core defines
 * its own. */
extern const struct note_watcher *note_watcher;

#define NOTE(...)                                                                                  \
    do {                                                                                           \
        if (__builtin_expect(note_watcher != NULL, 0)) {                                           \
            note_watcher->__VA_ARGS__;                                                             \
        }                                                                                          \
    } while (0)

static inline void note_enter(void)
{
    NOTE(enter());
}

static inline void note_leave(void)
{
    NOTE(leave());
}

static inline void note_begin(struct z_heap *h, void *mem, size_t bytes)
{
    NOTE(begin(h, mem, bytes));
}

static inline void note_extend(struct z_heap *h, void *mem, size_t bytes)
{
    NOTE(extend(h, mem, bytes));
}

static inline void note_cut(struct z_heap *h, void *end)
{
    NOTE(cut(h, end));
}

static inline void note_alloc(struct z_heap *h, void *mem, size_t bytes)
{
    if (mem != NULL) {
        NOTE(alloc(h, mem, bytes));
    }
}

static inline void note_resize(struct z_heap *h, void *mem, size_t old_usable, size_t bytes)
{
    NOTE(resize(h, mem, old_usable, bytes));
}

static inline void note_free(struct z_heap *h, void *mem)
{
    NOTE(free(h, mem));
}

#undef NOTE

#endif
