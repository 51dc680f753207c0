/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Threads: who is running, how urgent it is, and as much of creating, joining and aborting as code
 * around memory needs.
 *
 *     static K_THREAD_STACK_DEFINE(stack, 1024);
 *     static struct k_thread worker;
 *
 *     k_thread_create(&worker, stack, K_THREAD_STACK_SIZEOF(stack), work, NULL, NULL, NULL,
 *                     K_PRIO_PREEMPT(3), 0, K_NO_WAIT);
 *     k_thread_join(&worker, K_FOREVER);
 *
 * Every thread of the process is a thread here, whoever created it. Threads run when the system
 * lets them; their *logical* priority decides nothing but who of those that wait for memory is
 * served first, and needs no rights. Lower numbers are higher priorities. It is, in this order:
 *
 *   - what k_thread_priority_set or k_thread_create said last;
 *   - in a thread created by quarry_thread_create: what was so set for its creator by then;
 *   - -p for a thread with the system's SCHED_FIFO or SCHED_RR priority p (1 to 99), else 20 plus
 *     its nice value (-20 to 19), as it is at the time it is asked for; 20 if that cannot be read.
 *
 * So what has a priority of Zephyr's (-16 to 15) goes before ordinary threads that have none set.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Threads: any, also several with the same thread as their argument.
 * Signals: not from a handler, but for k_current_get and k_thread_priority_get.
 * Fork:    the child has the thread that forked, under the same identity. Of the others nothing may
 *          be asked there, and their memory may be used for other threads.
 * Owner:   the memory of a thread that k_thread_create made is its creator's, who keeps it until
 *          the thread has ended. That of any other thread is part of the thread, and ends with it.
 * Misuse:  a thread that has ended and is not its creator's memory, or NULL where nothing else is
 *          said, may crash the program.
 * Source:  Zephyr's <zephyr/kernel.h>, section "Thread APIs". Differs from Zephyr: priorities do
 *          not schedule, and there is no more of it than this.
 */
#ifndef ZEPHYR_INCLUDE_KERNEL_THREAD_H_
#define ZEPHYR_INCLUDE_KERNEL_THREAD_H_

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/autoconf.h>
#include <zephyr/spinlock.h>
#include <zephyr/sys_clock.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** Priorities above 0, that Zephyr calls cooperative; here they are merely higher. */
#define CONFIG_NUM_COOP_PRIORITIES 16
/** Priorities from 0 on, that Zephyr calls preemptible. */
#define CONFIG_NUM_PREEMPT_PRIORITIES 15
/** Bytes of a thread's name, the final 0 included: what Linux has room for. */
#define CONFIG_THREAD_MAX_NAME_LEN 16
#define CONFIG_THREAD_NAME         1

/**
 * @name Priorities
 * Differs from Zephyr: any other int is a priority as well, but for INT_MIN.
 * @{
 */
/** The @p x th of the cooperative priorities, 0 to 15: -16 to -1. */
#define K_PRIO_COOP(x) (-(CONFIG_NUM_COOP_PRIORITIES - (x)))
/** The @p x th of the preemptible priorities, 0 to 14. */
#define K_PRIO_PREEMPT(x)                 (x)
#define K_HIGHEST_THREAD_PRIO             (-CONFIG_NUM_COOP_PRIORITIES)
#define K_LOWEST_THREAD_PRIO              CONFIG_NUM_PREEMPT_PRIORITIES
#define K_IDLE_PRIO                       K_LOWEST_THREAD_PRIO
#define K_HIGHEST_APPLICATION_THREAD_PRIO K_HIGHEST_THREAD_PRIO
#define K_LOWEST_APPLICATION_THREAD_PRIO  (K_LOWEST_THREAD_PRIO - 1)
/** @} */

/**
 * @name Options of k_thread_create
 * Differs from Zephyr: they have no effect.
 * @{
 */
#define K_ESSENTIAL     (1u << 0) /**< the system does not do without this thread */
#define K_FP_REGS       (1u << 1) /**< uses floating point */
#define K_USER          (1u << 2) /**< runs without privileges */
#define K_INHERIT_PERMS (1u << 3) /**< may use the objects that its creator may */
/** @} */

/**
 * @name Stacks
 * Arrays that k_thread_create takes. Differs from Zephyr: it does not use them, so they are as
 * large as was asked for, and cost no memory beyond address space.
 * @{
 */
