/* SPDX-License-Identifier: Apache-2.0 */
/* Object cores, for the objects that have one. */
#ifndef QUARRY_KERNEL_OBJ_CORE_H
#define QUARRY_KERNEL_OBJ_CORE_H

#include <zephyr/kernel/obj_core.h>

/* For an object that is made at run time: sets its core up, and puts it on the list if it is a
 * variable of the program. If there is no memory for the list, or in a signal handler that cannot
 * have the lock, it is not put there. */
void obj_core_begin(struct k_obj_core *core, struct k_obj_type *type, void *stats);

#endif
