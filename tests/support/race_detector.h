/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests link a library that does not look for Valgrind. */
#ifndef QUARRY_TESTS_RACE_DETECTOR_H
#define QUARRY_TESTS_RACE_DETECTOR_H

#include <stdbool.h>

/* Tells the library, before it is used, if Helgrind or DRD runs. Returns whether one does. */
bool race_detector_announce(void);

/* Whether DRD runs. It believes that a thread which was cancelled in sem_wait still is in it, and
 * does not see what a handler does that has interrupted sem_wait. */
bool race_detector_is_drd(void);

#endif
