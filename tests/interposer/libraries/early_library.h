/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUARRY_TESTS_INTERPOSER_EARLY_LIBRARY_H
#define QUARRY_TESTS_INTERPOSER_EARLY_LIBRARY_H

/* True iff the block that the library's constructor made holds what was written to it. */
int early_library_is_intact(void);

#endif
