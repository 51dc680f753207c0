/* SPDX-License-Identifier: Apache-2.0 */
/* Death tests. The child's standard error is a pipe that the parent reads to its end before it
 * waits for the child, so that a talkative child cannot block for ever. The child must not return
 * into the test runner: it leaves by _exit or by the signal that the crime earns. */
#include "death.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/config.h>

#define CHILD_SECONDS 60u

static void refuse(const char *call)
{
    perror(call);
    exit(1);
}

/* What the dying child has run counts, too, where coverage is measured. A weak reference does not
 * fetch __gcov_dump out of its archive; this one is there if anything is measured. */
void __gcov_exit(void) __attribute__((weak));

static void count_and_die(int number)
{
    __gcov_exit();
    signal(number, SIG_DFL);
    raise(number);
}

static void die_in_child(crime_fn crime, void *arg, int stderr_pipe)
{
    const struct rlimit no_core_file = {.rlim_cur = 0, .rlim_max = 0};
    setrlimit(RLIMIT_CORE, &no_core_file);
    /* the test runner may catch signals: the child shall die of them */
    signal(SIGABRT, __gcov_exit != NULL ? count_and_die : SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
    dup2(stderr_pipe, STDERR_FILENO);
    alarm(CHILD_SECONDS);
    crime(arg);
    _exit(0);
}

static void read_all(int fd, char *text, size_t size)
{
    size_t used = 0;
    char rest[256];
    for (;;) {
        size_t room = size - 1 - used;
        ssize_t got = read(fd, room > 0 ? text + used : rest, room > 0 ? room : sizeof rest);
        if (got <= 0) {
            break;
        }
        used += room > 0 ? (size_t)got : 0;
    }
    text[used] = '\0';
}

struct death death_of(crime_fn crime, void *arg)
{
    struct death death = {.signal = 0};
    int ends[2];
    if (pipe(ends) != 0) {
        refuse("pipe");
    }
    fflush(NULL); /* else the child would inherit unwritten text */
    pid_t child = fork();
    if (child < 0) {
        refuse("fork");
    }
    if (child == 0) {
        close(ends[0]);
        die_in_child(crime, arg, ends[1]);
    }
    close(ends[1]);
    read_all(ends[0], death.message, sizeof death.message);
    close(ends[0]);
    int status = 0;
    if (waitpid(child, &status, 0) != child) {
        refuse("waitpid");
    }
    death.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    death.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    return death;
}

bool death_matches(const struct death *death, const char *phrase)
{
    return death->signal == SIGABRT && strstr(death->message, phrase) != NULL;
}

void expect_death_at(crime_fn crime, void *arg, const char *phrase, const char *file, int line)
{
    struct death death = death_of(crime, arg);
    if (death_matches(&death, phrase)) {
        return;
    }
    print_error("expected: SIGABRT and \"%s\"\n", phrase);
    print_error("got:      signal %d, exit code %d, standard error \"%s\"\n", death.signal,
                death.exit_code, death.message);
    _fail(file, line);
}

void skip_below_hardening(int level)
{
    if (QUARRY_HEAP_HARDENING < level) {
        skip();
    }
}
