/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Threads of POSIX that inherit what threads of Zephyr do (<zephyr/kernel/thread.h>).
 */
#ifndef QUARRY_THREAD_H_
#define QUARRY_THREAD_H_

#include <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/**
 * Does what pthread_create does; the new thread begins with the logical priority that is set for
 * the caller, and with the caller's resource pool. If no priority is set, the new thread has none
 * set either, and is as urgent as its scheduling, which the system lets it inherit unless @p attr
 * says otherwise.
 *
 * @param thread the new thread is written here; not NULL
 * @param attr   as for pthread_create; NULL: the usual attributes
 * @param start  what it runs
 * @param arg    the argument of @p start
 * @return 0 iff it was created; else what pthread_create returns: EAGAIN (also iff there is no
 *         memory to begin with), EINVAL or EPERM
 *
 * Cost:    that of pthread_create, and of one malloc and free.
 * Blocks:  never.
 * Threads: any.
 * Signals: not from a handler.
 * Owner:   the caller joins or detaches it.
 * Misuse:  as with pthread_create.
 * Source:  POSIX. Differs from Zephyr: not there.
 */
int quarry_thread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                         void *arg);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
