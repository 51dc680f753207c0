/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The name that Zephyr gives to threads.
 *
 * Source: Zephyr's <zephyr/kernel/thread.h>. Differs from Zephyr: nothing can be done with a
 * thread.
 */
#ifndef ZEPHYR_INCLUDE_KERNEL_THREAD_H_
#define ZEPHYR_INCLUDE_KERNEL_THREAD_H_

#ifdef __cplusplus
extern "C" {
#endif

struct k_thread;

/**
 * Identity of a thread: to be compared and printed, not to be looked into.
 *
 * No two living threads of a process have the same; the identity of a thread that has ended may be
 * given to another. The thread that calls fork keeps its identity in the child.
 */
typedef struct k_thread *k_tid_t;

#ifdef __cplusplus
}
#endif

#endif
