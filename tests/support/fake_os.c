/* SPDX-License-Identifier: Apache-2.0 */
/* The fake operating system: lib/os/os.h on a script (fake_os_script.c). Its memory is
 * fake_os_book.c. */
#include "fake_os.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_os_book.h"
#include "fake_os_script.h"
#include "os/checkers.h"
#include "os/os.h"

#define USUAL_CPU_COUNT 4u

unsigned char checkers_present; /* memory checkers are told nothing */

static bool checker_runs;

bool checkers_run(void)
{
    return checker_runs;
}

void checkers_mapped(void *start, size_t bytes)
{
    (void)start;
    (void)bytes;
}

/* Most tests are of what is behind this front end, and of what it asks of the system. */
#define USUAL_OPTIONS "frontend=heap"

static unsigned int cpu_count = USUAL_CPU_COUNT;
static uint64_t clock_ns = 1000;
static const char *options_text = USUAL_OPTIONS;
static bool environment_ready = true;
static char appended[4096];
static size_t appended_bytes;
static char appended_path[512];
static void (*fork_handlers[3])(void); /* prepare, parent, child */

/* os.h. */

size_t os_page_bytes(void)
{
    return book_page_bytes;
}

unsigned int os_cpu_count(void)
{
    return cpu_count;
}

uint64_t os_now_ns(void)
{
    script_acquire();
    uint64_t now_ns = clock_ns;
    script_release();
    return now_ns;
}

void os_sleep_until(uint64_t deadline_ns)
{
    while (deadline_ns == UINT64_MAX) {
        pause();
    }
    script_acquire();
    clock_ns = clock_ns < deadline_ns ? deadline_ns : clock_ns;
    script_release();
}

static void *begin_and_make(enum fake_os_call call, size_t bytes, size_t align)
{
    int saved_errno = errno;
    bool fails = script_begin(call);
    void *start = book_make(call, bytes, align, fails);

    script_release();
    errno = saved_errno;
    return start;
}

void *os_reserve(size_t bytes, size_t align)
{
    return begin_and_make(FAKE_OS_RESERVE, bytes, align);
}

void *os_map(size_t bytes, size_t align)
{
    return begin_and_make(FAKE_OS_MAP, bytes, align);
}

static bool begin_and_change(enum fake_os_call call, void *start, size_t bytes,
                             void (*change)(void *start, size_t bytes, bool fails))
{
    int saved_errno = errno;
    bool fails = script_begin(call);

    change(start, bytes, fails);
    script_release();
    errno = saved_errno;
    return !fails;
}

bool os_commit(void *start, size_t bytes)
{
    return begin_and_change(FAKE_OS_COMMIT, start, bytes, book_commit);
}

bool os_make_readable(void *start, size_t bytes)
{
    return begin_and_change(FAKE_OS_MAKE_READABLE, start, bytes, book_make_readable);
}

bool os_decommit(void *start, size_t bytes)
{
    script_acquire();
    book_begin_decommit(start, bytes);
    script_release();
    return begin_and_change(FAKE_OS_DECOMMIT, start, bytes, book_decommit);
}

bool os_unmap(void *start, size_t bytes)
{
    return begin_and_change(FAKE_OS_UNMAP, start, bytes, book_unmap);
}

bool os_discard(void *start, size_t bytes)
{
    return begin_and_change(FAKE_OS_DISCARD, start, bytes, book_discard);
}

void os_prefer_huge(void *start, size_t bytes)
{
    script_begin(FAKE_OS_PREFER_HUGE);
    book_require_known(start, bytes);
    script_release();
}

bool os_resize(void *start, size_t old_bytes, size_t new_bytes)
{
    int saved_errno = errno;
    bool fails = script_begin(FAKE_OS_RESIZE);
    bool done = book_resize(start, old_bytes, new_bytes, fails);

    script_release();
    errno = saved_errno;
    return done;
}

bool os_move(void *start, size_t old_bytes, void *target, size_t new_bytes)
{
    int saved_errno = errno;
    bool fails = script_begin(FAKE_OS_MOVE);

    book_move(start, old_bytes, target, new_bytes, fails);
    script_release();
    errno = saved_errno;
    return !fails;
}

