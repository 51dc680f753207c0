/* SPDX-License-Identifier: Apache-2.0 */
/* What os.h says about the calling thread, on Linux.
 *
 * A thread's identity is its pthread_t, which costs no system call and survives fork; the kernel's
 * thread number does not. Its name is the kernel's, as ps and gdb show it, read by prctl.
 *
 * System calls used: prctl (PR_GET_NAME), rt_sigprocmask; getcpu is answered in user space. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "os/os.h"

/* Not every C library has it. */
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define HAVE_BACKTRACE 1
#else
#define HAVE_BACKTRACE 0
#endif

const void *os_thread_id(void)
{
    return (const void *)pthread_self();
}

void os_thread_name(char *name, size_t bytes)
{
    char whole[OS_THREAD_NAME_BYTES + 1] = ""; /* the kernel writes 16 bytes at the most */
    int saved_errno = errno;

    prctl(PR_GET_NAME, whole);
    errno = saved_errno;
    size_t length = strlen(whole);
    length = length < bytes ? length : bytes - 1;
    memcpy(name, whole, length);
    name[length] = '\0';
}

unsigned int os_cpu(void)
{
    int saved_errno = errno;
    int cpu = sched_getcpu();

    errno = saved_errno;
    return cpu >= 0 ? (unsigned int)cpu : 0;
}

#if HAVE_BACKTRACE
size_t os_backtrace(void **addresses, size_t max)
{
    int saved_errno = errno;
    int count = backtrace(addresses, max < INT_MAX ? (int)max : INT_MAX);

    errno = saved_errno;
    return count > 0 ? (size_t)count : 0;
}
#else
size_t os_backtrace(void **addresses, size_t max)
{
    (void)addresses;
    (void)max;
    return 0;
}
#endif

void os_block_signals(struct os_signal_mask *before)
{
    static const int of_instructions[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL,
                                          SIGTRAP, SIGSYS, SIGABRT};
    sigset_t blocked;

    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof(of_instructions) / sizeof(of_instructions[0]); i++) {
        sigdelset(&blocked, of_instructions[i]);
    }
    pthread_sigmask(SIG_BLOCK, &blocked, &before->set); /* cannot fail: the arguments are good */
}

void os_restore_signals(const struct os_signal_mask *before)
{
    pthread_sigmask(SIG_SETMASK, &before->set, NULL);
}
