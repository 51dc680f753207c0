/* SPDX-License-Identifier: Apache-2.0 */
/* lib/os/os.h for tests: memory is really mapped, so that code under test works on it, but every
 * range is booked, every use against the contract aborts the test with a message that begins with
 * "fake os:", and failures, the clock, the environment and the processors are what the test says.
 *
 * Addresses are aligned to what was asked and to no more. Behind every mapping made by os_map lies
 * room that nobody is given, so that growing in place succeeds until the test refuses it.
 *
 * Calls may come from several threads; the script is best written while there is one. */
#ifndef QUARRY_TESTS_FAKE_OS_H
#define QUARRY_TESTS_FAKE_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The calls that can be counted, watched and made to fail. */
enum fake_os_call {
    FAKE_OS_RESERVE,
    FAKE_OS_COMMIT,
    FAKE_OS_MAKE_READABLE,
    FAKE_OS_DECOMMIT,
    FAKE_OS_DISCARD,
    FAKE_OS_PREFER_HUGE,
    FAKE_OS_MAP,
    FAKE_OS_UNMAP,
    FAKE_OS_RESIZE,
    FAKE_OS_MOVE,
    FAKE_OS_MOVE_OUT,
    FAKE_OS_AT_FORK,
    FAKE_OS_APPEND,
    FAKE_OS_YIELD,
    FAKE_OS_CALLS
};

/* Back to the start: nothing fails, nothing is watched, all counts and captured texts are empty, 4
 * processors, the usual environment. Memory that is mapped stays booked, and the clock stays. */
void fake_os_reset(void);

/* The n-th call from now on fails, 1 being the next. */
void fake_os_fail_nth(enum fake_os_call call, unsigned int n);
/* The next n calls fail. */
void fake_os_fail_next(enum fake_os_call call, unsigned int n);
/* Every call from now on fails. */
void fake_os_fail_all(enum fake_os_call call);
/* As fake_os_fail_all for each call that asks for memory or changes a mapping. */
void fake_os_fail_all_memory(void);
/* Nothing fails any more. */
void fake_os_fail_none(void);

/* Calls made since fake_os_reset, failed ones too. */
size_t fake_os_calls(enum fake_os_call call);

/* Calls watch(arg) in every such call before it has any effect; NULL ends that. A watcher may call
 * the code under test, as a signal handler would; it is not called from within itself. */
void fake_os_watch(enum fake_os_call call, void (*watch)(void *arg), void *arg);

void fake_os_advance_ns(uint64_t ns);
void fake_os_set_cpu_count(unsigned int count);
/* A power of two, a multiple of the real page size; to be set before anything is mapped. */
void fake_os_set_page_bytes(size_t bytes);
/* Value of the environment variable QUARRY_OPTIONS, which must stay valid; NULL: not set. Until
 * then, and after fake_os_reset, it is "frontend=heap". */
void fake_os_set_options(const char *text);
void fake_os_set_environment_ready(bool ready);
/* What checkers_run says; false after fake_os_reset. */
void fake_os_set_checkers_run(bool runs);

/* What os_append was given since fake_os_reset, of all files together; the path of the last call.
 */
const char *fake_os_appended(void);
const char *fake_os_appended_path(void);

/* The handlers that os_at_fork was given last. */
void fake_os_call_prepare(void);
void fake_os_call_parent(void);
void fake_os_call_child(void);

/* Booked bytes that are reserved, and that are usable: nothing leaked if both are as before. */
size_t fake_os_reserved_bytes(void);
size_t fake_os_usable_bytes(void);
/* Whether all of the range is usable. */
bool fake_os_is_usable(const void *start, size_t bytes);

#endif