/** A byte of a stack. */
struct z_thread_stack_element {
    char data; /**< never touched */
};
typedef struct z_thread_stack_element k_thread_stack_t;

/** Defines a stack of @p size bytes; "static" may go before it. */
#define K_THREAD_STACK_DEFINE(sym, size) struct z_thread_stack_element sym[size]
/** Defines an array of @p n stacks. */
#define K_THREAD_STACK_ARRAY_DEFINE(sym, n, size) struct z_thread_stack_element sym[n][size]
/** Declares a stack that is defined elsewhere. */
#define K_THREAD_STACK_DECLARE(sym, size) extern struct z_thread_stack_element sym[size]
/** Bytes of a stack (not of what a pointer points to). */
#define K_THREAD_STACK_SIZEOF(sym)                sizeof(sym)
#define K_KERNEL_STACK_DEFINE(sym, size)          K_THREAD_STACK_DEFINE(sym, size)
#define K_KERNEL_STACK_ARRAY_DEFINE(sym, n, size) K_THREAD_STACK_ARRAY_DEFINE(sym, n, size)
#define K_KERNEL_STACK_SIZEOF(sym)                K_THREAD_STACK_SIZEOF(sym)
/** @} */

struct k_heap;
struct k_thread;
struct z_thread_watcher;

/**
 * Identity of a thread: to be compared and printed, not to be looked into.
 *
 * No two living threads of a process have the same; the identity of a thread that has ended may be
 * given to another. The thread that calls fork keeps its identity in the child.
 */
typedef struct k_thread *k_tid_t;

/**
 * What a thread runs.
 *
 * @param p1 the first argument given to k_thread_create
 * @param p2 the second
 * @param p3 the third
 */
typedef void (*k_thread_entry_t)(void *p1, void *p2, void *p3);

/** A thread. Users declare it and give its address to k_thread_create; all in it is the library's
 *  own. It need not be initialised. */
struct k_thread {
    struct k_spinlock lock;                      /**< guards `waiter` and `reorder` */
    void *waiter;                                /**< what stands for the thread in a queue */
    void (*reorder)(void *waiter, int priority); /**< NULL: it waits in none */
    int priority;                                /**< as set, INT_MIN: not; atomic */
    int number;                                  /**< the kernel's, -1: none now; atomic */
    struct k_heap *resource_pool;                /**< k_thread_heap_assign; NULL: none; atomic */
    /* Guarded by the lock of all threads' lives, or written before others know the thread: */
    pthread_t handle;                        /**< the C library's, while the thread runs */
    k_thread_entry_t entry;                  /**< what it runs, if it was created here */
    void *arguments[3];                      /**< of entry */
    uint64_t start_ns;                       /**< deadline of its delay */
    struct z_thread_watcher *start_watchers; /**< the thread itself, until its delay is over */
    struct z_thread_watcher *end_watchers;   /**< those who wait for its end */
    struct k_thread *joins;                  /**< for whose end it waits; NULL: none */
    int state;                               /**< how far its life has come; 0: to its end */
    char name[CONFIG_THREAD_MAX_NAME_LEN];   /**< as set, or empty */
};

/**
 * Returns the calling thread; never NULL, and the same in every call of a thread.
 *
 * It is the struct k_thread given to k_thread_create, or else part of the thread itself.
 *
 * Cost:    O(1); one system call in the first call of a thread that was not created here.
 * Blocks:  never.
 * Signals: also from a handler.
 * Differs from Zephyr: what runs after a thread's entry has returned, as destructors of
 *          thread-local variables do, has an identity of its own.
 */
k_tid_t k_current_get(void);

/**
 * Returns the logical priority of a thread.
 *
 * @param thread the thread
 *
 * Cost:    O(1); if none was set, two system calls.
 * Blocks:  never.
 * Signals: also from a handler.
 */
int k_thread_priority_get(k_tid_t thread);

/**
 * Sets the logical priority of a thread. If it waits in a queue for memory, it moves to its new
 * place there, behind those that have the same priority.
 *
 * @param thread   the thread
 * @param priority lower is higher; INT_MIN: none, so that the system's scheduling decides
 *
 * Cost:    O(1), or O(threads in that queue).
 * Blocks:  for the locks of the thread and of what it waits for.
 * Threads: not from a callback, such as a listener, that is called with a lock held.
 * Differs from Zephyr: the priority is not looked at by the scheduler.
 */
