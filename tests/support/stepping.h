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

#endif
