/* SPDX-License-Identifier: Apache-2.0 */
/* Something comes in between two instructions of the calling thread, as a signal handler does, at a
 * place that the test chooses: the processor's trap flag counts instructions. */
#ifndef QUARRY_TESTS_STEPPING_H
#define QUARRY_TESTS_STEPPING_H

#include <stdbool.h>
#include <stddef.h>

/* Sets up signals, or skips the running test: sanitizers put many instructions of their own around
 * each, Valgrind has no trap flag, and other processors have it elsewhere. */
void stepping_prepare(void);

/* From now on: after `count` instructions come() is called, in a signal handler. */
void stepping_begin(size_t count, void (*come)(void));

/* No more. True iff it has come. */
bool stepping_end(void);

/* For the handler of another signal: true iff the thread has made no step since the last call, and
 * nothing has come yet. */
bool stepping_is_still(void);

/* For the same, with its context: does not wait for more instructions. */
void stepping_come_now(void *context);

/* Valgrind's own instructions would be stepped through. */
bool stepping_is_under_valgrind(void);

#endif
