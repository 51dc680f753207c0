/* SPDX-License-Identifier: Apache-2.0 */
/* The list of watchers, and telling all of them. It only ever grows, at its end, so that a heap
 * call in another thread sees either the list before or the list after. */
#include "core/note.h"

#include <stdbool.h>

struct note_watcher *note_watchers;

void note_watch(struct note_watcher *watcher)
{
    struct note_watcher **end = &note_watchers;
    struct note_watcher *there = NULL;

    while (!__atomic_compare_exchange_n(end, &there, watcher, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
        if (there == watcher) {
            return;
        }
        end = &there->next;
        there = NULL;
    }
}

static struct note_watcher *first(void)
{
    return __atomic_load_n(&note_watchers, __ATOMIC_ACQUIRE);
}

static struct note_watcher *after(struct note_watcher *watcher)
{
    return __atomic_load_n(&watcher->next, __ATOMIC_ACQUIRE);
}

/* `arguments` in parentheses. */
#define TELL(event, arguments)                                                                     \
    for (struct note_watcher *watcher = first(); watcher != NULL; watcher = after(watcher)) {      \
        if (watcher->event != NULL) {                                                              \
            watcher->event arguments;                                                              \
        }                                                                                          \
    }

void note_tell_enter(void)
{
    TELL(enter, ());
}

void note_tell_leave(void)
{
    TELL(leave, ());
}

void note_tell_begin(struct sys_heap *heap, void *mem, size_t bytes)
{
    TELL(begin, (heap, mem, bytes));
}

void note_tell_extend(struct sys_heap *heap, void *mem, size_t bytes)
{
    TELL(extend, (heap, mem, bytes));
}

void note_tell_cut(struct sys_heap *heap, void *end)
{
    TELL(cut, (heap, end));
}

void note_tell_alloc(struct sys_heap *heap, const struct note_block *block)
{
    TELL(alloc, (heap, block));
}

void note_tell_resize(struct sys_heap *heap, const struct note_block *block,
                      size_t old_usable_bytes)
{
    TELL(resize, (heap, block, old_usable_bytes));
}

void note_tell_copied(struct sys_heap *heap, const struct note_block *block)
{
    TELL(copied, (heap, block));
}

void note_tell_free(struct sys_heap *heap, const struct note_block *block)
{
    TELL(free, (heap, block));
}
