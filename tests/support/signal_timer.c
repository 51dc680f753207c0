/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX timers, with Linux's way to name a thread. */
#include "signal_timer.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

timer_t signal_timer_make(int number)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = number};
    timer_t timer = NULL;

    event._sigev_un._tid = (int)syscall(SYS_gettid);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    return timer;
}

void signal_timer_set(timer_t timer, long ns)
{
    struct itimerspec soon = {.it_value = {.tv_nsec = ns}};

    timer_settime(timer, 0, &soon, NULL);
}
