/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Where code runs, and how it gives up.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    O(1).
 *
 * Blocks:  never.
 *
 * Threads: any.
 *
 * Signals: also from a handler.
 *
 * Source:  Zephyr's <zephyr/kernel.h>.
 */
#ifndef ZEPHYR_INCLUDE_KERNEL_CONTEXT_H_
#define ZEPHYR_INCLUDE_KERNEL_CONTEXT_H_

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/**
 * Tells whether the calling thread runs what stands for the handler of an interrupt.
 *
 * @return true iff it is inside of irq_offload (<zephyr/irq_offload.h>)
 *
 * Differs from Zephyr: of a handler that the system calls for a signal it knows nothing.
 */
bool k_is_in_isr(void);

/**
 * Gives up: reports that, with the address of the caller, and aborts (<quarry/fault.h>).
 */
__attribute__((noreturn, cold)) void k_panic(void);

/**
 * Does what k_panic does.
 *
 * Differs from Zephyr: there, an application may choose to end only the thread.
 */
__attribute__((noreturn, cold)) void k_oops(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
