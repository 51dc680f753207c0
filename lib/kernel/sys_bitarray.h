/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of a bit array, for whoever calls lib/core/bitarray.h. */
#ifndef QUARRY_KERNEL_SYS_BITARRAY_H
#define QUARRY_KERNEL_SYS_BITARRAY_H

#include <zephyr/sys/bitarray.h>

#include "kernel/guard.h"

/* To be called before guard_enter with another lock than the array's, in the child of a fork: once,
 * by a guard_inherit_fn. bitarray_enter does it by itself. */
void bitarray_inherit(void *bitarray, bool was_held);

/* guard_enter and guard_leave; the array is in order, also in the child of a fork. */
void bitarray_enter(sys_bitarray_t *bitarray, struct visit *visit);
void bitarray_leave(sys_bitarray_t *bitarray, struct visit *visit);

#endif
