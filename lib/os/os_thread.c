/* SPDX-License-Identifier: Apache-2.0 */
/* What os.h says about threads, on Linux.
 *
 * A thread is known by three things:
 *
 *   pthread_t  to the C library: costs no system call, survives fork
 *   number     to the kernel: what a nice value is asked for by; another one in the child of a fork
 *   identity   to users: the pthread_t, unless lib/kernel is there (os_thread_identify_by)
 *
 * Its name is the kernel's, as ps and gdb show it, read by prctl.
 *
 * System calls used: prctl (PR_GET_NAME), rt_sigprocmask; getcpu is answered in user space; gettid,
 * sched_getscheduler, sched_getparam, getpriority, and what the C library's pthread functions need
 * (for names of other threads a file below /proc/self/task). Scheduling is asked for without the C
 * library, since some of them refuse to tell about a thread. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/os.h"

/* A flag in the policy that the kernel tells; older headers lack the name. */
#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif

/* Not every C library has it. */
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define HAVE_BACKTRACE 1
#else
#define HAVE_BACKTRACE 0
#endif

/* NULL: pthread_self. Relaxed: a function is no data. */
static _Atomic(const void *(*)(void)) identity;

void os_thread_identify_by(const void *(*self)(void))
{
    atomic_store_explicit(&identity, self, memory_order_relaxed);
}

const void *os_thread_id(void)
{
    const void *(*self)(void) = atomic_load_explicit(&identity, memory_order_relaxed);

    return self != NULL ? self() : (const void *)pthread_self();
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

/* --- Other threads --- */

int os_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                     void *arg)
{
    return pthread_create(thread, attributes, start, arg);
}

bool os_thread_start(size_t stack_bytes, void *(*start)(void *), void *arg)
{
    pthread_attr_t attributes;
    pthread_t thread;

    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    bool done = pthread_attr_setstacksize(&attributes, stack_bytes) == 0 &&
                pthread_create(&thread, &attributes, start, arg) == 0;
    pthread_attr_destroy(&attributes);
    return done;
}

pthread_t os_thread_handle(void)
{
    return pthread_self();
}

int os_thread_number(void)
{
    return (int)syscall(SYS_gettid);
}

/* That of SCHED_FIFO or SCHED_RR, from 1 on; 0: the thread is scheduled otherwise, or not there. */
static int realtime_priority(int number)
{
    struct sched_param parameters = {0};
    long policy = syscall(SYS_sched_getscheduler, number);

    policy = policy > 0 ? policy & ~(long)SCHED_RESET_ON_FORK : policy;
    if ((policy != SCHED_FIFO && policy != SCHED_RR) ||
        syscall(SYS_sched_getparam, number, &parameters) != 0) {
        return 0;
    }
    return parameters.sched_priority;
}

int os_thread_priority(int number)
{
    int saved_errno = errno;
    int priority = -realtime_priority(number);

    if (priority == 0) {
        errno = 0;
        int nice_value = getpriority(PRIO_PROCESS, (id_t)number); /* a thread's, on Linux */
        priority = OS_THREAD_USUAL_PRIORITY + (errno == 0 ? nice_value : 0);
    }
    errno = saved_errno;
    return priority;
}

void os_thread_set_name(pthread_t thread, const char *name)
{
    char cut[OS_THREAD_NAME_BYTES] = "";
    int saved_errno = errno;

    strncpy(cut, name, sizeof(cut) - 1);
    pthread_setname_np(thread, cut);
    errno = saved_errno;
}

void os_thread_join(pthread_t thread)
{
    int before;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    pthread_join(thread, NULL);
    pthread_setcancelstate(before, &before);
}

void os_thread_cancel(pthread_t thread)
{
    pthread_cancel(thread);
}

void os_thread_refuse_cancel(void)
{
    int before;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
}

void os_thread_exit(void)
{
    pthread_exit(NULL);
}

/* --- The end of a thread --- */

static pthread_key_t end_key;
static void (*at_end)(void);

static void run_at_end(void *arg)
{
    (void)arg;
    at_end();
}

bool os_thread_at_end(void (*ended)(void))
{
    if (pthread_key_create(&end_key, run_at_end) != 0) {
        return false;
    }
    at_end = ended;
    return true;
}

void os_thread_end_arm(void)
{
    if (at_end != NULL) {
        pthread_setspecific(end_key, &end_key);
    }
}
