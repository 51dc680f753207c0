/* SPDX-License-Identifier: Apache-2.0 */
/* A thread of Zephyr's, and two semaphores between it and the test. */
#ifndef QUARRY_TESTS_THREAD_FIXTURE_H
#define QUARRY_TESTS_THREAD_FIXTURE_H

#include <semaphore.h>
#include <zephyr/kernel/thread.h>

#define STACK_BYTES 512
#define MANY        50
#define LONG_S      1000

static K_THREAD_STACK_DEFINE(stack, STACK_BYTES);
static struct k_thread thread;

/* What threads of a test tell it, and wait for. */
static sem_t ready;
static sem_t go;

static int fresh_semaphores(void **state)
{
    (void)state;
    sem_init(&ready, 0, 0);
    sem_init(&go, 0, 0);
    return 0;
}

static int end_of_semaphores(void **state)
{
    (void)state;
    sem_destroy(&ready);
    sem_destroy(&go);
    return 0;
}

static k_tid_t create(struct k_thread *new_thread, k_thread_entry_t entry, void *arg,
                      k_timeout_t delay)
{
    return k_thread_create(new_thread, stack, K_THREAD_STACK_SIZEOF(stack), entry, arg, NULL, NULL,
                           K_PRIO_PREEMPT(3), 0, delay);
}

#endif
