/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUARRY_TESTS_INTERPOSER_LOCKING_H
#define QUARRY_TESTS_INTERPOSER_LOCKING_H

/* Allocates and frees while holding the library's lock. */
void allocate_locked(void);

#endif