void k_thread_priority_set(k_tid_t thread, int priority);

/**
 * Creates a thread, which runs entry(p1, p2, p3) after a delay. It begins with its creator's
 * resource pool (<zephyr/kernel/system_heap.h>).
 *
 * @param new_thread memory for it, whatever is in it; not in use by a thread that has not ended
 * @param stack      a stack, not used; may be NULL
 * @param stack_size bytes of stack that it needs; it gets 512 KiB more, part of which the system
 *                   uses for thread-local variables
 * @param entry      what it runs; when it returns, the thread ends
 * @param p1         its first argument
 * @param p2         its second argument
 * @param p3         its third argument
 * @param prio       its logical priority; INT_MIN: none, see k_thread_priority_set
 * @param options    K_ESSENTIAL and the like; no effect
 * @param delay      when it begins; K_FOREVER: when k_thread_start is called
 * @return @p new_thread; NULL iff the system has no room for one more thread
 *
 * Cost:    that of pthread_create: several system calls. Allocates.
 * Blocks:  not for the thread.
 * Differs from Zephyr: it may fail. The thread's stack is not @p stack, but is made by the system,
 *          since stacks that suffice for firmware are too small for a C library on Linux. A
 *          priority above the caller's does not make it run at once. pthread_exit, and cancellation
 *          by others, end it as returning from @p entry does.
 */
k_tid_t k_thread_create(struct k_thread *new_thread, k_thread_stack_t *stack, size_t stack_size,
                        k_thread_entry_t entry, void *p1, void *p2, void *p3, int prio,
                        uint32_t options, k_timeout_t delay);

/**
 * Ends the delay of a thread; does nothing if it began already, or has ended.
 *
 * @param thread the thread
 *
 * Cost:    O(1).
 * Blocks:  never for long.
 */
void k_thread_start(k_tid_t thread);

/**
 * Waits until a thread has ended, however it does. Several threads may wait for the same.
 *
 * @param thread  the thread; one that never began to be created, and is all zero, counts as ended
 * @param timeout how long to wait at most
 * @return 0 iff it has ended: its memory is free for other use; -EBUSY iff it has not, and
 *         @p timeout is K_NO_WAIT; -EDEADLK iff it is the caller, or waits itself for the caller to
 *         end; -EINVAL iff it is alive and was not created by k_thread_create; -EAGAIN iff the time
 *         has passed
 *
 * Cost:    O(threads that wait so).
 * Blocks:  for the thread's end. A cancellation point, if it waits.
 * Differs from Zephyr: -EINVAL, for whoever created such a thread joins it. The first to see the
 *          end usually waits for destructors of the thread's local variables as well, as
 *          pthread_join does.
 */
int k_thread_join(struct k_thread *thread, k_timeout_t timeout);

/**
 * Ends a thread, and waits until it has ended. One that has not begun yet just ends; for one that
 * has ended there is nothing to do. For the calling thread it is pthread_exit.
 *
 * @param thread the thread
 *
 * Cost:    O(threads that wait for its end).
 * Blocks:  until it has ended. A cancellation point, if it waits.
 * Misuse:  what the thread has locked or allocated stays so, as with pthread_cancel.
 * Differs from Zephyr: a running thread is cancelled as by pthread_cancel, so it ends at its next
 *          cancellation point: sleeping and waiting for memory are some. One that comes to none is
 *          waited for until its entry returns, if ever. A thread that was not created by
 *          k_thread_create is cancelled, and not waited for: whoever created it does that.
 */
void k_thread_abort(k_tid_t thread);

/**
 * Gives a thread a name, also in the eyes of the system, of debuggers and of heaptrace.
 *
 * @param thread the thread; NULL: the calling one
 * @param str    its name, of which 15 bytes are kept; not NULL
 * @return 0
 *
 * Cost:    O(1), system calls.
 * Blocks:  never for long.
 * Differs from Zephyr: fewer bytes are kept.
 */
int k_thread_name_set(k_tid_t thread, const char *str);

/**
 * Returns the name that k_thread_name_set gave to a thread; "" if it was given none.
 *
 * @param thread the thread, which owns the text; not to be read while another thread changes it
 *
 * Cost:    O(1).
 * Blocks:  never.
 */
const char *k_thread_name_get(k_tid_t thread);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
