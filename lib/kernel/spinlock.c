/* SPDX-License-Identifier: Apache-2.0 */
/* Locks of the program's own, as Zephyr's code expects them: what stands for interrupts, signal
 * handlers, stays away while a thread has one.
 *
 *    lock:    block signals -- first one of this thread? keep what was blocked -- take
 *    unlock:  give back -- last one of this thread? block what was kept
 *
 * A handler may come between any two instructions before signals are blocked and after they are
 * not; it gives back what it takes before it returns, so the thread's count is as it was. */
#include <zephyr/spinlock.h>

#include <errno.h>

#include "kernel/lock.h"
#include "os/os.h"

/* Locks that this thread has or is about to take, and what was blocked before the first of them.
 * Owner thread and its signal handlers only. */
static _Thread_local volatile unsigned int locks_held;
static _Thread_local struct os_signal_mask blocked_before;

static void begin_section(void)
{
    struct os_signal_mask before;

    os_block_signals(&before);
    if (locks_held == 0) {
        blocked_before = before;
    }
    locks_held++;
}

static void end_section(void)
{
    struct os_signal_mask before = blocked_before;

    locks_held--;
    if (locks_held == 0) {
        os_restore_signals(&before);
    }
}

k_spinlock_key_t k_spin_lock(struct k_spinlock *l)
{
    begin_section();
    lock_acquire_any(lock_of(l));
    return (k_spinlock_key_t){0};
}

int k_spin_trylock(struct k_spinlock *l, k_spinlock_key_t *k)
{
    begin_section();
    if (!lock_try_any(lock_of(l))) {
        end_section();
        return -EBUSY;
    }
    *k = (k_spinlock_key_t){0};
    return 0;
}

void k_spin_unlock(struct k_spinlock *l, k_spinlock_key_t key)
{
    (void)key;
    lock_release_any(lock_of(l));
    end_section();
}
