/* SPDX-License-Identifier: Apache-2.0 */
/* Memory checkers: Valgrind's memcheck, AddressSanitizer, MemorySanitizer. None of them needs a
 * library of its own: each is asked whether it runs when the program starts. */
#ifndef QUARRY_OS_CHECKERS_H
#define QUARRY_OS_CHECKERS_H

#include <stddef.h>

#include "core/note.h"

/* What the rest of os/ tells them: these bytes were mapped by a system call that a checker may have
 * overlooked, and read as zeros. Whatever it knew of the addresses is out of date. */
void checkers_mapped(void *start, size_t bytes);

/* The same for bytes that kept their contents, and came here from elsewhere. */
void checkers_moved(void *target, size_t bytes);

/* A checker's watcher, to be called once; NULL if it does not run. And its part in the above,
 * called only if it has a watcher. */
struct note_watcher *valgrind_watcher(void);
void valgrind_mapped(void *start, size_t bytes);
struct note_watcher *asan_watcher(void);
void asan_mapped(void *start, size_t bytes);
struct note_watcher *msan_watcher(void);
void msan_mapped(void *start, size_t bytes);
void msan_moved(void *target, size_t bytes);

#endif
