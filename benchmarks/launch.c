// SPDX-License-Identifier: Apache-2.0
// Runs one command and appends what it used to a file: the ruler of `./dev bench`.
//
//     launch REPORT COMMAND [ARGUMENT...]
//
// The kernel starts a process's peak of resident memory at the size of the process that forked it,
// so whatever a Python program starts seems to need what that Python needs, 20 MiB and more. This
// program is linked statically: it stays under 1 MiB, and the dynamic linker preloads nothing into
// it, only into the command. The clock also starts here, next to the fork, and not in an
// interpreter.
//
//     Python ──fork, exec──► launch (static, small) ──fork, exec──► the command, under its
//     allocator
//                              └── wait4: time, processor time, peak, faults, switches ──► REPORT
//
// 1. One line of numbers per command, in the order of the struct below, appended in a single write.
// 2. The figures are of the command and of every descendant that was waited for. The peak is that
// of
//    the largest single process; everything else is a sum.
// 3. The exit status is 0 if and only if the line was written. How the command ended stands in it.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    FIRST_OF_COMMAND = 2,
    NOT_MEASURED = 125, // as `env` and `timeout` say that they themselves failed
    NOT_STARTED = 127,  // as a shell says that there is no such command
};

struct measured {
    int wait_status;        // as wait4 gives it
    int64_t elapsed_ns;     // from before the fork to after the wait
    struct rusage resource; // of the command and its descendants
};

static int64_t now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        perror("launch: clock_gettime");
        exit(NOT_MEASURED);
    }
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t microseconds(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

static void run(char **command, struct measured *measured)
{
    int64_t started = now_ns();
    pid_t child = fork();
    if (child == 0) {
        execvp(command[0], command);
        perror(command[0]);
        _exit(NOT_STARTED);
    }
    if (child < 0 || wait4(child, &measured->wait_status, 0, &measured->resource) != child) {
        perror("launch: fork or wait4");
        exit(NOT_MEASURED);
    }
    measured->elapsed_ns = now_ns() - started;
}

static int append(const char *path, const struct measured *measured)
{
    const struct rusage *used = &measured->resource;
    FILE *report = fopen(path, "a");
    if (report == NULL) {
        return -1;
    }
    int written = fprintf(report, "%d %lld %lld %lld %ld %ld %ld %ld %ld\n", measured->wait_status,
                          (long long)measured->elapsed_ns, (long long)microseconds(used->ru_utime),
                          (long long)microseconds(used->ru_stime), used->ru_maxrss, used->ru_minflt,
                          used->ru_majflt, used->ru_nvcsw, used->ru_nivcsw);
    return fclose(report) == 0 && written > 0 ? 0 : -1;
}

int main(int count, char **arguments)
{
    struct measured measured = {0};
    if (count <= FIRST_OF_COMMAND) {
        fputs("usage: launch REPORT COMMAND [ARGUMENT...]\n", stderr);
        return NOT_MEASURED;
    }
    run(&arguments[FIRST_OF_COMMAND], &measured);
    if (append(arguments[1], &measured) != 0) {
        perror(arguments[1]);
        return NOT_MEASURED;
    }
    return 0;
}
