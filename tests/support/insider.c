/* SPDX-License-Identifier: Apache-2.0 */
#include "insider.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static sem_t is_inside;
static sem_t may_leave;
static pthread_t thread;

void insider_begin(void *(*call)(void *), void *arg)
{
    sem_init(&is_inside, 0, 0);
    sem_init(&may_leave, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, call, arg), 0);
    sem_wait(&is_inside);
}

void insider_stay(void)
{
    sem_post(&is_inside);
    sem_wait(&may_leave);
}

void insider_let_out(void)
{
    sem_post(&may_leave);
}

void *insider_join(void)
{
    void *result;

    pthread_join(thread, &result);
    sem_destroy(&is_inside);
    sem_destroy(&may_leave);
    return result;
}

void *insider_end(void)
{
    insider_let_out();
    return insider_join();
}
