/* SPDX-License-Identifier: Apache-2.0 */
/* What os.h says about signals that the library answers, on Linux: one of them at most.
 *
 * System calls used: rt_sigaction. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "os/os.h"

#define SIGNALS_MOST 1000 /* numbers in a name stay far below what an int holds */

static void (*answer)(void); /* written before there is a handler that reads it */

/* Digits and nothing else, below SIGNALS_MOST; -1: they are none. */
static int number_of(const char *digits, size_t length)
{
    int number = 0;

    for (size_t i = 0; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '9' || number >= SIGNALS_MOST / 10) {
            return -1;
        }
        number = number * 10 + (digits[i] - '0');
    }
    return length != 0 ? number : -1;
}

/* Signals that are about an instruction of the thread, and such as no handler can be had for. */
static bool can_be_had(int number)
{
    static const int others[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE,
                                 SIGILL,  SIGTRAP, SIGSYS,  SIGABRT};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (number == others[i]) {
            return false;
        }
    }
    /* In between are those that the C library has for itself. */
    return number > 0 && number <= SIGRTMAX && (number < __SIGRTMIN || number >= SIGRTMIN);
}

int os_signal_number(const char *name, size_t length)
{
    static const char realtime[] = "RTMIN+";
    const size_t prefix = sizeof(realtime) - 1;
    int number = number_of(name, length);

    if (length == 4 && memcmp(name, "USR1", 4) == 0) {
        number = SIGUSR1;
    } else if (length == 4 && memcmp(name, "USR2", 4) == 0) {
        number = SIGUSR2;
    } else if (length > prefix && memcmp(name, realtime, prefix) == 0) {
        int above = number_of(name + prefix, length - prefix);

        number = above >= 0 ? SIGRTMIN + above : -1;
    }
    return can_be_had(number) ? number : 0;
}

static void handle(int number)
{
    (void)number;
    answer();
}

bool os_signal_handle(int number, void (*called)(void))
{
    int saved_errno = errno;
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART | SA_ONSTACK};
    struct sigaction before;
    bool is_free = sigaction(number, NULL, &before) == 0 && (before.sa_flags & SA_SIGINFO) == 0 &&
                   before.sa_handler == SIG_DFL;

    if (is_free) {
        answer = called;
        is_free = sigaction(number, &action, NULL) == 0;
    }
    errno = saved_errno;
    return is_free;
}
