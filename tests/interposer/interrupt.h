/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that interrupt the program at a steady rate. */
#ifndef QUARRY_TESTS_INTERPOSER_INTERRUPT_H
#define QUARRY_TESTS_INTERPOSER_INTERRUPT_H

#include <signal.h>
#include <time.h>

#include "expect.h"

/* From now on handler runs every interval_ns nanoseconds, less than a second. */
static inline void interrupt_every(long interval_ns, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec times = {.it_value = {0, interval_ns}, .it_interval = {0, interval_ns}};
    timer_t timer;
    EXPECT(sigaction(SIGUSR1, &action, NULL) == 0);
    EXPECT(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    EXPECT(timer_settime(timer, 0, &times, NULL) == 0);
}

#endif