bool os_move_out(void *start, size_t old_bytes, void *target, size_t new_bytes)
{
    int saved_errno = errno;
    bool fails = script_begin(FAKE_OS_MOVE_OUT);

    book_move_out(start, old_bytes, target, new_bytes, fails);
    script_release();
    errno = saved_errno;
    return !fails;
}

void os_name(void *start, size_t bytes, const char *name)
{
    (void)name;
    script_acquire();
    book_require_known(start, bytes);
    script_release();
}

uint64_t os_random(void)
{
    return 0x6a09e667f3bcc908u; /* any constant: the same run again is the same run */
}

void os_yield(void)
{
    script_begin(FAKE_OS_YIELD);
    script_release();
    sched_yield();
}

bool os_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    bool fails = script_begin(FAKE_OS_AT_FORK);

    fork_handlers[0] = prepare;
    fork_handlers[1] = parent;
    fork_handlers[2] = child;
    script_release();
    return !fails;
}

const char *os_environment(const char *name)
{
    return environment_ready && strcmp(name, "QUARRY_OPTIONS") == 0 ? options_text : NULL;
}

bool os_environment_ready(void)
{
    return environment_ready;
}

bool os_append(const char *path, const char *text, size_t bytes)
{
    int saved_errno = errno;
    bool fails = script_begin(FAKE_OS_APPEND);
    size_t room = sizeof(appended) - 1 - appended_bytes;
    size_t taken = bytes < room ? bytes : room;

    if (!fails) {
        memcpy(appended + appended_bytes, text, taken);
        appended_bytes += taken;
        snprintf(appended_path, sizeof(appended_path), "%s", path);
    }
    script_release();
    if (!fails && strcmp(path, "stderr") == 0) { /* death tests read it there */
        fails = write(STDERR_FILENO, text, bytes) != (ssize_t)bytes;
    }
    errno = saved_errno;
    return !fails;
}

bool os_print(const char *text, size_t bytes)
{
    return os_append("stdout", text, bytes);
}

void (*os_find_function(const char *library, const char *name))(void)
{
    (void)library;
    (void)name;
    return NULL;
}

int os_process_id(void)
{
    return (int)getpid();
}

const char *os_program_name(void)
{
    return "fake";
}

/* What the system says, and what it was told. */

void fake_os_reset(void)
{
    script_acquire();
    script_forget();
    cpu_count = USUAL_CPU_COUNT;
    options_text = USUAL_OPTIONS;
    environment_ready = true;
    checker_runs = false;
    appended_bytes = 0;
    memset(appended, 0, sizeof(appended));
    appended_path[0] = '\0';
    script_release();
}

void fake_os_advance_ns(uint64_t ns)
{
    script_acquire();
    clock_ns += ns;
    script_release();
}

void fake_os_set_cpu_count(unsigned int count)
{
    cpu_count = count;
}

void fake_os_set_page_bytes(size_t bytes)
{
    book_page_bytes = bytes;
}

void fake_os_set_options(const char *text)
{
    options_text = text;
}

void fake_os_set_environment_ready(bool ready)
{
    environment_ready = ready;
}

void fake_os_set_checkers_run(bool runs)
{
    checker_runs = runs;
}

const char *fake_os_appended(void)
{
    return appended;
}

const char *fake_os_appended_path(void)
{
    return appended_path;
}

void fake_os_call_prepare(void)
{
    fork_handlers[0]();
}

void fake_os_call_parent(void)
{
    fork_handlers[1]();
}

void fake_os_call_child(void)
{
    fork_handlers[2]();
}

size_t fake_os_reserved_bytes(void)
{
    script_acquire();
    size_t bytes = book_reserved_bytes();
    script_release();
    return bytes;
}

size_t fake_os_usable_bytes(void)
{
    script_acquire();
    size_t bytes = book_usable_bytes();
    script_release();
    return bytes;
}

bool fake_os_is_usable(const void *start, size_t bytes)
{
    script_acquire();
    bool usable = book_is_usable((uintptr_t)start, (uintptr_t)start + bytes);
    script_release();
    return usable;
}
