/* SPDX-License-Identifier: Apache-2.0 */
/* Which calls of the fake operating system fail, who watches them, and its lock: what fake_os.c
 * asks before it does anything. The script itself is written by functions of fake_os.h. */
#ifndef QUARRY_TESTS_FAKE_OS_SCRIPT_H
#define QUARRY_TESTS_FAKE_OS_SCRIPT_H

#include <stdbool.h>
#include "fake_os.h"

void script_acquire(void);
void script_release(void);

/* Counts a call, lets its watcher run, and returns whether it is to fail; the lock is held. */
bool script_begin(enum fake_os_call call);

/* Nothing fails, nobody watches, no call was made. With the lock held. */
void script_forget(void);

#endif
