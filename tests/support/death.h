/* SPDX-License-Identifier: Apache-2.0 */
/* Death tests: run a crime in a child process and look at how the child died. */
#ifndef QUARRY_TESTS_DEATH_H
#define QUARRY_TESTS_DEATH_H

#include <stdbool.h>
#include <stddef.h>

#define DEATH_MESSAGE_BYTES 4096

/* How a child process ended. */
struct death {
    int signal;                        /* the signal that killed it, 0 if it exited by itself */
    int exit_code;                     /* its exit code if signal is 0 */
    char message[DEATH_MESSAGE_BYTES]; /* what it wrote to standard error, cut to fit */
};

typedef void (*crime_fn)(void *arg);

/* Runs crime(arg) in a child process, which exits with 0 if crime returns, and waits for it. A
 * child that hangs is killed after a minute. */
struct death death_of(crime_fn crime, void *arg);

/* True iff the child was killed by SIGABRT and wrote phrase, as it is, to standard error. */
bool death_matches(const struct death *death, const char *phrase);

/* Fails the running cmocka test unless death_matches(death_of(crime, arg), phrase). */
#define expect_death(crime, arg, phrase)                                                           \
    expect_death_at((crime), (arg), (phrase), __FILE__, __LINE__)

void expect_death_at(crime_fn crime, void *arg, const char *phrase, const char *file, int line);

/* Skips a test of what only builds with that much hardening notice (QUARRY_HEAP_HARDENING). */
void skip_below_hardening(int level);

#endif
