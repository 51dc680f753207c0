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
    void (*allow)(void *start, size_t bytes);
    void (*forbid)(void *start, size_t bytes);
} checkers[] = {
    {valgrind_watcher, valgrind_mapped, NULL, valgrind_allow, valgrind_forbid},
    {asan_watcher, asan_mapped, asan_mapped, asan_mapped, asan_forbid},
    {msan_watcher, msan_mapped, msan_moved, msan_forget, msan_forget},
};

static const struct checker *running; /* constant once the constructor has run */

unsigned char checkers_present;

__attribute__((constructor(FIRST_PRIORITY))) static void watch_heaps(void)
{
    checkers_present = valgrind_race_detector();
    for (size_t i = 0; running == NULL && i < sizeof(checkers) / sizeof(checkers[0]); i++) {
        struct note_watcher *watcher = checkers[i].watcher();

        if (watcher != NULL) {
            running = &checkers[i];
            note_watch(watcher);
            checkers_present = 1;
        }
    }
}

bool checkers_run(void)
{
    return valgrind_runs() || asan_runs() || msan_runs();
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

void checkers_written(void *start, size_t bytes)
{
    checkers_mapped(start, bytes);
}

void checkers_allow(void *start, size_t bytes)
{
    if (running != NULL) {
        running->allow(start, bytes);
    }
}

void checkers_forbid(void *start, size_t bytes)
{
    if (running != NULL) {
        running->forbid(start, bytes);
    }
}
