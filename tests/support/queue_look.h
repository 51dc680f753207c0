/* SPDX-License-Identifier: Apache-2.0 */
/* Looks into the queue of an object under its lock. */
#ifndef QUARRY_TESTS_QUEUE_LOOK_H
#define QUARRY_TESTS_QUEUE_LOOK_H

#include <stddef.h>
#include "kernel/wait_queue.h"

/* Threads that wait. */
size_t queue_waiters(const struct wait_queue *queue);

/* Returns once that many threads wait. */
void await_queue_waiters(const struct wait_queue *queue, size_t count);

#endif
