/* SPDX-License-Identifier: Apache-2.0 */
/* What code around memory needs of threads. */
#include <zephyr/kernel.h>
#include "catalogue.h"

K_THREAD_STACK_DEFINE(catalogue_stack, 1024);
K_THREAD_STACK_ARRAY_DEFINE(catalogue_stacks, 2, 1024);

K_SEM_DEFINE(catalogue_semaphore, 1, 2);
K_FIFO_DEFINE(catalogue_queue);

static bool spinlocks_work(void)
{
    static struct k_spinlock lock;
    unsigned int rounds = 0;

    K_SPINLOCK(&lock)
    {
        rounds++;
    }
    return rounds == 1;
}

static void semaphores_queues_and_locks(void)
{
    const struct entry entries[] = {
        TYPE(struct k_sem),
        MACRO(K_SEM_DEFINE, k_sem_count_get(&catalogue_semaphore) == 1),
        MACRO(K_SEM_MAX_LIMIT, K_SEM_MAX_LIMIT > 2),
        FUNCTION(k_sem_init),
        FUNCTION(k_sem_take),
        FUNCTION(k_sem_give),
        FUNCTION(k_sem_reset),
        FUNCTION(k_sem_count_get),
        TYPE(struct k_fifo),
        MACRO(K_FIFO_DEFINE, k_fifo_is_empty(&catalogue_queue) != 0),
        FUNCTION(k_fifo_init),
        FUNCTION(k_fifo_put),
        FUNCTION(k_fifo_get),
        FUNCTION(k_fifo_cancel_wait),
        FUNCTION(k_fifo_is_empty),
        TYPE(struct k_spinlock),
        TYPE(k_spinlock_key_t),
        MACRO(K_SPINLOCK, spinlocks_work()),
        FUNCTION(k_spin_lock),
        FUNCTION(k_spin_trylock),
        FUNCTION(k_spin_unlock),
    };

    CATALOGUE(entries);
}

static void threads(void)
{
    const struct entry entries[] = {
        TYPE(struct k_thread),
        TYPE(k_tid_t),
        TYPE(k_thread_stack_t),
        TYPE(k_thread_entry_t),
        TYPE(_wait_q_t),
        MACRO(K_THREAD_STACK_DEFINE, sizeof(catalogue_stack) >= 1024),
        MACRO(K_THREAD_STACK_ARRAY_DEFINE, sizeof(catalogue_stacks) >= 2048),
        MACRO(K_THREAD_STACK_SIZEOF, K_THREAD_STACK_SIZEOF(catalogue_stack) >= 1024),
        MACRO(K_PRIO_PREEMPT, K_PRIO_PREEMPT(3) == 3),
        MACRO(K_PRIO_COOP, K_PRIO_COOP(0) < 0),
        FUNCTION(k_thread_create),
        FUNCTION(k_thread_start),
        FUNCTION(k_thread_join),
        FUNCTION(k_thread_abort),
        FUNCTION(k_thread_name_set),
        FUNCTION(k_thread_name_get),
        FUNCTION(k_thread_priority_set),
        FUNCTION(k_thread_priority_get),
        FUNCTION(k_current_get),
    };

    CATALOGUE(entries);
}

void catalogue_thread(void)
{
    threads();
    semaphores_queues_and_locks();
}
