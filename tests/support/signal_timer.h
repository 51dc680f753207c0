/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that interrupt a thread at any moment. */
#ifndef QUARRY_TESTS_SIGNAL_TIMER_H
#define QUARRY_TESTS_SIGNAL_TIMER_H

#include <time.h>

/* A timer that sends a signal to the calling thread; to be deleted by timer_delete. */
timer_t signal_timer_make(int number);

/* Has it do so once, after some nanoseconds, less than a second. Signals: from a handler as well,
 * which so lets its thread go on before it comes again. */
void signal_timer_set(timer_t timer, long ns);

#endif
