/* SPDX-License-Identifier: Apache-2.0 */
/* Memory checkers: Valgrind's memcheck, AddressSanitizer, MemorySanitizer. None of them needs a
 * library of its own: each is asked whether it runs when the program starts. */
#ifndef QUARRY_OS_CHECKERS_H
#define QUARRY_OS_CHECKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/note.h"
#include "os/sanitized.h"

/* What the rest of os/ tells them: these bytes were mapped by a system call that a checker may have
 * overlooked, and read as zeros. Whatever it knew of the addresses is out of date. */
void checkers_mapped(void *start, size_t bytes);

/* The same for bytes that kept their contents, and came here from elsewhere. */
void checkers_moved(void *target, size_t bytes);

/* Not 0 if a memory checker runs, or a race detector that knows locks but not atomic instructions:
 * Helgrind or DRD. Constant once the first constructors have run. */
extern unsigned char checkers_present;
bool valgrind_race_detector(void);
bool valgrind_runs(void);

/* Whether a memory checker or another tool of Valgrind runs. Right from the first instruction of
 * the process on. */
bool checkers_run(void);

/* Whether what threads tell each other is to be told under a lock, too, for a tool to see it. */
static inline bool checkers_want_locks(void)
{
    return QUARRY_SANITIZED || checkers_present != 0;
}

/* The library has written these bytes, of the caller's, and they have a value. */
void checkers_written(void *start, size_t bytes);

/* Memory that the library hands out without a sys_heap: the bytes are accessible from now on, and
 * have no value; or nobody may touch them. */
void checkers_allow(void *start, size_t bytes);
void checkers_forbid(void *start, size_t bytes);

/* A checker's watcher, to be called once; NULL if it does not run. And its part in the above,
 * called only if it has a watcher. */
struct note_watcher *valgrind_watcher(void);
void valgrind_mapped(void *start, size_t bytes);
void valgrind_allow(void *start, size_t bytes);
void valgrind_forbid(void *start, size_t bytes);
struct note_watcher *asan_watcher(void);
bool asan_runs(void);
void asan_mapped(void *start, size_t bytes);
void asan_forbid(void *start, size_t bytes);
struct note_watcher *msan_watcher(void);
bool msan_runs(void);
void msan_mapped(void *start, size_t bytes);
void msan_moved(void *target, size_t bytes);
void msan_forget(void *start, size_t bytes);

#endif
