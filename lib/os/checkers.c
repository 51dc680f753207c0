/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the watcher of the memory checker that the program runs under, if any.
 *
 * The constructor has the first priority that programs may use: in a program that links the static
 * library it runs before constructors that make heaps. Those of a shared library always do. A heap
 * that was made even earlier is not known to the checker: its blocks are watched, its headers not.
 * In a program without a checker nothing of this is active. */
#include "os/checkers.h"

#define FIRST_PRIORITY 101

static const struct checker {
    struct note_watcher *(*watcher)(void);
    void (*mapped)(void *start, size_t bytes);
    void (*moved)(void *target, size_t bytes); /* NULL: nothing to do */
} checkers[] = {
    {valgrind_watcher, valgrind_mapped, NULL},
    {asan_watcher, asan_mapped, asan_mapped},
    {msan_watcher, msan_mapped, msan_moved},
};

static const struct checker *running; /* constant once the constructor has run */

__attribute__((constructor(FIRST_PRIORITY))) static void watch_heaps(void)
{
    for (size_t i = 0; running == NULL && i < sizeof(checkers) / sizeof(checkers[0]); i++) {
        struct note_watcher *watcher = checkers[i].watcher();

        if (watcher != NULL) {
            running = &checkers[i];
            note_watch(watcher);
        }
    }
}

void checkers_mapped(void *start, size_t bytes)
{
    if (__builtin_expect(running != NULL, 0)) {
        running->mapped(start, bytes);
    }
}

void checkers_moved(void *target, size_t bytes)
{
    if (__builtin_expect(running != NULL, 0) && running->moved != NULL) {
        running->moved(target, bytes);
    }
}
