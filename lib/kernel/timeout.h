/* SPDX-License-Identifier: Apache-2.0 */
/* What a timeout means on the clock of os_now_ns. */
#ifndef QUARRY_KERNEL_TIMEOUT_H
#define QUARRY_KERNEL_TIMEOUT_H

#include <stdint.h>
#include <zephyr/sys_clock.h>

/* The deadline that never comes. */
#define TIMEOUT_NEVER UINT64_MAX

/* When a timeout that begins now ends, on os_now_ns's clock: TIMEOUT_NEVER for K_FOREVER and for
 * nothing else, 0 for K_NO_WAIT, and for a relative finite timeout no earlier than it says. */
uint64_t timeout_deadline_ns(k_timeout_t timeout);

#endif
