/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing the process allocator up, from whichever call comes first. */
#ifndef QUARRY_PROCESS_SETUP_H
#define QUARRY_PROCESS_SETUP_H

#include <stdatomic.h>

enum setup_state { SETUP_NOT_BEGUN, SETUP_RUNNING, SETUP_DONE };

extern _Atomic(int) setup_state; /* enum setup_state; acquire, because set-up data go with it */

void setup_run(void);

/* Before anything that uses an arena or an option. */
static inline void setup(void)
{
    if (__builtin_expect(atomic_load_explicit(&setup_state, memory_order_acquire) != SETUP_DONE,
                         0)) {
        setup_run();
    }
}

#endif
