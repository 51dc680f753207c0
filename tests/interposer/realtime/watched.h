/* SPDX-License-Identifier: Apache-2.0 */
/* A stretch of a program in which the calling thread neither asks the system for anything nor
 * faults: a system call other than those that the test itself needs ends the process with SIGSYS.
 * The loads that go on meanwhile write to all bytes of their blocks. */
#ifndef QUARRY_TESTS_INTERPOSER_WATCHED_H
#define QUARRY_TESTS_INTERPOSER_WATCHED_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "../parcels.h"

#define ALLOW(name)                                                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                         \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static inline void apply_filter(struct sock_filter *rules, size_t count)
{
    struct sock_fprog program = {.len = (unsigned short)count, .filter = rules};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) {
        _exit(EXIT_SKIPPED);
    }
}

/* From now on the calling thread may report, end with its process, and nothing else. */
static inline void forbid_system_calls(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(getrusage),
        ALLOW(write),
        ALLOW(exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };

    apply_filter(rules, sizeof(rules) / sizeof(rules[0]));
}

/* The same, and it may end: with what the C library needs for that and the allocator does not. */
static inline void forbid_system_calls_but_to_end(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(getrusage),
        ALLOW(write),
        ALLOW(exit_group),
        ALLOW(exit),
        ALLOW(rt_sigprocmask),
        ALLOW(madvise), /* gives a part of the stack back, and nothing of the allocator's */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };

    apply_filter(rules, sizeof(rules) / sizeof(rules[0]));
}

/* Page faults of the calling thread so far. */
static inline long faults(void)
{
    struct rusage usage;

    EXPECT(getrusage(RUSAGE_THREAD, &usage) == 0);
    return usage.ru_minflt + usage.ru_majflt;
}

/* A size whose logarithm is evenly spread. */
static inline size_t any_size(size_t least, size_t most, uint32_t *state)
{
    size_t bytes = least << next_random(state) % 32;

    while (bytes > most || bytes < least) {
        bytes = least << next_random(state) % 32;
    }
    return bytes - next_random(state) % (bytes / 2 + 1);
}

static inline void step(struct block *block, size_t least, size_t most, uint32_t *state)
{
    if (block->start != NULL) {
        block_free(block);
        return;
    }
    block->bytes = any_size(least, most, state);
    block->start = malloc(block->bytes);
    block_fill(block, state);
}

#endif
