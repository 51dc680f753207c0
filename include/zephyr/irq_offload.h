/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Code that runs as an interrupt would run it, for tests.
 *
 * Source: Zephyr's <zephyr/irq_offload.h>.
 */
#ifndef ZEPHYR_INCLUDE_IRQ_OFFLOAD_H_
#define ZEPHYR_INCLUDE_IRQ_OFFLOAD_H_

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/**
 * What runs so.
 *
 * @param parameter as given to irq_offload
 */
typedef void (*irq_offload_routine_t)(const void *parameter);

/**
 * Calls a function in the calling thread; until it returns, k_is_in_isr() is true there.
 *
 * @param routine   the function; it must return, and is not to leave by longjmp
 * @param parameter passed to it
 *
 * Cost:    O(1), and what @p routine takes.
 *
 * Blocks:  as @p routine does.
 *
 * Threads: any; others do not notice.
 *
 * Signals: also from a handler. May be nested.
 *
 * Differs from Zephyr: there is no interrupt. What a handler of an interrupt must not do, @p
 * routine must not do either, but here it is not noticed.
 */
void irq_offload(irq_offload_routine_t routine, const void *parameter);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
